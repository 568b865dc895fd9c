"""Choosing variants of an experiment on its Evidence page; the choice is in the address, by run ids."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import streamlit as st

from distill_core.charts.style import MOST_SERIES
from distill_core.charts.variants import Variant, variants
from distill_core.evaluation.verdict import Verdict
from distill_core.events import Role
from distill_core.language import _, counted
from distill_core.rows import ExperimentView, RunRow
from pages.ui import address
from pages.ui.results import theme
from pages.ui.rivals import rival_names, rival_of
from pages.ui.session import lab

ONE_OF_EACH: tuple[Role, ...] = ("teacher", "baseline", "student", "compressed")


def choose_variants(
    view: ExperimentView, runs: Sequence[RunRow], *, key: str, label: str, most: int = MOST_SERIES,
    first: Collection[Role] = ONE_OF_EACH,
) -> list[Variant]:
    """Some variants of the runs: at first one of each role, that of the leading student."""
    found = {variant.first.run_id: variant for variant in variants(runs, theme())}
    names = _names(list(found.values()))
    leads = lab().leading(view)
    default = [run_id for role in first if (run_id := _first(view, leads, found, role))][:most]
    address.read(key, default=default, allowed=list(found))
    chosen = st.multiselect(
        label, list(found), key=key, max_selections=most, format_func=lambda run_id: names[run_id],
        help=counted("At most {number} at once.", "At most {number} at once.", most),
    )
    address.write(key, chosen, default=default)
    return [found[run_id] for run_id in chosen]


def choose_variant(
    view: ExperimentView, runs: Sequence[RunRow], *, key: str, label: str, help: str, first: Role = "student"
) -> Variant:
    """One variant of the runs, at first that of the leading student; asked only where there is a choice."""
    found = {variant.first.run_id: variant for variant in variants(runs, theme())}
    default = _first(view, lab().leading(view), found, first) or next(iter(found))
    if len(found) == 1:
        return found[default]
    names = _names(list(found.values()))
    address.read(key, default=[default], allowed=list(found), single=True)
    chosen = st.selectbox(
        label, list(found), key=key, format_func=lambda run_id: names[run_id], help=help, width=360,
    )
    address.write(key, [chosen], default=[default])
    return found[chosen]


def choose_teacher(view: ExperimentView, runs: Sequence[RunRow], *, key: str) -> RunRow | None:
    """The teacher to compare with; asked only where there are several. None without one."""
    teachers = [run for run in runs if run.role == "teacher"]
    if not teachers:
        return None
    return choose_variant(
        view, teachers, key=key, label=_("Teacher"), help=_("Which teacher the students are compared with."),
        first="teacher",
    ).first


def _first(view: ExperimentView, leads: Sequence[Verdict], found: Mapping[str, Variant], role: Role) -> str:
    """The variant of a role to look at first, by its run id: the leading student, and what belongs to it; or none."""
    mine = {run_id: variant for run_id, variant in found.items() if variant.role == role}
    by_name = {variant.first.name: run_id for run_id, variant in mine.items()}
    parents = {run.run_id: run.parent for run in view.runs}
    for lead in leads:
        wanted = lead.baseline if role == "baseline" else lead.student
        if role in ("baseline", "student") and wanted in by_name:
            return by_name[wanted]
        if role == "compressed":
            roots = {run.run_id for run in view.runs if run.role == "student" and run.name == lead.student}
            made = [run_id for run_id in mine if _root(run_id, parents) in roots]
            if made:
                return made[0]
    return next(iter(mine), "")


def _root(run_id: str, parents: Mapping[str, str]) -> str:
    """The trained run that a compressed one was made from, over however many steps."""
    for _step in parents:
        if not parents.get(run_id):
            break
        run_id = parents[run_id]
    return run_id


def _names(found: Sequence[Variant]) -> dict[str, str]:
    names = rival_names(variant.first for variant in found)
    return {variant.first.run_id: names[rival_of(variant.first)] for variant in found}
