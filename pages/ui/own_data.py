"""Begins an experiment on data of the user or the catalogue: the preset that suits them, with these data instead."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import streamlit as st

from distill_core.catalog import Catalogue
from distill_core.charts.names import markdown_name
from distill_core.presets import Preset
from distill_core.spec import LONGEST_NAME, Choice
from pages.ui.session import lab

Json = dict[str, Any]
# For a kind of input and a task the preset whose networks and budget suit it best; images by their size.
SMALL_IMAGES, LARGE_IMAGES, LARGE_FROM_PIXELS = "digits", "cifar10", 16


def own(data_id: str) -> Json:
    """A spec for a data set of the user's that is ready. Raises NotFound."""
    data = lab().shelf.get(data_id)
    large = min(data.shape[-2:], default=0) >= LARGE_FROM_PIXELS
    return spec_for(data.choice, name=data.name, large=large, presets=lab().presets(), catalogue=lab().catalogue())


def offered(name: str) -> Json:
    """A spec for a dataset of the catalogue. Raises UnknownName."""
    entry = lab().catalogue().datasets[name]
    choice = Choice(name=name)
    # Public image data are 28 pixels and more; which they are is known once they are downloaded.
    large = "download" in entry.traits
    return spec_for(choice, name=entry.title, large=large, presets=lab().presets(), catalogue=lab().catalogue())


def spec_for(
    choice: Choice, *, name: str, large: bool, presets: Sequence[Preset], catalogue: Catalogue
) -> Json:
    """A spec for any data; `large` tells images of some size from tiny ones."""
    kind, task = catalogue.input_kind(choice), catalogue.task(choice)
    fitting = [
        preset for preset in presets
        if (catalogue.input_kind(preset.spec.data.dataset), catalogue.task(preset.spec.data.dataset)) == (kind, task)
    ]
    wanted = LARGE_IMAGES if large else SMALL_IMAGES
    like = next((preset for preset in fitting if preset.name == wanted), None) or next(iter(fitting), presets[0])
    spec = copy.deepcopy(like.spec.to_json())
    spec["name"], spec["shows"] = name[:LONGEST_NAME], ""
    # How many labels and which classes belonged to the preset's data.
    spec["data"] |= {
        "dataset": choice.model_dump(mode="json"), "teacher_labels": None, "student_labels": None,
        "withheld_classes": [],
    }
    if not fitting:
        able = {kind, task}
        network = next(entry.name for entry in catalogue.architectures if able <= entry.traits)
        loss, like_teacher = catalogue.alone_loss(task), "mse-logits" if task == "regression" else "kd"
        spec["teacher"]["architecture"] = {"name": network, "params": {}}
        spec["teacher"]["views"] = spec["student_views"] = {"augmentation": None, "fixed_views": 1}
        spec["students"] = [
            {"name": student, "architecture": {"name": network, "params": {}},
             "terms": [{"loss": {"name": term, "params": {}}, "weight": 1.0}]}
            for student, term in (("alone", loss), ("distilled", like_teacher))
        ]
    return spec


def tell(name: str) -> None:
    st.info(
        f"For the data **{markdown_name(name, 60)}**, from the preset that suits best; change what you like.",
        icon=":material/database:",
    )
