"""Says in words what measured latencies mean: which models are faster here, and which are smaller and yet slower."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from distill_core.rows import MeasuredRow

REAL = 1.1
"""Medians of one model differ by up to 5% between processes; a ratio below this is called no difference."""


def comparison(rows: Sequence[MeasuredRow]) -> list[str]:
    """Sentences on one machine's models under one set of conditions, against the teacher, else the largest.

    The warnings come first: a smaller model that is slower. Fewer than two models need no words.
    """
    if len(rows) < 2:
        return []
    first = max([row for row in rows if row.role == "teacher"] or rows, key=lambda row: row.size_bytes)
    others = sorted((row for row in rows if row is not first), key=lambda row: row.p50)
    slower = [row for row in others if row.p50 > first.p50 * REAL]
    faster = [row for row in others if row.p50 * REAL < first.p50]
    alike = [row for row in others if row not in slower and row not in faster]
    sentences = [_slower(row, first) for row in slower]
    if faster:
        # Variants of one network differ by chance: none of them is called the fastest.
        best = [row for row in faster if row.p50 <= faster[0].p50 * REAL]
        times, about = _times(first.p50 / faster[0].p50), "about " if len(best) > 1 else ""
        sentences.append(f"{_names(best)} {about}{times} as fast as {first.model} ({_against(faster[0], first)}).")
    if alike:
        sentences.append(f"{_names(alike)} within 10% of {first.model}: too little to call a difference.")
    return sentences


def across(rows: Sequence[MeasuredRow], names: Mapping[str, str]) -> list[str]:
    """A sentence for each further result that shares a model with the first; `names` by result id.

    `rows` are those of one set of conditions.
    """
    results = list(dict.fromkeys(row.result_id for row in rows))
    first = {row.run_id: row for row in rows if row.result_id == results[0]} if results else {}
    sentences = []
    for result_id in results[1:]:
        shared = [row for row in rows if row.result_id == result_id and row.run_id in first]
        if not shared:
            continue
        row, mine = shared[0], first[shared[0].run_id]
        here, there, figures = names[results[0]], names[result_id], _against(row, mine)
        if row.p50 > mine.p50 * REAL:
            said = f"{row.model} takes {_times(row.p50 / mine.p50)} as long on {there} as on {here} ({figures})."
        elif row.p50 * REAL < mine.p50:
            said = f"{row.model} is {_times(mine.p50 / row.p50)} as fast on {there} as on {here} ({figures})."
        else:
            said = f"{row.model} is about as fast on {there} as on {here} ({figures})."
        sentences.append(said)
    return sentences


def _slower(row: MeasuredRow, first: MeasuredRow) -> str:
    times = _times(row.p50 / first.p50)
    if row.size_bytes < first.size_bytes:
        return f"{row.model} is smaller than {first.model}, yet takes {times} as long here ({_against(row, first)})."
    return f"{row.model} takes {times} as long as {first.model} ({_against(row, first)})."


def _names(rows: Sequence[MeasuredRow]) -> str:
    names = [row.model for row in rows]
    return f"{names[0]} is" if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]} are"


def _against(row: MeasuredRow, first: MeasuredRow) -> str:
    return f"p50 {row.p50:.3g} ms against {first.p50:.3g} ms"


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times" if ratio < 10 else f"{ratio:.0f} times"
