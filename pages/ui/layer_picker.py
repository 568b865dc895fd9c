"""Picks the layers that a term reads, from what both networks have for the chosen input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.errors import LabError
from distill_core.language import _, marked, told
from distill_core.planned import digest
from distill_core.spec import Choice
from pages.ui.fields import Fields
from pages.ui.session import lab

Json = dict[str, Any]
REMEMBERED = "layers"
LAST = marked("the last that fits")


@dataclass(frozen=True)
class Layer:
    """What a tap reads: the layer's class and the shape of one sample after it."""

    kind: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.kind}, {'×'.join(str(side) for side in self.shape)}"


@dataclass(frozen=True)
class Layers:
    """Both networks' layers by name, in running order."""

    student: Mapping[str, Layer]
    teacher: Mapping[str, Layer]


def find_layers(dataset: Json, teacher: Json, student: Json) -> Layers | None:
    """Asked once for each combination; None, with a sentence on the page, where they cannot be told."""
    held: dict[str, Layers] = st.session_state.setdefault(REMEMBERED, {})
    key = digest([dataset, teacher, student])
    if key not in held:
        try:
            with st.spinner(_("Looking at the networks' layers …")):
                found = lab().previews.layers(*map(Choice.model_validate, (dataset, teacher, student)))
        except LabError as error:
            st.caption(_(
                ":material/info: The layers cannot be listed yet: {sentence}"
            ).format(sentence=markdown_text(told(error.sentence))))
            return None
        held[key] = Layers(_named(found["student"]), _named(found["teacher"]))
    return held[key]


def _named(found: list[Json]) -> dict[str, Layer]:
    return {layer["name"]: Layer(layer["kind"], tuple(layer["shape"])) for layer in found}


def layer_fields(
    fields: Fields, path: str, grid: Any, values: Mapping[str, Any], layers: Layers | None, *, spatial: bool,
    variant: str,
) -> Json:
    """A field for each network's layer; the teacher's offers only what can be paired with the student's."""
    with grid.cell():
        student = _field(
            fields, f"{path}.student_tap", str(values.get("student_tap") or ""), layers.student if layers else None,
            label=_("Student's layer"), variant=variant,
        )
    theirs = layers.teacher if layers else None
    if layers and spatial and student in layers.student:
        rank = len(layers.student[student].shape)
        theirs = {name: layer for name, layer in layers.teacher.items() if len(layer.shape) == rank}
    with grid.cell():
        teacher = _field(
            fields, f"{path}.teacher_tap", str(values.get("teacher_tap") or ""), theirs, label=_("Teacher's layer"),
            variant=variant,
        )
    return {"student_tap": student, "teacher_tap": teacher}


def _field(
    fields: Fields, path: str, value: str, layers: Mapping[str, Layer] | None, *, label: str, variant: str
) -> str:
    help_text = _("Where the two networks are compared; shapes are of one sample: channels, height, width.")
    if layers is None:
        drawn = fields.draw(path, {"type": "string", "description": help_text}, value, label=label, variant=variant)
        return str(drawn or "")
    options = ["", *layers]
    # A layer of another network, from before the network was changed, stays visible so that it can be told wrong.
    if value and value not in layers:
        options.append(value)
    chosen = st.selectbox(
        label, options, index=options.index(value), key=fields.key(path, f"{variant} {digest(options)}"),
        format_func=lambda one: f"{one} ({layers[one]})" if one in layers else one or _(LAST), help=help_text,
    )
    fields.slot(path)
    return str(chosen)
