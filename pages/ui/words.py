"""The words and looks of states, roles, times and sizes: one place, so that every page says the same."""

from __future__ import annotations

import math
import time
from datetime import datetime
from typing import Literal

from distill_core.charts.units import milliseconds as milliseconds
from distill_core.charts.units import size as size
from distill_core.charts.units import threads as threads
from distill_core.evaluation.metrics import percentage
from distill_core.events import Role, RunState, State, StepState
from distill_core.rows import RunRow

Colour = Literal["red", "orange", "yellow", "blue", "green", "violet", "gray"]

STATES: dict[State, tuple[str, str, Colour]] = {
    "queued": ("queued", ":material/schedule:", "gray"),
    "starting": ("starting", ":material/rocket_launch:", "blue"),
    "running": ("running", ":material/play_circle:", "blue"),
    "stopping": ("stopping", ":material/stop_circle:", "orange"),
    "succeeded": ("succeeded", ":material/check_circle:", "green"),
    "failed": ("failed", ":material/error:", "red"),
    "cancelled": ("stopped", ":material/pause_circle:", "orange"),
    "lost": ("resuming", ":material/sync_problem:", "orange"),
}
ACTIVE: frozenset[State] = frozenset({"queued", "starting", "running", "stopping", "lost"})
ROLES: dict[Role, str] = {
    "teacher": "teacher", "baseline": "alone", "student": "distilled", "compressed": "compressed",
}
RUN_STATES: dict[RunState, str] = {
    "waiting": "waiting", "training": "training", "finished": "finished", "stopped": "stopped",
    "diverged": "diverged", "refused": "refused", "reused": "reused",
}
# A run of these states needs no further work.
DONE: frozenset[RunState] = frozenset({"finished", "reused", "diverged", "refused"})
STEP_ICONS: dict[StepState, str] = {
    "waiting": ":material/radio_button_unchecked:", "running": ":material/progress_activity:",
    "finished": ":material/check_circle:", "skipped": ":material/do_not_disturb_on:",
}


def duration(seconds: float | None) -> str:
    """Seconds as people say them: 8 s, 2 min 05 s, 3 h 12 min."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def ago(at: float, *, now: float | None = None) -> str:
    """How long ago a stored time was."""
    passed = max(0.0, (time.time() if now is None else now) - at)
    if passed < 60:
        return "just now"
    for seconds, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if passed >= seconds:
            number = int(passed // seconds)
            return f"{number} {name}{'s' * (number != 1)} ago"
    raise AssertionError("a minute or more matches one of the sizes")


def moment(at: float) -> str:
    """When a stored time was, here: 21 Nov, 23:05; with the year once it is another.

    For the names of choices: a chooser forgets what was chosen when a name changes, as "2 minutes ago" does.
    """
    when = datetime.fromtimestamp(at)
    year = "" if when.year == datetime.now().year else f" {when.year}"
    return f"{when.day} {when:%b}{year}, {when:%H:%M}"


def count(number: float | None) -> str:
    """A count with thousands separated, or in millions."""
    if number is None:
        return "–"
    return f"{number / 1e6:.2f} M" if number >= 10e6 else f"{number:,.0f}"


def corrections(number: int) -> str:
    """So many of them, in words."""
    return f"{number:,} correction{'s' * (number != 1)}"


def percent(share: float | None) -> str:
    """An accuracy in 0..1 as a percentage."""
    return "–" if share is None or not math.isfinite(share) else percentage(share)


def score(run: RunRow) -> str:
    """The figure by which a run is judged, with its name where a percentage does not tell it."""
    if run.task != "regression":
        return percent(run.accuracy)
    return "–" if run.r2 is None or not math.isfinite(run.r2) else f"R² {run.r2:.3f}"


def plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def classes(number: int) -> str:
    return f"{number:,} class{'' if number == 1 else 'es'}"


def rate(per_second: float) -> str:
    """Pieces a second: two digits when few, whole when many."""
    return f"{per_second:.2g}" if per_second < 10 else f"{per_second:,.0f}"
