"""What a staircase says in sentences: what was saved, what was lost, and what is slower here; plain text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from distill_core.charts.descent import Line, Tread, change, lines_of
from distill_core.charts.names import lineage_name
from distill_core.charts.units import milliseconds, size, threads, times
from distill_core.evaluation.latency import REAL
from distill_core.evaluation.metrics import METRICS, primary_metric
from distill_core.language import _, counted, marked
from distill_core.rows import RunRow

# Names inside a file differ by as much.
_SAME_SIZE = 0.01
ZEROS = marked("Masked zeros do not speed up dense kernels, which multiply by zero as by any number")


def summary(line: Line, *, batch: int = 1, threads_used: int = 1) -> str:
    """The whole line in a sentence: bytes, score and speed from its first to its last tread that was made."""
    made = [tread for tread in line.treads if tread.score is not None]
    if len(made) < 2 or made[0] is not line.root:
        return _("Nothing was made yet that could be compared with the network it comes from.")
    first, last = made[0], made[-1]
    parts = [_bytes(first, last), _score(first, last), _speed(first, last, batch=batch, threads_used=threads_used)]
    clauses = _(", ").join(part for part in parts if part)
    clauses = clauses[:1].upper() + clauses[1:]
    if last is line.leaf:
        return _("{clauses}.").format(clauses=clauses)
    return _("{clauses}. Its last step made is “{name}”.").format(clauses=clauses, name=lineage_name(last.step))


def _bytes(first: Tread, last: Tread) -> str:
    before, after = first.file_bytes, last.file_bytes
    if not before or not after:
        return ""
    ratio = before / after
    if abs(ratio - 1) < _SAME_SIZE:
        return _("the file keeps its {size}").format(size=size(after))
    words = _("from {before} to {after} ({times}× smaller)") if ratio > 1 else _(
        "from {before} to {after} ({times}× larger)"
    )
    return words.format(before=size(before), after=size(after), times=times(max(ratio, 1 / ratio)))


def _score(first: Tread, last: Tread) -> str:
    found, metric = change(first, last), METRICS[primary_metric(first.first.task)]
    if found is None:
        return ""
    number, unit = metric.signed(abs(found.mean)).lstrip("+"), metric.unit or metric.title
    amount = metric.with_unit(number) if metric.unit else f"{number} {unit}"
    words = _("{amount} lost") if found.mean < 0 else _("{amount} gained")
    words = words if found.mean else _("no {unit} lost")
    clause = words.format(amount=amount, unit=unit)
    if found.low is None or found.high is None:
        return _("{clause} (one seed)").format(clause=clause)
    return _("{clause} (95% CI {low} to {high}, {seeds})").format(
        clause=clause, low=metric.signed(found.low).replace("-", "−"), high=metric.signed(found.high).replace("-", "−"),
        seeds=counted("{number} seed", "{number} seeds", found.seeds),
    )


def _speed(first: Tread, last: Tread, *, batch: int, threads_used: int) -> str:
    one = first.latency(batch=batch, threads=threads_used)
    other = last.latency(batch=batch, threads=threads_used)
    if one is None or other is None:
        return ""
    ratio = one.p50 / other.p50
    words = _("as fast as before here")
    if ratio > REAL:
        words = _("{times}× faster here").format(times=times(ratio))
    elif ratio < 1 / REAL:
        words = _("{times}× slower here").format(times=times(1 / ratio))
    return _("{speed} (p50 {before} before, {after} after; batch {batch}, {threads})").format(
        speed=words, before=milliseconds(one.p50), after=milliseconds(other.p50), batch=batch,
        threads=threads(threads_used),
    )


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
        found.append(_("{zeros}; they make the file pack better.").format(zeros=_(ZEROS)))
    lowest, end = Tread("", "", tuple(alone)), line.leaf.score
    if alone and lowest.score is not None and end is not None and end < lowest.score:
        metric = METRICS[primary_metric(line.leaf.first.task)]
        found.append(_(
            "In the end it is less accurate ({value}) than the same student trained alone and left whole ({other})."
        ).format(value=metric.value(end), other=metric.value(lowest.score)))
    return found


def slower(before: Tread, after: Tread, *, batch: int, threads_used: int, whole_name: bool = False) -> str:
    """A sentence if a step's network is slower here than the one it was made of; else nothing."""
    one = before.latency(batch=batch, threads=threads_used)
    other = after.latency(batch=batch, threads=threads_used)
    if one is None or other is None or other.p50 <= REAL * one.p50:
        return ""
    name = lineage_name(after.name, 72) if whole_name else lineage_name(after.step)
    return _(
        "“{name}” is slower here than before that step: {after} instead of {before} at batch {batch}, {threads}."
    ).format(
        name=name, after=milliseconds(other.p50), before=milliseconds(one.p50), batch=batch,
        threads=threads(threads_used),
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
