"""The part of the form that describes the teachers: network, weights, budget."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import streamlit as st

from distill_core.catalog import Catalogue
from distill_core.language import _
from distill_core.signature import Task
from distill_core.spec import Teacher
from pages.ui.choosing import choice, schema_of
from pages.ui.fields import Fields
from pages.ui.spec_form import training_section, views_section
from pages.ui.weights_picker import weights_picker

Json = dict[str, Any]


def teacher_section(
    fields: Fields, catalogue: Catalogue, teacher: Json, *, path: str, able: Collection[str], task: Task, several: bool
) -> Json:
    """One teacher's network, with its budget folded away."""
    result = dict(teacher)
    result["architecture"] = choice(
        fields, f"{path}.architecture", catalogue.architectures, teacher["architecture"], label=_("Teacher's network"),
        able=able, without="cut",
    )
    if several:
        result["weight"] = fields.draw(
            f"{path}.weight", schema_of(Teacher, "weight"), teacher["weight"], label=_("Weight among the teachers"),
        )
    with st.expander(_("Teacher's weights, budget and seed"), icon=":material/tune:", key=fields.key(f"{path}-more")):
        result["weights"] = weights_picker(
            fields.key(f"{path}.weights"), teacher["weights"], label=_("Starts from"),
        )
        fields.slot(f"{path}.weights")
        result["train"] = True
        if result["weights"]:
            result["train"] = fields.draw(
                f"{path}.train", schema_of(Teacher, "train"), teacher["train"], label=_("Train it on these data"),
            )
        if result["train"]:
            result["training"] = training_section(fields, f"{path}.training", teacher["training"], task=task)
            result["views"] = views_section(fields, f"{path}.views", teacher["views"], able=able)
        result["seed"] = fields.draw(
            f"{path}.seed", schema_of(Teacher, "seed", _("Fixes the teacher's initial weights and batches.")),
            teacher["seed"], label=_("Teacher's seed"),
        )
    fields.slot(path)
    return result
