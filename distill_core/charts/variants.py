"""Groups runs into variants, the series of every chart, and gives each the same look everywhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TypedDict

from distill_core.charts.names import JOINT, display_name, lineage_name
from distill_core.charts.style import (
    BLUE,
    GREEN,
    GREY,
    MOST_SERIES,
    ORANGE,
    PURPLE,
    SKY,
    THEMES,
    VERMILLION,
    Theme,
    seen_on,
)
from distill_core.events import Role
from distill_core.language import marked
from distill_core.rows import RunRow

INK = "ink"
"""Stands for the theme's text colour: Okabe and Ito's black, which would vanish on a dark page."""

_ROLES: tuple[Role, ...] = ("teacher", "baseline", "student", "compressed")
_FIRST: dict[Role, str] = {"teacher": INK, "baseline": VERMILLION, "student": BLUE, "compressed": GREEN}
# What a role's further variants get; kin of the role's colour first, other roles' own colours last.
_FURTHER: dict[Role, tuple[str, ...]] = {
    "teacher": (GREY, PURPLE, SKY, ORANGE, GREEN, BLUE, VERMILLION),
    "baseline": (ORANGE, PURPLE, GREY, SKY, GREEN, BLUE, INK),
    "student": (SKY, PURPLE, GREEN, GREY, ORANGE, VERMILLION, INK),
    "compressed": (PURPLE, GREY, SKY, ORANGE, BLUE, VERMILLION, INK),
}
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_ROLE_DASH: dict[Role, int] = {"teacher": 2, "baseline": 1, "student": 0, "compressed": 3}
_SYMBOLS: dict[Role, tuple[str, ...]] = {
    "teacher": ("diamond", "diamond-tall", "diamond-wide", "star-diamond"),
    "baseline": ("square", "cross", "x", "pentagon"),
    "student": ("circle", "triangle-up", "triangle-down", "hexagon", "star"),
    "compressed": ("triangle-left", "triangle-right", "hourglass", "bowtie", "star-triangle-up"),
}
# A lineage is longer than a name, and its end tells it apart.
_LONGEST_LINEAGE = 48


class SeriesStyle(TypedDict):
    """How a run is drawn, as JSON; `group` is the same for all seeds of a variant, `name` is escaped."""

    color: str
    dash: str
    symbol: str
    name: str
    group: str


@dataclass(frozen=True)
class Variant:
    """All seeds of one rival of one experiment."""

    group: str
    role: Role
    name: str
    runs: tuple[RunRow, ...]
    color: str
    dash: str
    symbol: str

    @property
    def style(self) -> SeriesStyle:
        return {"color": self.color, "dash": self.dash, "symbol": self.symbol, "name": self.name, "group": self.group}

    @property
    def first(self) -> RunRow:
        return self.runs[0]


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation over seeds; `sd` (n-1) is None below two seeds."""

    mean: float
    sd: float | None
    seeds: int


def variants(runs: Iterable[RunRow], theme: Theme) -> tuple[Variant, ...]:
    """The rivals among the runs: teachers, baselines, students, compressed, each in the order given.

    A variant whose runs all belong to an earlier or larger one as well (experiments that reuse each other's runs)
    appears once. Every variant's colour, dash and symbol together are its own; colours repeat after the eighth. What
    was made of a network that is among the runs has that one's colour.
    """
    runs = list(runs)
    groups: dict[tuple[str, Role, str], dict[str, RunRow]] = {}
    for run in runs:
        groups.setdefault((run.experiment_id, run.role, run.name), {})[run.run_id] = run
    kept = [(key, tuple(members.values())) for key, members in groups.items() if not _is_covered(key, groups)]
    kept.sort(key=lambda item: _ROLES.index(item[0][1]))
    several = len({key[0] for key, _ in kept}) > 1
    ancestors = _ancestors(runs)
    colour_of_run: dict[str, str] = {}
    result: dict[tuple[str, Role, str], Variant] = {}
    # Those that charts choose of many have the first looks, which are the easiest to tell apart.
    many = len(kept) > MOST_SERIES and not several
    for key, members in sorted(kept, key=lambda item: _merit(item[0][1], item[1])) if many else kept:
        experiment_id, role, name = key
        number = sum(variant.role == role for variant in result.values())
        inherited = colour_of_run.get(ancestors.get(members[0].run_id, ""), "") if role == "compressed" else ""
        used = {variant.color for variant in result.values()} | {_ink(_FIRST[key[1]], theme) for key, _ in kept}
        dash, symbol = _marks(role, number)
        result[key] = Variant(
            group=f"{experiment_id}/{members[0].run_id}", role=role, runs=members,
            name=_shown(name, members[0].experiment_name if several else ""),
            color=inherited or (_ink(_FIRST[role], theme) if number == 0 else _further(role, number, used, theme)),
            dash=dash, symbol=symbol,
        )
        colour_of_run |= dict.fromkeys((run.run_id for run in members), result[key].color)
    return tuple(result[key] for key, _ in kept)


def series_styles(runs: Iterable[RunRow], theme: Theme) -> dict[str, SeriesStyle]:
    """The look of every run by its id: the same colours, dashes and symbols as in all the other charts."""
    everything = list(runs)
    by_group = {run.run_id: variant.style for variant in variants(everything, theme) for run in variant.runs}
    return {run.run_id: by_group[run.run_id] for run in everything}


def choose(runs: Sequence[RunRow], theme: Theme) -> tuple[tuple[Variant, ...], list[str]]:
    """At most eight variants, and notes that tell of any more.

    Of many students those that are best on validation data, beside their teacher and the students alone. Of several
    experiments the first are shown whole: eight teachers would say nothing about their students. For the same reason
    an experiment's further teachers come last.
    """
    found = variants(runs, theme)
    if len(found) <= MOST_SERIES:
        return found, []
    places = {key: place for place, key in enumerate(dict.fromkeys(run.experiment_id for run in runs))}
    # A baseline shared by several experiments belongs to the first of them.
    order: dict[str, int] = {}
    for run in runs:
        order.setdefault(run.run_id, places[run.experiment_id])
    further = _further_teachers(found)
    first = sorted(
        found, key=lambda variant: (
            min(order[run.run_id] for run in variant.runs), variant.group in further, _merit(variant.role, variant.runs)
        ),
    )
    kept = {variant.group for variant in first[:MOST_SERIES]}
    if len({variant.first.experiment_id for variant in found}) > 1:
        # Looks are shared out anew, or the eight would have what the others left.
        shown = variants([run for variant in found if variant.group in kept for run in variant.runs], theme)
    else:
        shown = tuple(variant for variant in found if variant.group in kept)
    notes = [f"{len(found) - MOST_SERIES} more not shown: at most {MOST_SERIES} fit one chart."]
    if any(run.validation is not None for variant in found if variant.role == "student" for run in variant.runs):
        notes.append(marked("Of the students, those are shown that are best on validation data."))
    return shown, notes


def validation_means(runs: Iterable[RunRow]) -> dict[str, float]:
    """By the name of a distilled student its mean validation figure over the seeds, where it is known."""
    by_name: dict[str, list[float | None]] = {}
    for run in runs:
        if run.role == "student":
            by_name.setdefault(run.name, []).append(run.validation)
    return {name: found.mean for name, figures in by_name.items() if (found := spread(figures)) is not None}


def leading(runs: Sequence[RunRow]) -> set[str]:
    """The ids of the runs whose variants `choose` shows."""
    return {run.run_id for variant in choose(runs, "light")[0] for run in variant.runs}


def _further_teachers(found: Sequence[Variant]) -> set[str]:
    """Groups of all teachers but the first of each experiment."""
    teachers = [variant for variant in found if variant.role == "teacher"]
    firsts = {variant.first.experiment_id: variant.group for variant in reversed(teachers)}
    return {variant.group for variant in teachers} - set(firsts.values())


def _merit(role: Role, members: Sequence[RunRow]) -> tuple[int, float]:
    """Sorts by role, and distilled students by their mean validation figure, the best first."""
    found = spread(run.validation for run in members) if role == "student" else None
    return _ROLES.index(role), -found.mean if found else 0.0


def spread(values: Iterable[float | None]) -> Spread | None:
    """Mean and deviation of the finite values; None if there are none."""
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if not finite:
        return None
    sd = stdev(finite) if len(finite) > 1 else None
    return Spread(mean=fmean(finite), sd=sd, seeds=len(finite))


def _ancestors(runs: Sequence[RunRow]) -> dict[str, str]:
    """For each compressed run's id that of the oldest known run it descends from."""
    known = {run.run_id for run in runs}
    parents = {run.run_id: run.parent for run in runs if run.parent in known}
    found = {}
    for run_id in parents:
        above, seen = run_id, {run_id}
        while above in parents and parents[above] not in seen:
            above = parents[above]
            seen.add(above)
        found[run_id] = above
    return found


def _is_covered(key: tuple[str, Role, str], groups: dict[tuple[str, Role, str], dict[str, RunRow]]) -> bool:
    mine, before = groups[key].keys(), True
    for other, members in groups.items():
        if other == key:
            before = False
        elif mine <= members.keys() and (before or len(members) > len(mine)):
            return True
    return False


def _shown(name: str, experiment_name: str) -> str:
    if not experiment_name and JOINT not in name:
        return display_name(name)
    if not experiment_name:
        return display_name(lineage_name(name, _LONGEST_LINEAGE), _LONGEST_LINEAGE)
    return f"{display_name(lineage_name(name, 28), 28)} · {display_name(experiment_name, 28)}"


def _ink(colour: str, theme: Theme) -> str:
    return THEMES[theme].text if colour == INK else seen_on(theme, colour)


def _further(role: Role, number: int, used: set[str], theme: Theme) -> str:
    preferred = [_ink(colour, theme) for colour in _FURTHER[role]]
    return next((colour for colour in preferred if colour not in used), preferred[number % len(preferred)])


def _marks(role: Role, number: int) -> tuple[str, str]:
    """Dash and symbol of a role's number-th variant; with the colour they repeat only after dozens."""
    symbols = _SYMBOLS[role]
    return _DASHES[(_ROLE_DASH[role] + number) % len(_DASHES)], symbols[number % len(symbols)]
