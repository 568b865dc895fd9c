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
from distill_core.language import _, counted, marked
from distill_core.rows import ExperimentRow, RunRow

Colour = Literal["red", "orange", "yellow", "blue", "green", "violet", "gray"]

STATES: dict[State, tuple[str, str, Colour]] = {
    "queued": (marked("queued"), ":material/schedule:", "gray"),
    "starting": (marked("starting"), ":material/rocket_launch:", "blue"),
    "running": (marked("running"), ":material/play_circle:", "blue"),
    "stopping": (marked("stopping"), ":material/stop_circle:", "orange"),
    "succeeded": (marked("succeeded"), ":material/check_circle:", "green"),
    "failed": (marked("failed"), ":material/error:", "red"),
    "cancelled": (marked("stopped"), ":material/pause_circle:", "orange"),
    "lost": (marked("resuming"), ":material/sync_problem:", "orange"),
}
ACTIVE: frozenset[State] = frozenset({"queued", "starting", "running", "stopping", "lost"})
ROLES: dict[Role, str] = {
    "teacher": marked("teacher"), "baseline": marked("alone"), "student": marked("distilled"),
    "compressed": marked("compressed"),
}
RUN_STATES: dict[RunState, str] = {
    "waiting": marked("waiting"), "training": marked("training"), "finished": marked("finished"),
    "stopped": marked("stopped"), "diverged": marked("diverged"), "refused": marked("refused"),
    "reused": marked("reused"),
}
NOUNS = {
    "images": marked("images"), "sequences": marked("sequences"), "texts": marked("texts"), "rows": marked("rows"),
}
MONTHS = (
    marked("Jan"), marked("Feb"), marked("Mar"), marked("Apr"), marked("May"), marked("Jun"), marked("Jul"),
    marked("Aug"), marked("Sep"), marked("Oct"), marked("Nov"), marked("Dec"),
)
LONG_MONTHS = (
    marked("January"), marked("February"), marked("March"), marked("April"), marked("May"), marked("June"),
    marked("July"), marked("August"), marked("September"), marked("October"), marked("November"), marked("December"),
)
# A run of these states needs no further work.
DONE: frozenset[RunState] = frozenset({"finished", "reused", "diverged", "refused"})
STEP_ICONS: dict[StepState, str] = {
    "waiting": ":material/radio_button_unchecked:", "running": ":material/progress_activity:",
    "finished": ":material/check_circle:", "skipped": ":material/do_not_disturb_on:",
}


def state(state: State) -> tuple[str, str, Colour]:
    """An experiment's state in a word, its icon and its colour."""
    word, icon, colour = STATES[state]
    return _(word), icon, colour


def duration(seconds: float | None) -> str:
    """Seconds as people say them: 8 s, 2 min 05 s, 3 h 12 min."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    whole = max(0, round(seconds))
    if whole < 60:
        return _("{seconds} s").format(seconds=whole)
    if whole < 3600:
        return _("{minutes} min {seconds:02d} s").format(minutes=whole // 60, seconds=whole % 60)
    return _("{hours} h {minutes:02d} min").format(hours=whole // 3600, minutes=whole % 3600 // 60)


def ago(at: float, *, now: float | None = None) -> str:
    """How long ago a stored time was."""
    passed = max(0.0, (time.time() if now is None else now) - at)
    if passed < 60:
        return _("just now")
    if passed < 3600:
        return counted("{number} minute ago", "{number} minutes ago", int(passed // 60))
    if passed < 86_400:
        return counted("{number} hour ago", "{number} hours ago", int(passed // 3600))
    return counted("{number} day ago", "{number} days ago", int(passed // 86_400))


def moment(at: float) -> str:
    """When a stored time was, here: 21 Nov, 23:05; with the year once it is another.

    For the names of choices: a chooser forgets what was chosen when a name changes, as "2 minutes ago" does.
    """
    when = datetime.fromtimestamp(at)
    text = _("{day} {month}, {time}") if when.year == datetime.now().year else _("{day} {month} {year}, {time}")
    return text.format(day=when.day, month=_(MONTHS[when.month - 1]), year=when.year, time=f"{when:%H:%M}")


def day(when: datetime, *, with_year: bool = False) -> str:
    """A day and its time with the month's whole name: 21 November, 23:05."""
    text = _("{day} {month} {year}, {time}") if with_year else _("{day} {month}, {time}")
    return text.format(day=when.day, month=_(LONG_MONTHS[when.month - 1]), year=when.year, time=f"{when:%H:%M}")


def count(number: float | None) -> str:
    """A count with thousands separated, or in millions."""
    if number is None:
        return "–"
    return f"{number / 1e6:.2f} M" if number >= 10e6 else f"{number:,.0f}"


def corrections(number: int) -> str:
    """So many of them, in words."""
    return counted("{number} correction", "{number} corrections", number)


def percent(share: float | None) -> str:
    """An accuracy in 0..1 as a percentage."""
    return "–" if share is None or not math.isfinite(share) else percentage(share)


def runs_done(row: ExperimentRow) -> str:
    """How far an experiment is."""
    return _("{done} of {total} runs").format(done=row.runs_done, total=row.runs_total)


def score(run: RunRow) -> str:
    """The figure by which a run is judged, with its name where a percentage does not tell it."""
    if run.task != "regression":
        return percent(run.accuracy)
    return "–" if run.r2 is None or not math.isfinite(run.r2) else f"R² {run.r2:.3f}"


def plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def classes(number: int) -> str:
    return counted("{number} class", "{number} classes", number)


def rate(per_second: float) -> str:
    """Pieces a second: two digits when few, whole when many."""
    return f"{per_second:.2g}" if per_second < 10 else f"{per_second:,.0f}"
