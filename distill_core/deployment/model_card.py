"""Writes the model card of a bundle: what the network is, how it was made, and how sure we are; loads no torch."""

from __future__ import annotations

from collections.abc import Sequence

from distill_core.deployment.card_lineage import Made, lineage, quantized_sentences
from distill_core.deployment.card_training import architecture_of, training_table
from distill_core.deployment.card_words import (
    counted,
    does,
    files,
    limits,
    one,
    parity_sentence,
    score_names,
    takes,
)
from distill_core.deployment.markdown import NOT_MEASURED, choice, markdown_text, number, percent, section, table
from distill_core.rows import ExperimentView, RunRow
from distill_core.signature import Signature
from distill_core.spec import LONGEST_NAME


def model_card(
    run: RunRow, view: ExperimentView, *, signature: Signature, verdict: str = "", steps: Sequence[Made] = (),
    quantized: bool = False, float_weights: bool = False,
) -> str:
    """The card of one exported run in Markdown; `signature` is the graph's; `verdict` judges the run's variant.

    `steps`: the line of descent of a compressed run; `quantized`: the graph computes in integers; `float_weights`: the
    bundle has them beside it.
    """
    # What a compressed network was made of tells what it was trained on.
    trained = steps[0].run if steps else run
    same = section("Is the exported graph the trained network?", [_parity(run, signature)])
    if quantized:
        same = section("How it differs from the float file", quantized_sentences(run, signature))
    how = "How it was trained" if trained is run else "How the network it was made of was trained"
    sections = [
        _head(run, trained, view, signature),
        section("How good it is", [*_figures(run, trained, view, signature), _judgement(run, verdict)]),
        section("How fast it is", _latency(run)),
        *([section("How it was compressed", lineage(steps, signature))] if trained is not run else []),
        same,
        section(how, [training_table(trained, view, signature.task)]),
        section("Limits", _limits(trained, view, signature)),
        section("How to run it", _usage(signature, quantized=quantized, float_weights=float_weights)),
    ]
    return "\n\n".join(sections) + "\n"


def _head(run: RunRow, trained: RunRow, view: ExperimentView, signature: Signature) -> str:
    what = {
        "teacher": "A teacher: trained on labels, for students to imitate.",
        "baseline": "A student trained alone, on labels only, for comparison.",
        "student": "A student that learned from a teacher.",
        "compressed": "A compressed network: made smaller after its training.",
    }[run.role]
    return "\n\n".join(
        [
            f"# {_label(run)}",
            what,
            table(
                ("", ""),
                [
                    ("Experiment", f"{markdown_text(view.row.name)} (`{view.row.experiment_id}`)"),
                    ("Run", f"`{run.run_id}`"),
                    does(signature, _classes(view.class_names)),
                    ("Input", takes(signature)),
                    ("Architecture", choice(architecture_of(trained, view.spec), run.architecture)),
                    ("Parameters", f"{run.parameters:,}"),
                    ("Multiply-accumulates", f"{run.macs:,} for one {one(signature)}"),
                    ("Size of model.onnx", _bytes(run.onnx_size_bytes)),
                ],
            ),
        ]
    )


def _figures(run: RunRow, trained: RunRow, view: ExperimentView, signature: Signature) -> list[str]:
    rivals = [run] if trained is run else [run, trained]
    if trained.role != "teacher":
        rivals += [
            other for other in view.runs
            if other.role == "baseline" and other.seed == run.seed and other not in rivals
            and (other.architecture, other.parameters) == (trained.architecture, trained.parameters)
        ]
        rivals += view.teachers
    rows = [
        (
            f"**{_label(run)}** (this model)" if other is run else f"{_label(other)}, {_role(other, trained)}",
            *_scores(other, signature), f"{other.parameters:,}",
        )
        for other in rivals
    ]
    total = f"{run.test_total:,} {counted(signature)}" if run.test_total else counted(signature)
    lines = [
        f"Measured on {total} that chose nothing: not the epoch, not the settings.",
        table(("network", *score_names(signature), "parameters"), rows),
    ]
    if run.agreement is not None:
        lines.append(f"It names the same class as the teacher for {percent(run.agreement)} of them.")
    return lines


def _scores(run: RunRow, signature: Signature) -> tuple[str, ...]:
    if signature.task == "regression":
        return number(run.r2), number(run.mse)
    return percent(run.accuracy), number(run.nll), number(run.ece)


def _label(run: RunRow) -> str:
    return markdown_text(run.label, longest=LONGEST_NAME + 20)


def _role(run: RunRow, trained: RunRow) -> str:
    if run is trained:
        return "the trained network it was made of"
    return {"baseline": "same network trained alone, same seed", "teacher": "its teacher"}.get(run.role, run.role)


def _judgement(run: RunRow, verdict: str) -> str:
    if verdict:
        return f"Verdict: {markdown_text(verdict, longest=600)}"
    if run.role == "student":
        return "Verdict: none given; one seed alone does not tell whether the teacher helped."
    if run.role == "compressed":
        return "No verdict: the student that it was made of is judged, with its own card."
    return "No verdict: only students that learn from a teacher are judged."


def _latency(run: RunRow) -> list[str]:
    if not run.latency:
        return ["Not measured yet."]
    rows = [
        (str(row.batch), str(row.threads), row.provider, _ms(row.p50), _ms(row.p95), _ms(row.p99), str(row.repeats))
        for row in run.latency
    ]
    machines = ", ".join(dict.fromkeys(markdown_text(row.machine, longest=200) for row in run.latency))
    lines = [
        f"Milliseconds for one batch, in ONNX Runtime, warmed up, nothing else of ours running. Machine: {machines}.",
        table(("batch", "threads", "provider", "p50", "p95", "p99", "repeats"), rows),
    ]
    if run.latency_shared_from:
        lines.append(f"Measured on run `{run.latency_shared_from}`, whose graph is the same but for its weights.")
    return lines


def _parity(run: RunRow, signature: Signature) -> str:
    if run.same_class is None or run.test_total is None or run.max_abs_diff is None:
        return "Not compared."
    return parity_sentence(signature, same=run.same_class, total=run.test_total, difference=run.max_abs_diff)


def _limits(run: RunRow, view: ExperimentView, signature: Signature) -> list[str]:
    lines = [
        *(f"- {sentence}" for sentence in limits(signature)),
        "- Latency holds for the machine and the conditions beside it; expect another elsewhere.",
    ]
    withheld = ", ".join(markdown_text(name) for name in view.spec.data.withheld_classes)
    if withheld and run.role != "teacher":
        lines.append(f"- It never saw a sample of class {withheld}.")
    return ["\n".join(lines)]


def _classes(names: Sequence[str]) -> str:
    shown = ", ".join(markdown_text(name, longest=40) for name in names[:20])
    return shown + (f" and {len(names) - 20} more, see labels.json" if len(names) > 20 else "")


def _usage(signature: Signature, *, quantized: bool, float_weights: bool) -> list[str]:
    output = signature.output_name
    differ = "differ by more than other processors may round" if quantized else "differ"
    held = files(signature, float_weights=float_weights)
    return [
        f"`python run.py` needs only `onnxruntime` and `numpy`. It answers the samples in `test_samples.npz`, compares "
        f"with their `expected_{output}`, and exits with 1 if they {differ}.",
        "`python measure.py` needs the same two packages. It measures latency, start and memory on the machine it runs "
        "on, and writes a JSON file that Distill Lab's page *Latency lab* shows beside other machines.",
        table(("file", "what it holds"), [(f"`{name}`", what) for name, what in held]),
    ]


def _ms(value: float) -> str:
    return f"{value:.3g}"


def _bytes(size: int | None) -> str:
    return NOT_MEASURED if size is None else f"{size:,} bytes"
