"""Begins an experiment on data of the user or the catalogue: the preset that suits them, with these data instead."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import streamlit as st

from distill_core.catalog import Catalogue
from distill_core.charts.names import markdown_name
from distill_core.language import _
from distill_core.presets import Preset
from distill_core.spec import LONGEST_NAME, Choice
from pages.ui.session import lab

Json = dict[str, Any]
_DISTILLED = "distilled"
# For a kind of input and a task the preset whose networks and budget suit it best; images by their size.
SMALL_IMAGES, LARGE_IMAGES, LARGE_FROM_PIXELS = "digits", "cifar10", 16


def own(data_id: str) -> Json:
    """A spec for a data set of the user's that is ready. Raises NotFound."""
    data = lab().shelf.get(data_id)
    large = min(data.shape[-2:], default=0) >= LARGE_FROM_PIXELS
    return spec_for(
        data.choice, name=data.name, large=large, unlabelled=bool(data.unlabelled), presets=lab().presets(),
        catalogue=lab().catalogue(),
    )


def offered(name: str) -> Json:
    """A spec for a dataset of the catalogue, from the first preset on these very data if there is one.

    Raises UnknownName.
    """
    entry = lab().catalogue().datasets[name]
    for preset in lab().presets():
        if preset.spec.data.dataset.name == name and not preset.needs_path:
            return preset.spec.to_json()
    choice = Choice(name=name)
    # Public image data are 28 pixels and more; which they are is known once they are downloaded.
    large = "download" in entry.traits
    return spec_for(
        choice, name=entry.title, large=large, unlabelled=False, presets=lab().presets(), catalogue=lab().catalogue()
    )


def spec_for(
    choice: Choice, *, name: str, large: bool, unlabelled: bool, presets: Sequence[Preset], catalogue: Catalogue
) -> Json:
    """A spec for any data; `large` tells images of some size from tiny ones, `unlabelled`: some have no label."""
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
    elif not unlabelled:
        spec["students"] = _on_labels(spec["students"])
    return spec


def _on_labels(students: Sequence[Json]) -> list[Json]:
    """Where all samples have labels, who would learn on all learns on the labelled, and nobody twice the same."""
    result: list[Json] = []
    for student in students:
        changed = student["transfer"] == "all"
        labelled = student | {"transfer": "labelled"}
        if changed and any(labelled | {"name": other["name"]} == other for other in result):
            continue
        free = all(other["name"] != _DISTILLED for other in students)
        # The preset's name speaks of samples without a label.
        result.append(labelled | ({"name": _DISTILLED} if changed and free else {}))
    return result


def tell(name: str) -> None:
    st.info(
        _(
            "For the data **{name}**, from the preset that suits best; change what you like."
        ).format(name=markdown_name(name, 60)),
        icon=":material/database:",
    )
