"""What a model card says of how a compressed network was made of a trained one; loads no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from distill_core.deployment.card_words import counted
from distill_core.deployment.markdown import NOT_MEASURED, choice, markdown_text, number, percent, table
from distill_core.folders import ExperimentFolder, read_json
from distill_core.rows import ExperimentView, RunRow
from distill_core.signature import Signature
from distill_core.spec import LONGEST_NAME, Choice


@dataclass(frozen=True)
class Made:
    """One run of a line of descent, and the step that made it of the one before; None for the trained network."""

    run: RunRow
    step: Choice | None


def steps_behind(run: RunRow, view: ExperimentView, folder: ExperimentFolder) -> list[Made]:
    """From the trained network down to the run itself; only that for a run that nothing was compressed for."""
    by_id = {other.run_id: other for other in view.runs} | {run.run_id: run}
    line = [run]
    while line[0].parent in by_id:
        line.insert(0, by_id[line[0].parent])
    return [Made(one, _step(one, folder)) for one in line]


def _step(run: RunRow, folder: ExperimentFolder) -> Choice | None:
    """With its parameters, as the run's folder tells; by name alone where an older version kept no more."""
    if not run.compression_step:
        return None
    kept = folder.run(run.run_id).compression
    told = read_json(kept).get("step") if kept.is_file() else None
    return Choice.model_validate(told) if told else Choice(name=run.compression_step)


def lineage(steps: Sequence[Made], signature: Signature) -> list[str]:
    """Each step with its parameters, and what was left after it."""
    score = "R²" if signature.task == "regression" else "accuracy"
    rows = []
    for made in steps:
        run = made.run
        rows.append((
            choice(made.step) if made.step else f"{run.role} {markdown_text(run.label, longest=LONGEST_NAME + 20)}",
            number(run.r2) if signature.task == "regression" else percent(run.accuracy),
            f"{run.parameters:,}", f"{run.macs:,}", _zeros(run),
            NOT_MEASURED if run.onnx_size_bytes is None else f"{run.onnx_size_bytes:,}",
        ))
    lines = [
        "One step after the other, and what there was after each:",
        table(("step", score, "parameters", "multiply-accumulates", "zeros", "bytes of the ONNX file"), rows),
        "The figures of every compressed network are those of its ONNX file, over the whole test set; those of this "
        "model are of `model.onnx` beside this card.",
    ]
    lines += [markdown_text(note, longest=400) for note in steps[-1].run.compression_notes]
    return lines


def _zeros(run: RunRow) -> str:
    weights = sum(layer.weights for layer in run.layers)
    return percent(sum(layer.zeros for layer in run.layers) / weights) if weights else "-"


def quantized_sentences(run: RunRow, signature: Signature) -> list[str]:
    """How a quantized file differs from the file it was made of."""
    if run.same_class is None or run.test_total is None or run.max_abs_diff is None:
        return ["Not compared."]
    if signature.task == "regression":
        told = (
            "Over the whole test set its values and those of the float file it was made of differ by at most "
            f"{run.max_abs_diff:.2g} standard deviations of the training values."
        )
    else:
        told = (
            f"Over the whole test set it names the same class as the float file it was made of for {run.same_class:,} "
            f"of {run.test_total:,} {counted(signature).removeprefix('test ')}; their logits differ by at most "
            f"{run.max_abs_diff:.2g}."
        )
    return [
        told,
        "It computes in 8-bit integers, which processors round differently: elsewhere a few answers may differ from "
        "those in `test_samples.npz`, and `run.py` allows for that.",
    ]
