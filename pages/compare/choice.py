"""Which runs are compared: all of the chosen experiments', or only some by variant, seed or one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from distill_core.catalog import Catalogue
from distill_core.charts.descent import parents_of, root_of, variant_key
from distill_core.charts.names import markdown_text, plain_name
from distill_core.language import _, counted
from distill_core.results import baselines_of
from distill_core.rows import ExperimentView, RunRow
from pages.ui import address
from pages.ui.numbers_list import write_numbers
from pages.ui.rivals import Rival, key_of, rival_names, rival_of, told_apart

VARIANTS, SEEDS, RUNS = "only", "seeds", "runs"
_SHORT = 13
"""What is left of a name beside an id where 28 characters find room."""


@dataclass(frozen=True)
class Choice:
    """The runs to show in the order of their experiments; `added` are those of them that nobody chose."""

    runs: tuple[RunRow, ...]
    added: tuple[RunRow, ...]
    total: int

    @property
    def is_part(self) -> bool:
        return len(self.runs) < self.total


def runs_of(views: Sequence[ExperimentView]) -> list[RunRow]:
    """All runs; experiments of the same name are told apart by their ids wherever a run is shown."""
    names = [plain_name(view.row.name) for view in views]
    return [
        replace(run, experiment_name=f"{plain_name(run.experiment_name, _SHORT)} · {run.experiment_id}")
        if names.count(name) > 1 else run
        for view, name in zip(views, names, strict=True) for run in view.runs
    ]


def choose_runs(views: Sequence[ExperimentView], catalogue: Catalogue) -> Choice:
    """The three choosers and what they leave; empty ones leave everything."""
    everything = runs_of(views)
    left, middle, right = st.columns([2, 1, 2], gap="small")
    with left:
        runs = _by_variant(everything)
    with middle:
        runs = _by_seed(runs)
    with right:
        runs = _one_by_one(runs)
    choice = with_the_alone(runs, everything, views, catalogue)
    if choice.is_part:
        _tell(choice)
    return choice


def with_the_alone(
    chosen: Sequence[RunRow], everything: Sequence[RunRow], views: Sequence[ExperimentView], catalogue: Catalogue,
) -> Choice:
    """The chosen runs, and for each distilled one the same student alone on the same seed, if it was not chosen."""
    baselines = {(view.row.experiment_id, name): alone for view in views
                 for name, alone in baselines_of(view, catalogue).items()}
    parents = parents_of(everything)
    wanted = {
        (run.experiment_id, baselines.get((run.experiment_id, root_of(variant_key(run), parents)[2])), run.seed)
        for run in chosen if run.role in ("student", "compressed")
    }
    kept = {key_of(run) for run in chosen}
    added = tuple(
        run for run in everything
        if key_of(run) not in kept and run.role == "baseline" and (run.experiment_id, run.name, run.seed) in wanted
    )
    kept |= {key_of(run) for run in added}
    return Choice(tuple(run for run in everything if key_of(run) in kept), added, len(everything))


def _by_variant(runs: Sequence[RunRow]) -> list[RunRow]:
    names = rival_names(runs)
    firsts: dict[Rival, str] = {}
    for run in runs:
        firsts.setdefault(rival_of(run), key_of(run))
    offered = {first: names[rival] for rival, first in firsts.items()}
    return _filter(
        VARIANTS, _("Variants"), offered, runs,
        lambda run: firsts[rival_of(run)],
        everything=counted("All {number} variant", "All {number} variants", len(offered)),
        help_text=_("Only these. The same student alone stays beside every distilled one, whatever you choose."),
    )


def _by_seed(runs: Sequence[RunRow]) -> list[RunRow]:
    seeds = sorted({run.seed for run in runs if run.role != "teacher"})
    return _filter(
        SEEDS, _("Seeds"), {str(seed): _("seed {seed}").format(seed=seed) for seed in seeds}, runs,
        lambda run: None if run.role == "teacher" else str(run.seed),
        everything=counted("All {number} seed", "All {number} seeds", len(seeds)),
        help_text=_("Only these seeds of the students; a teacher is trained once, on a seed of its own, and stays."),
    )


def _one_by_one(runs: Sequence[RunRow]) -> list[RunRow]:
    names = rival_names(runs)
    offered = told_apart({
        key_of(run): names[rival_of(run)]
        + ("" if run.role == "teacher" else " · " + _("seed {seed}").format(seed=run.seed))
        for run in runs
    })
    return _filter(
        RUNS, _("Single runs"), offered, runs, key_of,
        everything=counted("All {number} run", "All {number} runs", len(offered)),
        help_text=_("Only these runs, one by one, of those that the variants and seeds leave. Type to search."),
    )


def _filter(
    key: str, label: str, offered: Mapping[str, str], runs: Sequence[RunRow], option_of: Callable[[RunRow], str | None],
    *, everything: str, help_text: str,
) -> list[RunRow]:
    """A chooser kept in the address; the runs whose option is chosen, and those that have none."""
    address.read(key, allowed=list(offered))
    st.session_state[key] = [one for one in st.session_state[key] if one in offered]
    chosen = st.multiselect(
        label, list(offered), key=key, format_func=lambda one: offered[one], placeholder=everything, help=help_text,
        width="stretch",
    )
    address.write(key, chosen)
    if not chosen:
        return list(runs)
    return [run for run in runs if (option := option_of(run)) is None or option in chosen]


def _tell(choice: Choice) -> None:
    """How many are shown, and what was added unasked."""
    runs = counted("{number} run", "{number} runs", choice.total)
    parts = [_("{shown} of {runs}.").format(shown=len(choice.runs), runs=runs)]
    if choice.added:
        names = rival_names(choice.runs)
        seeds: dict[str, list[int]] = {}
        for run in choice.added:
            seeds.setdefault(names[rival_of(run)], []).append(run.seed)
        added = "; ".join(
            (_("“{name}” with seed {seeds}") if len(some) == 1 else _("“{name}” with seeds {seeds}")).format(
                name=name, seeds=write_numbers(sorted(some)),
            )
            for name, some in seeds.items()
        )
        text = _("Added: {added}, because no distilled result stands without the same student alone.")
        parts.append(text.format(added=added))
    st.caption(markdown_text(" ".join(parts)))
