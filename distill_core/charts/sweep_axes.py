"""The axes of a sweep as charts show them: what they are called, which values there are, in which order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distill_core.charts.names import plain_name
from distill_core.language import _, marked
from distill_core.sweep_rows import SweepResults, TrialResult, Values
from distill_core.sweep_spec import AXIS_TITLES, NUMBERS, SweepSpec, value_key

_START_WORDS = {"random": marked("random"), "teacher": marked("the teacher's")}
# Above so many values a picture has no cells but a line of numbers.
MOST_STEPS = 24


@dataclass(frozen=True)
class ShownAxis:
    """One axis: all values that any trial has, numbers ascending, names in the order of the spec."""

    field: str
    title: str
    values: tuple[Any, ...]
    words: tuple[str, ...]
    """What stands at each value; plain text."""
    numeric: bool
    log: bool
    """Whether its numbers are better seen by their logarithm."""

    @property
    def stepped(self) -> bool:
        """Few enough values for a step each."""
        return len(self.values) <= MOST_STEPS

    def place(self, value: Any) -> int:
        """Which of its values; ValueError if none of them."""
        return [value_key(one) for one in self.values].index(value_key(value))


def shown_axes(spec: SweepSpec, trials: Sequence[Mapping[str, Any]]) -> list[ShownAxis]:
    """The axes that differ, with the values of the spec and of all trials (each by axis field)."""
    found = [_shown(spec, axis.field, trials) for axis in spec.axes]
    return [axis for axis in found if len(axis.values) > 1] or found[:1]


def axes_of(results: SweepResults) -> list[ShownAxis]:
    """The axes of a sweep that is under way or ended."""
    return shown_axes(results.row.spec, [trial.values for trial in results.trials])


def _shown(spec: SweepSpec, field: Any, trials: Sequence[Mapping[str, Any]]) -> ShownAxis:
    axis = spec.axis(field)
    listed = [*(axis.values if axis else ()), *(trial[field] for trial in trials if field in trial)]
    values = list({value_key(value): value for value in listed}.values())
    numeric = field in NUMBERS
    if numeric:
        values.sort(key=float)
    ranged_log = bool(axis and axis.log)
    return ShownAxis(
        field, axis_title(field), tuple(values), tuple(value_word(field, value) for value in values), numeric,
        ranged_log or (numeric and _spreads(values)),
    )


def _spreads(values: Sequence[Any]) -> bool:
    """Whether the numbers go over so much that on a plain axis the small ones would lie on each other."""
    return bool(values) and float(values[0]) > 0 and float(values[-1]) / float(values[0]) >= 8


def axis_title(field: Any) -> str:
    """What an axis is called where a line begins, in the reader's language."""
    title = _(AXIS_TITLES[field])
    return title[:1].upper() + title[1:]


def value_word(field: Any, value: Any, *, limit: int = 28) -> str:
    """A value of an axis as plain text: a number, a name with its parameters."""
    if field == "start":
        return _(_START_WORDS.get(value, str(value)))
    if isinstance(value, (int, float)):
        return f"{value:.4g}" if math.isfinite(value) else "–"
    if isinstance(value, str):
        return plain_name(value, limit)
    told = value if isinstance(value, Mapping) else value.model_dump(mode="json")
    params = ", ".join(f"{name}={one}" for name, one in told["params"].items())
    return plain_name(f"{told['name']} ({params})" if params else told["name"], limit)


def values_in_words(values: Mapping[str, Any]) -> str:
    """A trial in short, plain text: "temperature 4, share learnt from the teacher 0.9"."""
    return _(", ").join(
        _("{axis} {value}").format(axis=_(AXIS_TITLES[field]), value=value_word(field, value))  # type: ignore[index]
        for field, value in values.items()
    )


def fitting(trials: Sequence[TrialResult], fixed: Mapping[str, Any]) -> list[tuple[TrialResult, list[Values]]]:
    """The trials that have these values of these axes, each with its combinations that have them.

    A trial stands for all combinations that come to the same.
    """
    wanted = {field: value_key(value) for field, value in fixed.items()}

    def fits(values: Values) -> bool:
        return all(field in values and value_key(values[field]) == key for field, key in wanted.items())

    found = [(trial, [values for values in (trial.values, *trial.twins) if fits(values)]) for trial in trials]
    return [(trial, values) for trial, values in found if values]
