"""The part of a sweep's form that says how it is searched, what for, and what a network must keep to."""

from __future__ import annotations

from typing import Any

import streamlit as st

from distill_core.language import _, marked
from distill_core.spec_parts import Frozen
from distill_core.sweep_spec import OBJECTIVE_TITLES, OBJECTIVES, Grid, Limits, Objective, Optuna, Random
from pages.sweeps import states
from pages.ui.choosing import schema_of
from pages.ui.fields import NARROW_PX, Fields

Json = dict[str, Any]
KINDS: dict[str, type[Frozen]] = {"grid": Grid, "random": Random, "optuna": Optuna}
EXPLAINED = {
    "grid": marked("Every combination of the values: a whole map, and the fairest picture of a few settings."),
    "random": marked("Combinations drawn at random: many settings at once, at a price that you set."),
    "optuna": marked("Each batch of combinations is proposed from what is known so far: to find one, not a map."),
}
LABELS = {
    "trials": marked("Trials"), "batch": marked("Trials at a time"), "seed": marked("Seed of the search"),
    "sampler": marked("Proposes by"), "pruner": marked("Gives up by"),
}
HELPS = {
    "trials": marked("How many combinations are tried at most."),
    "seed": marked("The same seed proposes the same combinations."),
    "sampler": marked(
        "TPE learns which settings the good trials have; NSGA-II crosses good trials, for several objectives."
    ),
    "pruner": marked(
        "Between seeds: a trial that does badly on its first seed gets no more of them. The map then has cells of "
        "fewer seeds."
    ),
}
WORDS = {
    "tpe": marked("TPE"), "nsga2": marked("NSGA-II"), "none": marked("nothing: every trial gets all seeds"),
    "median": marked("median: below half of all trials"), "halving": marked("halving: the worse half of each batch"),
}
LIMITS = {
    "parameters": marked("Parameters, at most"), "size_bytes": marked("ONNX file in bytes, at most"),
    "latency_ms": marked("Latency in ms, at most"), "accuracy": marked("Validation figure (0 to 1), at least"),
}


def method_choice(fields: Fields, method: Json) -> str:
    """Grid, random or Optuna; drawn before the axes, for only a search has ranges."""
    kind = str(st.segmented_control(
        _("Method"), list(KINDS), default=method["kind"], required=True, key=fields.key("method.kind"),
        format_func=lambda one: _(states.METHODS[one]), help=_("How the combinations are chosen."),
    ))
    st.caption(_(EXPLAINED[kind]))
    return kind


def method_section(fields: Fields, kind: str, method: Json) -> Json:
    """The settings of a method."""
    held = method if method["kind"] == kind else KINDS[kind]().model_dump(mode="json")
    result: Json = {"kind": kind}
    names = [name for name in LABELS if name in KINDS[kind].model_fields]
    if not names:
        return result
    grid = st.grid("auto", min_column_width=NARROW_PX)
    for name in names:
        with grid.cell():
            result[name] = fields.draw(
                f"method.{name}", schema_of(KINDS[kind], name, HELPS.get(name, "")) | (
                    {"description": HELPS[name]} if name in HELPS else {}
                ),
                held[name], label=_(LABELS[name]), variant=kind, title_of=WORDS,
            )
    fields.slot("method")
    return result


def _objective(one: Objective) -> str:
    title = _(OBJECTIVE_TITLES[one])
    return title[:1].upper() + title[1:]


def objectives_section(fields: Fields, draft: Json) -> Json:
    """What is looked for beside accuracy, and the limits."""
    others = [one for one in OBJECTIVES if one != "accuracy"]
    held = [one for one in draft["objectives"] if one in others]
    chosen = st.pills(
        _("Beside accuracy"), others, selection_mode="multi", default=held,
        key=fields.key("objectives"), format_func=_objective,
        help=_(
            "Validation accuracy is always looked for. With a second objective there is no single best, but a front: "
            "networks that none beats in everything."
        ),
    )
    fields.slot("objectives")
    limits: Json = {}
    with st.expander(_("Limits"), icon=":material/straighten:", key=fields.key("limits-more")):
        st.caption(_(
            "Networks beyond a limit of parameters or size are not trained; the others are shown but cannot be best."
        ))
        grid = st.grid("auto", min_column_width=220)
        for name, label in LIMITS.items():
            with grid.cell():
                limits[name] = fields.draw(
                    f"limits.{name}", schema_of(Limits, name), draft["limits"].get(name), label=_(label),
                    unset=_("no limit"),
                )
        fields.slot("limits")
    return {"objectives": ["accuracy", *chosen], "limits": limits}
