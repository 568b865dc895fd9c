"""Begins an experiment on data that the user brought: the preset that suits them, with these data in its place."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import streamlit as st

from distill_core.catalog import Catalogue
from distill_core.charts.names import markdown_name
from distill_core.presets import Preset
from distill_core.shelf import DataSet

Json = dict[str, Any]
# For a kind of input and a task the preset whose networks and budget suit it best; images by their size.
SMALL_IMAGES, LARGE_IMAGES, LARGE_FROM_PIXELS = "digits", "cifar10", 16


def spec_for(data: DataSet, presets: Sequence[Preset], catalogue: Catalogue) -> Json:
    """A spec for a data set that is ready."""
    kind, task = catalogue.input_kind(data.choice), catalogue.task(data.choice)
    fitting = [
        preset for preset in presets
        if (catalogue.input_kind(preset.spec.data.dataset), catalogue.task(preset.spec.data.dataset)) == (kind, task)
    ]
    wanted = LARGE_IMAGES if min(data.shape[-2:], default=0) >= LARGE_FROM_PIXELS else SMALL_IMAGES
    like = next((preset for preset in fitting if preset.name == wanted), None) or next(iter(fitting), presets[0])
    spec = copy.deepcopy(like.spec.to_json())
    spec["name"], spec["shows"] = data.name, ""
    # How many labels and which classes belonged to the preset's data.
    spec["data"] |= {
        "dataset": data.choice.model_dump(mode="json"), "teacher_labels": None, "student_labels": None,
        "withheld_classes": [],
    }
    if not fitting:
        able = {kind, task}
        network = next(entry.name for entry in catalogue.architectures if able <= entry.traits)
        loss, like_teacher = catalogue.alone_loss(task), "mse-logits" if task == "regression" else "kd"
        spec["teacher"]["architecture"] = {"name": network, "params": {}}
        spec["teacher"]["views"] = spec["student_views"] = {"augmentation": None, "fixed_views": 1}
        spec["students"] = [
            {"name": name, "architecture": {"name": network, "params": {}},
             "terms": [{"loss": {"name": term, "params": {}}, "weight": 1.0}]}
            for name, term in (("alone", loss), ("distilled", like_teacher))
        ]
    return spec


def tell(data: DataSet) -> None:
    st.info(
        f"For your data **{markdown_name(data.name, 60)}**, from the preset that suits best; change what you like.",
        icon=":material/database:",
    )
