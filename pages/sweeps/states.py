"""The words and looks of sweeps: their states, their methods, what they vary."""

from __future__ import annotations

from distill_core.charts.names import plain_name
from distill_core.charts.sweep_axes import axis_title, value_word
from distill_core.language import _, counted, marked
from distill_core.sweep_rows import SweepRow, SweepState
from distill_core.sweep_spec import Axis, SweepSpec
from pages.ui.words import Colour

STATES: dict[SweepState, tuple[str, str, Colour]] = {
    "running": (marked("running"), ":material/play_circle:", "blue"),
    "stopping": (marked("stopping"), ":material/stop_circle:", "orange"),
    "finished": (marked("finished"), ":material/check_circle:", "green"),
    "stopped": (marked("stopped"), ":material/pause_circle:", "orange"),
    "failed": (marked("failed"), ":material/error:", "red"),
}
METHODS: dict[str, str] = {
    "grid": marked("Grid"), "random": marked("Random"), "optuna": marked("Optuna"),
}


def state(state: SweepState) -> tuple[str, str, Colour]:
    """A sweep's state in a word, its icon and its colour."""
    word, icon, colour = STATES[state]
    return _(word), icon, colour


def axis_in_words(axis: Axis) -> str:
    """"Temperature: 1, 2, 4, 8, 16", plain text."""
    if axis.ranged:
        span = _("{axis}: {low} to {high}")
        return span.format(axis=axis_title(axis.field), low=f"{axis.low:g}", high=f"{axis.high:g}")
    values = [value_word(axis.field, value) for value in axis.values]
    text = _(", ").join(values[:8]) + ("…" if len(values) > 8 else "")
    return _("{axis}: {listed}").format(axis=axis_title(axis.field), listed=text)


def in_short(row: SweepRow) -> str:
    """What a sweep varies, how and how far it is; plain text."""
    axes = " × ".join(axis_title(axis.field) for axis in row.spec.axes)
    trials = _("{done} of {total} trials").format(done=row.trials_ended, total=planned(row))
    seeds = counted("{number} seed", "{number} seeds", len(row.spec.base.seeds))
    dataset, method = plain_name(row.spec.base.data.dataset.name), _(METHODS[row.spec.method.kind])
    return " · ".join([dataset, axes, method, trials, seeds])


def planned(row: SweepRow) -> int:
    """Trials in all: those made, or those that Optuna may still propose."""
    return max(row.trials, trials_of(row.spec))


def trials_of(spec: SweepSpec) -> int:
    """How many a method was told to make; 0 of a grid, which has as many as its axes give."""
    return 0 if spec.method.kind == "grid" else spec.method.trials
