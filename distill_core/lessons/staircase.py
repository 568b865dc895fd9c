"""Lesson 7: distil, cut, learn on, quantize: what each step of compression saves and costs."""

from __future__ import annotations

from distill_core.charts.descent import Line, Tread, change, is_made, lines_of
from distill_core.charts.names import lineage_name
from distill_core.charts.units import milliseconds, size
from distill_core.language import _, marked
from distill_core.lessons.lesson import Formula, Lesson, Part, preset_spec
from distill_core.lessons.outcome import Outcome, points, quoted, share
from distill_core.rows import RunRow
from distill_core.spec import ExperimentSpec


def line_shown(runs: tuple[RunRow, ...]) -> Line | None:
    """The line of the most steps that was made to its end."""
    whole = [line for line in lines_of(runs) if all(any(map(is_made, tread.runs)) for tread in line.treads)]
    return max(whole, key=lambda line: len(line.treads), default=None)


def step_named(tread: Tread) -> str:
    return quoted(lineage_name(tread.step, 60))


def answer(outcome: Outcome) -> list[str]:
    line = line_shown(outcome.view.runs)
    if line is None:
        return [_("No staircase of this experiment was made to its end, so there is nothing to add up.")]
    told = []
    for before, after in zip(line.treads, line.treads[1:], strict=False):
        found = change(before, after)
        if found is not None and before.file_bytes and after.file_bytes:
            told.append(
                _("**{step}**: the file goes from {before} to {after}, accuracy changes by {points} points.").format(
                    step=step_named(after), before=size(before.file_bytes), after=size(after.file_bytes),
                    points=points(found.mean),
                )
            )
    first, last = line.root, line.leaf
    if first.file_bytes and last.file_bytes:
        told.append(
            _("In all {times} times smaller, from {before} to {after} accuracy.").format(
                times=f"{first.file_bytes / last.file_bytes:.1f}", before=share(first.score), after=share(last.score),
            )
        )
    told += _latency(first, last)
    if line.seeds == 1:
        told.append(_("This is one seed: differences of a point are within what chance does. More seeds would tell."))
    return told


def _latency(first: Tread, last: Tread) -> list[str]:
    before, after = (tread.latency(batch=1, threads=1) for tread in (first, last))
    if before is None or after is None:
        return []
    places = {"before": milliseconds(before.p50), "after": milliseconds(after.p50)}
    if after.p50 > before.p50:
        return [_(
            "It did not become faster: p50 goes from {before} to {after} on this machine, one sample, one thread. In "
            "so small a network, converting to 8 bits and back takes longer than the arithmetic saves."
        ).format_map(places)]
    return [_("Latency p50 goes from {before} to {after} on this machine, one sample, one thread.").format_map(places)]


def fits(spec: ExperimentSpec) -> str:
    if not spec.compression.chains:
        return marked("This lesson needs an experiment with a chain of compression steps.")
    return ""


LESSON = Lesson(
    number=7, name="staircase",
    title=marked("The compression staircase"),
    summary=marked("Distil, cut channels, learn on with the teacher, quantize: what each step saves and costs."),
    minutes=7,
    parts=(
        Part(marked("One step at a time"), marked(
            "A student can be made smaller still. Each step of the staircase takes something away and is measured with "
            "its own ONNX file: bytes, accuracy, latency. Only then can it be told which step paid."
        )),
        Part(marked("Cut, then learn on"), marked(
            "*Structured pruning* takes out whole channels, so that the network really becomes smaller; it also "
            "forgets. *Fine-tuning* lets it learn on, with the teacher again. Distillation here is the repair after "
            "the cut."
        )),
        Part(marked("Eight bits"), marked(
            "*Quantization* stores weights as whole numbers of 8 bits instead of 32-bit floats: a quarter of the "
            "bytes. Some samples show which range the activations need. Mostly little accuracy is lost. Faster it is "
            "only where the machine gains more than the conversions cost, so the latency is always measured."
        )),
        Part(marked("Order matters"), marked(
            "A float network can still be cut and trained; an 8-bit file is the end of the line. The second chain of "
            "this experiment quantizes at once, without cutting. Compare both."
        )),
    ),
    formula=Formula(
        r"q = \mathrm{clip}\!\left(\mathrm{round}\!\left(\frac{w}{s}\right), -128, 127\right) \qquad \hat w = s \, q "
        r"\qquad s = \frac{\max |w|}{127}",
        marked("A weight w becomes a whole number q with a scale s for each channel; ŵ is what it stands for "
               "afterwards."),
    ),
    make_spec=lambda: preset_spec("digits-staircase"),
    chart="staircase", control="staircase",
    control_says=marked("Walk down the staircase and read what each step has saved and cost."),
    question=marked("Which step saves most for what it costs? And is the smallest network also the fastest?"),
    answer=answer, fits=fits,
)
