"""The sections of the form that make an experiment's spec, as plain JSON; nothing here judges a value."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import streamlit as st

from distill_core.catalog import Catalogue
from distill_core.charts.names import plain_name
from distill_core.evaluation.metrics import metric_title, monitored
from distill_core.language import LANGUAGES, _, marked, speaking, told
from distill_core.signature import Task
from distill_core.spec import AdamW, Affine, Choice, CropFlip, Data, ExperimentSpec, Frozen, Latency, Sgd, Training
from pages.ui import with_corrections
from pages.ui.choosing import choice, schema_of
from pages.ui.fields import NARROW_PX, Fields
from pages.ui.numbers_list import parse_numbers, write_numbers

Json = dict[str, Any]
OPTIMIZERS: dict[str, tuple[str, type[Frozen]]] = {
    "adamw": ("AdamW", AdamW), "sgd": (marked("SGD, Nesterov momentum"), Sgd),
}
AUGMENTATIONS: dict[str, tuple[str, type[Frozen]]] = {
    "affine": (marked("Small rotations, scalings, shears, shifts"), Affine),
    "crop-flip": (marked("Crop and flip (CIFAR)"), CropFlip),
}
# For the catalogues: fields and values of the spec's own parts, which are named by themselves.
PARTS = (
    marked("Learning rate"), marked("Weight decay"), marked("Momentum"), marked("Rotation degrees"), marked("Scale"),
    marked("Shear"), marked("Shift pixels"), marked("Padding"), marked("Flip"), marked("cosine"), marked("linear"),
    marked("step"), marked("constant"),
)
TRAINING_LABELS = {
    "epochs": marked("Epochs"), "steps_per_epoch": marked("Steps an epoch"), "batch_size": marked("Batch size"),
    "schedule": marked("Learning-rate schedule"), "warmup_fraction": marked("Warm-up share"),
    "patience": marked("Patience"), "monitor": marked("Best epoch by"),
}
TRAINING_HELP = {
    "epochs": marked("How often validation is measured and the best weights may change."),
    "batch_size": marked("Samples in one step; at most the training samples there are."),
    "schedule": marked("How the learning rate falls after the warm-up."),
    "warmup_fraction": marked("Share of all steps in which the learning rate rises from zero."),
    "monitor": marked("The validation figure that chooses the epoch to keep; test data never choose."),
}


FIXED_VIEWS: Json = {
    "anyOf": [{"type": "integer", "minimum": 1, "maximum": 256, "default": 16}, {"type": "null"}],
    "description": marked(
        "So many views of each image are made once, and the teacher answers each once. Off: augmented anew at every "
        "step."
    ),
}


def data_section(fields: Fields, catalogue: Catalogue, data: Json) -> Json:
    """The dataset, and which samples each rival may learn from."""
    dataset = choice(fields, "data.dataset", catalogue.datasets, data["dataset"], label=_("Dataset"))
    result = dict(data) | {"dataset": dataset}
    grid = st.grid("auto", min_column_width=NARROW_PX)
    with grid.cell():
        result["teacher_labels"] = fields.draw(
            "data.teacher_labels", schema_of(Data, "teacher_labels"), data.get("teacher_labels"),
            label=_("Teacher's labels"), unset=_("all there are"))
    with grid.cell():
        result["student_labels"] = fields.draw(
            "data.student_labels", schema_of(Data, "student_labels"), data.get("student_labels"),
            label=_("Students' labels"), unset=_("the same as the teacher"))
    result["withheld_classes"] = []
    if catalogue.task(Choice.model_validate(dataset)) == "classification":
        with grid.cell():
            result["withheld_classes"] = fields.draw(
                "data.withheld_classes", schema_of(Data, "withheld_classes"), data.get("withheld_classes"),
                label=_("Withheld classes"))
    with grid.cell():
        result["validation_fraction"] = fields.draw(
            "data.validation_fraction", schema_of(
                Data, "validation_fraction", _("Share of the training samples that choose the best epoch."),
            ),
            data.get("validation_fraction"), label=_("Validation share"))
    with grid.cell():
        result["split_seed"] = fields.draw(
            "data.split_seed", schema_of(
                Data, "split_seed", _("Which samples are for validation and which keep their labels."),
            ),
            data.get("split_seed"), label=_("Seed of the split"))
    result["corrections"] = with_corrections.field(fields, data.get("corrections", ""))
    return result


def tagged(
    fields: Fields, path: str, options: Mapping[str, tuple[str, type[Frozen]]], value: Json | None, *, label: str,
    help_text: str, none: str = "",
) -> Json | None:
    """One of several kinds of settings, such as an optimizer, with its fields."""
    kinds: list[str] = ([""] if none else []) + list(options)
    now = value["kind"] if value and value["kind"] in kinds else ""
    kind = st.selectbox(
        label, kinds, index=kinds.index(now), key=fields.key(f"{path}.kind"), help=help_text,
        format_func=lambda one: _(options[one][0]) if one else none,
    )
    if not kind:
        fields.slot(path)
        return None
    schema = options[kind][1].model_json_schema()
    values = value if value and value["kind"] == kind else {}
    schema["properties"].pop("kind")
    params = fields.params(path, schema, values, entry=kind)
    fields.slot(path)
    return {"kind": kind, **params}


def training_section(fields: Fields, path: str, training: Json, *, task: Task) -> Json:
    """The budget of a run."""
    result = dict(training)
    grid = st.grid("auto", min_column_width=NARROW_PX)
    for name, label in TRAINING_LABELS.items():
        with grid.cell():
            unset = _("one pass over the labels") if name == "steps_per_epoch" else _("no early stop")
            schema = schema_of(Training, name, TRAINING_HELP.get(name, ""))
            result[name] = fields.draw(
                f"{path}.{name}", schema, training.get(name), label=_(label), unset=unset,
                title_of={monitor: metric_title(monitored(monitor, task), task) for monitor in ("accuracy", "nll")})
    result["optimizer"] = tagged(
        fields, f"{path}.optimizer", OPTIMIZERS, training["optimizer"], label=_("Optimizer"),
        help_text=_("How weights follow gradients."),
    )
    return result


def views_section(fields: Fields, path: str, views: Json, *, able: Collection[str]) -> Json:
    """How samples are altered before a network sees them; texts and tables stay as they are."""
    kinds = [kind for kind in AUGMENTATIONS if "image" in able or (kind == "affine" and "sequence" in able)]
    if not kinds:
        return {"augmentation": None, "fixed_views": 1}
    augmentation = tagged(
        fields, f"{path}.augmentation", {kind: AUGMENTATIONS[kind] for kind in kinds}, views.get("augmentation"),
        label=_("Augmentation"),
        none=_("None: as they are"),
        help_text=_("Altered copies make few images go further; teacher and students may differ."))
    fixed: int | None = 1
    if augmentation is not None:
        with st.grid("auto", min_column_width=NARROW_PX).cell():
            fixed = fields.draw(
                f"{path}.fixed_views", FIXED_VIEWS, views.get("fixed_views"), label=_("Fixed views"),
                unset=_("new at every step"),
            )
    fields.slot(path)
    return {"augmentation": augmentation, "fixed_views": fixed}


def run_section(fields: Fields, spec: Json, devices: list[Json]) -> Json:
    """Seeds, device and the conditions of the latency measurement."""
    grid = st.grid("auto", min_column_width=220)
    with grid.cell():
        text = st.text_input(
            _("Seeds"), value=write_numbers(spec["seeds"]), key=fields.key("seeds"),
            help=_(
                "One run of every variant a seed, such as 0-4 or 0, 1, 7. Five or more make a verdict; one cannot "
                "tell."
            ))
        fields.slot("seeds")
    with grid.cell():
        names = ["auto", *(device["name"] for device in devices)]
        names += [spec["device"]] if spec["device"] not in names else []
        titles = {device["name"]: plain_name(f"{device['name']}: {told(device['title'])}", 60) for device in devices}
        device = st.selectbox(
            _("Device"), names, index=names.index(spec["device"]), key=fields.key("device"),
            help=_(
                "The first free one takes a GPU; the processor only where there is no GPU. Any other is waited for."
            ),
            format_func=lambda one: titles.get(one) or _device_title(one, has_gpu=len(devices) > 1))
        fields.slot("device")
    where = _where_section(fields, spec, device)
    latency = dict(spec["latency"])
    with st.expander(_("How latency is measured"), icon=":material/timer:", key=fields.key("latency-more")):
        cells = st.grid("auto", min_column_width=NARROW_PX)
        for name, label, help_text in (
            ("batches", _("Batch sizes"), _("Samples in one call.")),
            ("threads", _("Threads"), _("0 stands for all cores.")),
            ("warmup", _("Warm-up batches"), _("Not timed.")),
            ("repeats", _("Timed batches"), _("Enough for a stable median.")),
        ):
            with cells.cell():
                latency[name] = fields.draw(
                    f"latency.{name}", schema_of(Latency, name, help_text), spec["latency"][name], label=label,
                )
    return {"seeds": parse_numbers(text or ""), "device": device, "latency": latency} | where


def _device_title(name: str, *, has_gpu: bool) -> str:
    """Of a name in a spec that is no device of this machine."""
    if name == "auto":
        return _("the first free one")
    if name == "cuda" and has_gpu:
        return _("any GPU")
    return _("{device} (not here)").format(device=name)


def _where_section(fields: Fields, spec: Json, device: str) -> Json:
    """What it needs of GPUs, which says how many experiments a GPU takes at once."""
    found: Json = {}
    with st.expander(_("Where it runs"), icon=":material/memory:", key=fields.key("where-more")):
        st.caption(
            _(
                "One experiment a device. Those that say how much of a GPU's memory they need share it, as long as "
                "all of them fit."
            ) if device != "cpu" else _("One experiment at a time; it has the processor to itself.")
        )
        cells = st.grid("auto", min_column_width=NARROW_PX)
        for name, label, unset in (
            ("precision", _("Precision"), ""), ("gpu_memory_gb", _("GPU memory needed (GB)"), _("the whole GPU")),
            ("processes", _("Processes"), ""),
        ):
            with cells.cell():
                found[name] = fields.draw(
                    name, schema_of(ExperimentSpec, name), spec.get(name), label=label, unset=unset
                )
    return found


def title_section(fields: Fields, spec: Json) -> Json:
    """The experiment's name and what it shows."""
    name = st.text_input(
        _("Name of the experiment"), value=spec["name"], key=fields.key("name"),
        help=_("Shown in the list and on its page."),
    )
    fields.slot("name")
    shows = st.text_area(
        _("What it shows"), value=told(spec["shows"]), key=fields.key("shows"), height=100,
        help=told(str(ExperimentSpec.model_fields["shows"].description)))
    fields.slot("shows")
    # A preset's own words stay as they are until somebody changes them: the experiment's page tells them to all.
    return {"name": name, "shows": spec["shows"] if shows in _in_all_languages(spec["shows"]) else shows}


def _in_all_languages(sentence: str) -> set[str]:
    """Also the language that the form was begun in."""
    found = set()
    for language in LANGUAGES:
        with speaking(language):
            found.add(told(sentence))
    return found
