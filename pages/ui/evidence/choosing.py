"""Choosing variants of an experiment on its Evidence page; the choice is in the address, by run ids."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import streamlit as st

from distill_core.charts.style import MOST_SERIES
from distill_core.charts.variants import Variant, variants
from distill_core.events import Role
from distill_core.language import _, counted
from distill_core.rows import RunRow
from pages.ui import address
from pages.ui.results import theme
from pages.ui.rivals import rival_names, rival_of

ONE_OF_EACH: tuple[Role, ...] = ("teacher", "baseline", "student", "compressed")


def choose_variants(
    runs: Sequence[RunRow], *, key: str, label: str, most: int = MOST_SERIES, first: Collection[Role] = ONE_OF_EACH
) -> list[Variant]:
    """Some variants of the runs: at first one of each role."""
    found = {variant.first.run_id: variant for variant in variants(runs, theme())}
    names = _names(list(found.values()))
    default = [
        next(run_id for run_id, variant in found.items() if variant.role == role)
        for role in first if any(variant.role == role for variant in found.values())
    ][:most]
    address.read(key, default=default, allowed=list(found))
    chosen = st.multiselect(
        label, list(found), key=key, max_selections=most, format_func=lambda run_id: names[run_id],
        help=counted("At most {number} at once.", "At most {number} at once.", most),
    )
    address.write(key, chosen, default=default)
    return [found[run_id] for run_id in chosen]


def choose_variant(runs: Sequence[RunRow], *, key: str, label: str, help: str, first: Role = "student") -> Variant:
    """One variant of the runs; asked only where there is a choice."""
    found = {variant.first.run_id: variant for variant in variants(runs, theme())}
    default = next((run_id for run_id, variant in found.items() if variant.role == first), next(iter(found)))
    if len(found) == 1:
        return found[default]
    names = _names(list(found.values()))
    address.read(key, default=[default], allowed=list(found), single=True)
    chosen = st.selectbox(
        label, list(found), key=key, format_func=lambda run_id: names[run_id], help=help, width=360,
    )
    address.write(key, [chosen], default=[default])
    return found[chosen]


def choose_teacher(runs: Sequence[RunRow], *, key: str) -> RunRow | None:
    """The teacher to compare with; asked only where there are several. None without one."""
    teachers = [run for run in runs if run.role == "teacher"]
    if not teachers:
        return None
    return choose_variant(
        teachers, key=key, label=_("Teacher"), help=_("Which teacher the students are compared with."), first="teacher",
    ).first


def _names(found: Sequence[Variant]) -> dict[str, str]:
    names = rival_names(variant.first for variant in found)
    return {variant.first.run_id: names[rival_of(variant.first)] for variant in found}
