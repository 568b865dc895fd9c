"""What a staircase says in sentences: what was saved, what was lost, and what is slower here; plain text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from distill_core.charts.descent import Line, Tread, change, lines_of
from distill_core.charts.names import lineage_name
from distill_core.charts.units import milliseconds, size, threads, times
from distill_core.evaluation.latency import REAL
from distill_core.evaluation.metrics import METRICS, primary_metric
from distill_core.rows import RunRow

# Names inside a file differ by as much.
_SAME_SIZE = 0.01
ZEROS = "Masked zeros do not speed up dense kernels, which multiply by zero as by any number"


def summary(line: Line, *, batch: int = 1, threads_used: int = 1) -> str:
    """The whole line in a sentence: bytes, score and speed from its first to its last tread that was made."""
    made = [tread for tread in line.treads if tread.score is not None]
    if len(made) < 2 or made[0] is not line.root:
        return "Nothing was made yet that could be compared with the network it comes from."
    first, last = made[0], made[-1]
    parts = [_bytes(first, last), _score(first, last), _speed(first, last, batch=batch, threads_used=threads_used)]
    told = ", ".join(part for part in parts if part)
    ending = "" if last is line.leaf else f" Its last step made is “{lineage_name(last.step)}”."
    return f"{told[:1].upper()}{told[1:]}.{ending}"


def _bytes(first: Tread, last: Tread) -> str:
    before, after = first.file_bytes, last.file_bytes
    if not before or not after:
        return ""
    ratio = before / after
    if abs(ratio - 1) < _SAME_SIZE:
        return f"the file keeps its {size(after)}"
    way = f"{times(ratio)}× smaller" if ratio > 1 else f"{times(1 / ratio)}× larger"
    return f"from {size(before)} to {size(after)} ({way})"


def _score(first: Tread, last: Tread) -> str:
    found, metric = change(first, last), METRICS[primary_metric(first.first.task)]
    if found is None:
        return ""
    lost = metric.signed(abs(found.mean)).lstrip("+")
    unit = metric.unit or metric.title
    told = f"{lost} {unit} {'lost' if found.mean < 0 else 'gained'}" if found.mean else f"no {unit} lost"
    if found.low is None or found.high is None:
        return f"{told} (one seed)"
    interval = f"{metric.signed(found.low)} to {metric.signed(found.high)}".replace("-", "−")
    return f"{told} (95% CI {interval}, {found.seeds} seeds)"


def _speed(first: Tread, last: Tread, *, batch: int, threads_used: int) -> str:
    one = first.latency(batch=batch, threads=threads_used)
    other = last.latency(batch=batch, threads=threads_used)
    if one is None or other is None:
        return ""
    ratio = one.p50 / other.p50
    where = (
        f"(p50 {milliseconds(one.p50)} before, {milliseconds(other.p50)} after; batch {batch}, {threads(threads_used)})"
    )
    if ratio > REAL:
        return f"{times(ratio)}× faster here {where}"
    return f"{times(1 / ratio)}× slower here {where}" if ratio < 1 / REAL else f"as fast as before here {where}"


def cautions(
    line: Line, *, batch: int = 1, threads_used: int = 1, alone: Sequence[RunRow] = ()
) -> list[str]:
    """What a reader must be told: steps that made it slower here, zeros that made nothing faster, and an end below what
    the same student reaches alone and whole."""
    found = []
    for before, after in pairwise(line.treads):
        sentence = slower(before, after, batch=batch, threads_used=threads_used)
        found += [sentence] if sentence else []
    if has_masked_zeros(line):
        found.append(f"{ZEROS}; they make the file pack better.")
    lowest, end = Tread("", "", tuple(alone)), line.leaf.score
    if alone and lowest.score is not None and end is not None and end < lowest.score:
        metric = METRICS[primary_metric(line.leaf.first.task)]
        found.append(
            f"In the end it is less accurate ({metric.value(end)}) than the same student trained alone and left whole "
            f"({metric.value(lowest.score)})."
        )
    return found


def slower(before: Tread, after: Tread, *, batch: int, threads_used: int, whole_name: bool = False) -> str:
    """A sentence if a step's network is slower here than the one it was made of; else nothing."""
    one = before.latency(batch=batch, threads=threads_used)
    other = after.latency(batch=batch, threads=threads_used)
    if one is None or other is None or other.p50 <= REAL * one.p50:
        return ""
    name = lineage_name(after.name, 72) if whole_name else lineage_name(after.step)
    return (
        f"“{name}” is slower here than before that step: {milliseconds(other.p50)} instead of "
        f"{milliseconds(one.p50)} at batch {batch}, {threads(threads_used)}."
    )


def all_slower(runs: Sequence[RunRow], *, batch: int, threads_used: int) -> list[str]:
    """Every compressed network among the runs that is slower here than the one it was made of, each once."""
    found: dict[str, str] = {}
    for line in lines_of(runs):
        for before, after in pairwise(line.treads):
            told = slower(before, after, batch=batch, threads_used=threads_used, whole_name=True)
            if told:
                found.setdefault(after.name, told)
    return list(found.values())


def zeros_of(tread: Tread) -> tuple[int, int]:
    """(zeros, weights) of all layers, of the first seed that tells."""
    layers = next((run.layers for run in tread.runs if run.layers), ())
    return sum(layer.zeros for layer in layers), sum(layer.weights for layer in layers)


def has_masked_zeros(line: Line) -> bool:
    """Whether a step set weights to 0 without cutting any; a stray zero or two is not that."""
    for before, after in pairwise(line.treads):
        zeros, weights = zeros_of(after)
        if weights and zeros > 0.01 * weights and zeros > zeros_of(before)[0] and after.macs == before.macs:
            return True
    return False
