"""The part of the form that describes what a student minimises: terms, weights, schedules and taps."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import streamlit as st

from distill_core.catalog import Catalogue
from distill_core.language import _, marked, told
from distill_core.spec import Term
from pages.ui.choosing import schema_of
from pages.ui.fields import NARROW_PX, Fields
from pages.ui.layer_picker import Layers, layer_fields

Json = dict[str, Any]
LayerSource = Callable[[Json], Layers | None]
"""Both networks' layers for a student's architecture; None where they cannot be told."""
MOST_COPIES = 4
SCHEDULES = {"constant": marked("constant"), "warm-up": marked("rises from 0"), "decay": marked("falls to 0")}


def terms_section(
    fields: Fields, catalogue: Catalogue, terms: list[Json], path: str, *, able: Collection[str], architecture: Json,
    layers: LayerSource,
) -> list[Json]:
    """Which losses the student minimises, in two groups: learn from labels, learn from the teacher."""
    task = next(iter({"classification", "tagging", "regression"} & set(able)))
    fitting = [entry for entry in catalogue.losses if task in entry.traits]
    groups = (
        (_("Learn from labels"), "labels", [entry for entry in fitting if "teacher" not in entry.traits]),
        (_("Learn from the teacher"), "teacher", [entry for entry in fitting if "teacher" in entry.traits]),
    )
    held: dict[str, list[Json]] = {}
    for term in terms:
        held.setdefault(term["loss"]["name"], []).append(term)
    result: list[Json] = []
    for title, group, entries in groups:
        names = [entry.name for entry in entries]
        chosen = st.pills(
            # In the spec's order, which a sum of floats and so a run's name depends on.
            title, names, selection_mode="multi", default=[name for name in held if name in names],
            key=fields.key(f"{path}.{group}", task),
            format_func=lambda one: told(catalogue.losses[one].title),
            help=_("Choose what counts; several add up by their weights."))
        for name in chosen:
            entry, known = catalogue.losses[name], held.get(name, [])
            for copy in range(_copies(fields, entry, known, path)):
                term = known[copy] if copy < len(known) else _new_term(entry)
                # The place in the spec to be built, where the check will name errors.
                at = f"{path}.terms.{len(result)}"
                result.append(_term(fields, entry, term, at, copy, architecture=architecture, layers=layers))
    fields.slot(f"{path}.terms")
    return result


def _new_term(entry: Any) -> Json:
    loss = {"name": entry.name, "params": {}}
    return {"loss": loss, "weight": entry.usual_weight, "schedule": "constant", "schedule_fraction": 0.5}


def _copies(fields: Fields, entry: Any, known: list[Json], path: str) -> int:
    """How often a loss counts: more than once only where each reads other layers."""
    if not entry.reads_taps:
        return 1
    schema = {
        "type": "integer", "minimum": 1, "maximum": MOST_COPIES,
        "description": _("Pairs of layers that are matched, each with its own weight."),
    }
    wanted = fields.draw(
        f"{path}.copies", schema, max(len(known), 1),
        label=_("Pairs of layers: {title}").format(title=told(entry.title)),
        variant=entry.name,
    )
    return min(max(int(wanted), 1), MOST_COPIES)


def _term(
    fields: Fields, entry: Any, term: Json, at: str, copy: int, *, architecture: Json, layers: LayerSource
) -> Json:
    """Weight, schedule and parameters of one term."""
    variant = f"{entry.name} {copy}"
    description = f"{told(entry.summary)} {_('Its weight in the sum; 0 leaves it out.')}"
    schema = schema_of(Term, "weight") | {"description": description}
    properties = entry.params.model_json_schema().get("properties", {})
    values = {name: prop.get("default") for name, prop in properties.items()} | term["loss"]["params"]
    grid = st.grid("auto", min_column_width=NARROW_PX)
    with grid.cell():
        weight = fields.draw(f"{at}.weight", schema, term["weight"], label=_(
            "Weight: {title}"
        ).format(title=told(entry.title)), variant=variant)
    params: Json = {}
    taps = {"student_tap", "teacher_tap"} if entry.reads_taps else set()
    if taps:
        params |= layer_fields(
            fields, f"{at}.loss.params", grid, values, layers(architecture), spatial="map" in entry.traits,
            variant=variant,
        )
    for name, field_schema in properties.items():
        if name not in taps:
            with grid.cell():
                params[name] = fields.draw(
                    f"{at}.loss.params.{name}", field_schema, values.get(name), variant=variant,
                )
    with grid.cell():
        schedule = fields.draw(
            f"{at}.schedule", schema_of(Term, "schedule"), term["schedule"], label=_("Weight over time"),
            variant=variant,
            title_of=SCHEDULES,
        )
    fraction = term["schedule_fraction"]
    if schedule != "constant":
        with grid.cell():
            fraction = fields.draw(
                f"{at}.schedule_fraction", schema_of(Term, "schedule_fraction"), fraction, label=_("Over a share of"),
                variant=variant,
            )
    return {
        "loss": {"name": entry.name, "params": params}, "weight": weight, "schedule": schedule,
        "schedule_fraction": fraction,
    }
