"""Writes the model card of a bundle: what the network is, how it was made, and how sure we are; loads no torch."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from distill_core.rows import ExperimentView, RunRow
from distill_core.spec import LONGEST_NAME, Choice, ExperimentSpec, Student

# Our texts stand in the middle of a line, where only these are markup; the last two would become links.
_MARKUP = re.compile(r"([\\`*_\[\]|~$]|\.(?=[^\W\d])|:(?=//))")
_NOT_MEASURED = "not measured"


def markdown_text(text: str, *, longest: int = LONGEST_NAME) -> str:
    """Any user's text as one harmless line of Markdown: no markup, no HTML, no line breaks, not endless."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(line) > longest:
        line = line[: longest - 1] + "…"
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKUP.sub(r"\\\1", line)


def model_card(run: RunRow, view: ExperimentView, *, shape: Sequence[int], verdict: str = "") -> str:
    """The card of one exported run in Markdown; `shape` (C,H,W) of an input; `verdict` judges the run's variant."""
    sections = [
        _head(run, view, shape),
        _section("How good it is", [*_figures(run, view), _judgement(run, verdict)]),
        _section("How fast it is", _latency(run)),
        _section("Is the exported graph the trained network?", [_parity(run)]),
        _section("How it was trained", _training(run, view)),
        _section("Limits", _limits(run, view)),
        _section("How to run it", [_USAGE]),
    ]
    return "\n\n".join(sections) + "\n"


_USAGE = """\
`python run.py` needs only `onnxruntime` and `numpy`. It answers the samples in `test_samples.npz`, compares with
their `expected_logits`, and exits with 1 if they differ.

| file | what it holds |
|---|---|
| `model.onnx` | input `pixels` float32 [batch, C, H, W] from 0 to 1, not normalised; output `logits` [batch, classes] |
| `labels.json` | the class names in the order of the logits |
| `test_samples.npz` | `x` inputs, `y` true classes, `expected_logits` |
| `spec.json` | the whole experiment; Distill Lab runs it again from this file |
| `run.py` | how to use all of the above |"""


def _head(run: RunRow, view: ExperimentView, shape: Sequence[int]) -> str:
    what = {
        "teacher": "A teacher: trained on labels, for students to imitate.",
        "baseline": "A student trained alone, on labels only, for comparison.",
        "student": "A student that learned from a teacher.",
        "compressed": "A compressed network.",
    }[run.role]
    return "\n\n".join(
        [
            f"# {_label(run)}",
            what,
            _table(
                ("", ""),
                [
                    ("Experiment", f"{markdown_text(view.row.name)} (`{view.row.experiment_id}`)"),
                    ("Run", f"`{run.run_id}`"),
                    ("Classifies", f"images into {len(view.class_names)} classes: {_classes(view.class_names)}"),
                    ("Input", f"{' x '.join(map(str, shape))} pixels (channels, height, width), each from 0 to 1"),
                    ("Architecture", _choice(_architecture(run, view.spec), run.architecture)),
                    ("Parameters", f"{run.parameters:,}"),
                    ("Multiply-accumulates", f"{run.macs:,} for one image"),
                    ("Size of model.onnx", _bytes(run.onnx_size_bytes)),
                ],
            ),
        ]
    )


def _figures(run: RunRow, view: ExperimentView) -> list[str]:
    rivals = [run]
    if run.role != "teacher":
        rivals += [
            other for other in view.runs
            if other.role == "baseline" and other.seed == run.seed and other.run_id != run.run_id
            and (other.architecture, other.parameters) == (run.architecture, run.parameters)
        ]
        rivals += [view.teacher] if view.teacher else []
    rows = [
        (
            f"**{_label(run)}** (this model)" if other is run else f"{_label(other)}, {_role(other)}",
            _percent(other.accuracy), _number(other.nll), _number(other.ece), f"{other.parameters:,}",
        )
        for other in rivals
    ]
    total = f"{run.test_total:,} test images" if run.test_total else "test images"
    lines = [
        f"Measured on {total} that chose nothing: not the epoch, not the settings.",
        _table(("network", "accuracy", "NLL (nats)", "ECE", "parameters"), rows),
    ]
    if run.agreement is not None:
        lines.append(f"It names the same class as the teacher for {_percent(run.agreement)} of them.")
    return lines


def _label(run: RunRow) -> str:
    return markdown_text(run.label, longest=LONGEST_NAME + 20)


def _role(run: RunRow) -> str:
    return {"baseline": "same network trained alone, same seed", "teacher": "its teacher"}.get(run.role, run.role)


def _judgement(run: RunRow, verdict: str) -> str:
    if verdict:
        return f"Verdict: {markdown_text(verdict, longest=600)}"
    if run.role == "student":
        return "Verdict: none given; one seed alone does not tell whether the teacher helped."
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
        _table(("batch", "threads", "provider", "p50", "p95", "p99", "repeats"), rows),
    ]
    if run.latency_shared_from:
        lines.append(f"Measured on run `{run.latency_shared_from}`, whose graph is the same but for its weights.")
    return lines


def _parity(run: RunRow) -> str:
    if run.same_class is None or run.test_total is None or run.max_abs_diff is None:
        return "Not compared."
    return (
        f"Over the whole test set the graph and the trained network name the same class for {run.same_class:,} of "
        f"{run.test_total:,} images; their logits differ by at most {run.max_abs_diff:.2g}."
    )


def _training(run: RunRow, view: ExperimentView) -> list[str]:
    spec, teacher = view.spec, run.role == "teacher"
    training = spec.teacher.training if teacher else spec.student_training
    views = spec.teacher.views if teacher else spec.student_views
    rows = [
        ("Dataset", f"`{spec.data.dataset.name}`"),
        ("Learned from", markdown_text(run.samples_seen, longest=300) or "see spec.json"),
        ("Minimised", _terms(run, spec)),
    ]
    if not teacher:
        figure = f", {_percent(view.teacher.accuracy)}" if view.teacher else ""
        rows.append(("Teacher", _choice(spec.teacher.architecture, view.row.teacher) + figure))
    rows += [
        ("Seed", str(run.seed)),
        ("Budget", f"{training.epochs} epochs, batches of {training.batch_size}"),
        ("Optimiser", _params(training.optimizer.model_dump(mode="json")) + f", {training.schedule} schedule"),
        ("Views", _params(views.model_dump(mode="json"))),
        ("Kept", _kept(run)),
        ("Validation", f"{spec.data.validation_fraction:.0%} of the training data, never the test data"),
    ]
    if run.seconds is not None:
        rows.append(("Took", f"{run.seconds:.1f} s"))
    if run.reused_from:
        rows.append(("Trained in", f"experiment `{run.reused_from}`, taken over here"))
    if view.worker:
        worker = view.worker
        threads = f"{worker.threads} thread{'s' if worker.threads != 1 else ''}"
        rows.append(("Device", f"{markdown_text(worker.device_name, longest=200)}, {threads}"))
        rows.append(("Machine", markdown_text(worker.machine, longest=200)))
        versions = ", ".join(f"{name} {version}" for name, version in sorted(worker.versions.items()))
        rows.append(("Versions", markdown_text(versions, longest=600)))
    return [_table(("", ""), rows)]


def _kept(run: RunRow) -> str:
    if run.best_epoch is None:
        return "see spec.json"
    ended = f", of {run.stopped_epoch} trained" if run.stopped_epoch is not None else ""
    rule = f" ({markdown_text(run.stop_rule, longest=300)})" if run.stop_rule else ""
    return f"epoch {run.best_epoch}, the best on validation{ended}{rule}"


def _limits(run: RunRow, view: ExperimentView) -> list[str]:
    lines = [
        "- It knows the classes above and nothing else: any image gets one of them, however little it resembles them.",
        "- The figures hold for images like the test images, prepared in the same way: same size, same channels, "
        "pixels from 0 to 1.",
        "- Latency holds for the machine and the conditions beside it; expect another elsewhere.",
    ]
    withheld = ", ".join(markdown_text(name) for name in view.spec.data.withheld_classes)
    if withheld and run.role != "teacher":
        lines.append(f"- It never saw a sample of class {withheld}.")
    return ["\n".join(lines)]


def _terms(run: RunRow, spec: ExperimentSpec) -> str:
    student = _student(run, spec)
    if student is None:
        return "cross-entropy on labels"
    terms = [
        f"{term.weight:g} times `{term.loss.name}`" + (f" ({_params(term.loss.params)})" if term.loss.params else "")
        for term in student.terms if term.weight > 0
    ]
    return " + ".join(terms)


def _student(run: RunRow, spec: ExperimentSpec) -> Student | None:
    """The variant as designed; None for the teacher and for the baseline that is added to every experiment."""
    if run.role == "teacher":
        return None
    return next((student for student in spec.students if student.name == run.name), None)


def _architecture(run: RunRow, spec: ExperimentSpec) -> Choice | None:
    if run.role == "teacher":
        return spec.teacher.architecture
    student = _student(run, spec)
    same = [other.architecture for other in spec.students if other.architecture.name == run.architecture]
    if student is None:
        return same[0] if len({choice.model_dump_json() for choice in same}) == 1 else None
    return student.architecture


def _choice(choice: Choice | None, otherwise: str) -> str:
    if choice is None:
        return f"`{_code(otherwise)}`"
    return f"`{_code(choice.name)}`" + (f" ({_params(choice.params)})" if choice.params else "")


def _code(text: str) -> str:
    """Inside backticks nothing is markup but the backtick itself, and a table's bar."""
    return " ".join(text.split()).replace("`", "'").replace("|", "/")


def _params(params: dict[str, Any]) -> str:
    pairs = (f"{name} {value if isinstance(value, str) else json.dumps(value)}" for name, value in params.items())
    return markdown_text(", ".join(pairs), longest=400)


def _classes(names: Sequence[str]) -> str:
    shown = ", ".join(markdown_text(name, longest=40) for name in names[:20])
    return shown + (f" and {len(names) - 20} more, see labels.json" if len(names) > 20 else "")


def _percent(value: float | None) -> str:
    return _NOT_MEASURED if value is None or not math.isfinite(value) else f"{100 * value:.1f}%"


def _number(value: float | None) -> str:
    return _NOT_MEASURED if value is None or not math.isfinite(value) else f"{value:.3f}"


def _ms(value: float) -> str:
    return f"{value:.3g}"


def _bytes(size: int | None) -> str:
    return _NOT_MEASURED if size is None else f"{size:,} bytes"


def _section(title: str, parts: Iterable[str]) -> str:
    return "\n\n".join([f"## {title}", *parts])


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
