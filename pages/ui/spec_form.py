"""The sections of the form that make an experiment's spec, as plain JSON; nothing here judges a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from distill_core.catalog import Catalogue, Registry
from distill_core.charts.names import markdown_name, markdown_text, plain_name
from distill_core.spec import AdamW, Affine, CropFlip, Data, ExperimentSpec, Frozen, Latency, Sgd, Teacher, Training
from pages.ui import name_check
from pages.ui.fields import NARROW_PX, Fields
from pages.ui.numbers_list import parse_numbers, write_numbers

Json = dict[str, Any]
OPTIMIZERS: dict[str, tuple[str, type[Frozen]]] = {"adamw": ("AdamW", AdamW), "sgd": ("SGD, Nesterov momentum", Sgd)}
AUGMENTATIONS: dict[str, tuple[str, type[Frozen]]] = {
    "affine": ("Small rotations, scalings, shears, shifts", Affine), "crop-flip": ("Crop and flip (CIFAR)", CropFlip),
}
TRAINING_LABELS = {
    "epochs": "Epochs", "steps_per_epoch": "Steps an epoch", "batch_size": "Batch size",
    "schedule": "Learning-rate schedule",
    "warmup_fraction": "Warm-up share", "patience": "Patience", "monitor": "Best epoch by",
}
TRAINING_HELP = {
    "epochs": "How often validation is measured and the best weights may change.",
    "batch_size": "Samples in one step; at most the training samples there are.",
    "schedule": "How the learning rate falls after the warm-up.",
    "warmup_fraction": "Share of all steps in which the learning rate rises from zero.",
    "monitor": "The validation figure that chooses the epoch to keep; test data never choose.",
}


FIXED_VIEWS: Json = {
    "anyOf": [{"type": "integer", "minimum": 1, "maximum": 256, "default": 16}, {"type": "null"}],
    "description": (
        "So many views of each image are made once, and the teacher answers each once. Off: augmented anew at every "
        "step."
    ),
}


def _schema(model: type[Frozen], name: str, help_text: str = "") -> Json:
    found: Json = dict(model.model_json_schema()["properties"][name])
    return found | {"description": found.get("description") or help_text}


def choice(fields: Fields, path: str, registry: Registry[Any], value: Json, *, label: str) -> Json:
    """An entry by its title, its summary and its parameters."""
    names, key = registry.names, fields.key(f"{path}.name")
    index = names.index(value["name"]) if value["name"] in names else 0
    name = st.selectbox(
        label, names, index=index, key=key, format_func=lambda one: registry[one].title,
        help="What the catalogue offers.",
    )
    fields.slot(f"{path}.name")
    entry = registry[name]
    st.caption(entry.summary)
    values = value["params"] if name == value["name"] else {}
    params = fields.params(f"{path}.params", entry.params.model_json_schema(), values, entry=name)
    fields.slot(path)
    return {"name": name, "params": params}


def data_section(fields: Fields, catalogue: Catalogue, data: Json) -> Json:
    """The dataset, and which samples each rival may learn from."""
    result = dict(data) | {
        "dataset": choice(fields, "data.dataset", catalogue.datasets, data["dataset"], label="Dataset")
    }
    grid = st.grid("auto", min_column_width=NARROW_PX)
    with grid.cell():
        result["teacher_labels"] = fields.draw(
            "data.teacher_labels", _schema(Data, "teacher_labels"), data.get("teacher_labels"),
            label="Teacher's labels", unset="all there are")
    with grid.cell():
        result["student_labels"] = fields.draw(
            "data.student_labels", _schema(Data, "student_labels"), data.get("student_labels"),
            label="Students' labels", unset="the same as the teacher")
    with grid.cell():
        result["withheld_classes"] = fields.draw(
            "data.withheld_classes", _schema(Data, "withheld_classes"), data.get("withheld_classes"),
            label="Withheld classes")
    with grid.cell():
        result["validation_fraction"] = fields.draw(
            "data.validation_fraction", _schema(
                Data, "validation_fraction", "Share of the training samples that choose the best epoch.",
            ),
            data.get("validation_fraction"), label="Validation share")
    with grid.cell():
        result["split_seed"] = fields.draw(
            "data.split_seed", _schema(
                Data, "split_seed", "Which samples are for validation and which keep their labels.",
            ),
            data.get("split_seed"), label="Seed of the split")
    return result


def tagged(
    fields: Fields, path: str, options: Mapping[str, tuple[str, type[Frozen]]], value: Json | None, *, label: str,
    help_text: str, none: str = "",
) -> Json | None:
    """One of several kinds of settings, such as an optimizer, with its fields."""
    kinds: list[str] = ([""] if none else []) + list(options)
    now = value["kind"] if value else ""
    kind = st.selectbox(
        label, kinds, index=kinds.index(now), key=fields.key(f"{path}.kind"), help=help_text,
        format_func=lambda one: options[one][0] if one else none,
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


def training_section(fields: Fields, path: str, training: Json) -> Json:
    """The budget of a run."""
    result = dict(training)
    grid = st.grid("auto", min_column_width=NARROW_PX)
    for name, label in TRAINING_LABELS.items():
        with grid.cell():
            unset = "one pass over the labels" if name == "steps_per_epoch" else "no early stop"
            result[name] = fields.draw(
                f"{path}.{name}", _schema(Training, name, TRAINING_HELP.get(name, "")), training.get(name), label=label,
                unset=unset,
                title_of={"accuracy": "accuracy", "nll": "NLL"})
    result["optimizer"] = tagged(
        fields, f"{path}.optimizer", OPTIMIZERS, training["optimizer"], label="Optimizer",
        help_text="How weights follow gradients.",
    )
    return result


def views_section(fields: Fields, path: str, views: Json) -> Json:
    """How images are altered before a network sees them."""
    augmentation = tagged(
        fields, f"{path}.augmentation", AUGMENTATIONS, views.get("augmentation"), label="Augmentation",
        none="None: the images as they are",
        help_text="Altered copies make few images go further; teacher and students may differ.")
    fixed: int | None = 1
    if augmentation is not None:
        with st.grid("auto", min_column_width=NARROW_PX).cell():
            fixed = fields.draw(
                f"{path}.fixed_views", FIXED_VIEWS, views.get("fixed_views"), label="Fixed views",
                unset="new at every step",
            )
    fields.slot(path)
    return {"augmentation": augmentation, "fixed_views": fixed}


def teacher_section(fields: Fields, catalogue: Catalogue, teacher: Json) -> Json:
    """The teacher's network, with its budget folded away."""
    result = dict(teacher) | {
        "architecture": choice(
            fields, "teacher.architecture", catalogue.architectures, teacher["architecture"], label="Teacher's network",
        )
    }
    with st.expander("Teacher's budget, augmentation and seed", icon=":material/tune:", key=fields.key("teacher-more")):
        result["training"] = training_section(fields, "teacher.training", teacher["training"])
        result["views"] = views_section(fields, "teacher.views", teacher["views"])
        result["seed"] = fields.draw(
            "teacher.seed", _schema(Teacher, "seed", "Fixes the teacher's initial weights and batches."),
            teacher["seed"], label="Teacher's seed",
        )
    return result


def student_section(fields: Fields, catalogue: Catalogue, student: Json, number: int) -> Json:
    """One variant: its network, and what it learns from."""
    path, result = f"students.{number}", dict(student)
    result["name"] = st.text_input(
        "Name", value=student["name"], key=fields.key(f"{path}.name"), help="Shown in charts and tables.",
    )
    fields.slot(f"{path}.name")
    result["architecture"] = choice(
        fields, f"{path}.architecture", catalogue.architectures, student["architecture"], label="Network",
    )
    result["terms"] = terms_section(fields, catalogue, student["terms"], path)
    name_check.tell_false_name(result)
    transfer = {"labelled": "images that have labels", "all": "all images, labelled or not"}
    options = list(transfer)
    result["transfer"] = st.selectbox(
        "Sees", options, index=options.index(student["transfer"]), key=fields.key(f"{path}.transfer"),
        format_func=lambda one: transfer[one],
        help="Images without labels can only be learned from the teacher.")
    fields.slot(f"{path}.transfer")
    fields.slot(path)
    return result


def terms_section(fields: Fields, catalogue: Catalogue, terms: list[Json], path: str) -> list[Json]:
    """Which losses the student minimises, in two groups: learn from labels, learn from the teacher."""
    held = {term["loss"]["name"]: (number, term) for number, term in enumerate(terms)}
    groups = (
        ("Learn from labels", "labels", [e for e in catalogue.losses if "teacher" not in e.traits]),
        ("Learn from the teacher", "teacher", [e for e in catalogue.losses if "teacher" in e.traits]),
    )
    result: list[Json] = []
    for title, group, entries in groups:
        names = [entry.name for entry in entries]
        chosen = st.pills(
            title, names, selection_mode="multi", default=[name for name in names if name in held],
            key=fields.key(f"{path}.{group}"),
            format_func=lambda one: catalogue.losses[one].title,
            help="Choose what counts; several add up by their weights.")
        for name in chosen:
            entry = catalogue.losses[name]
            _, term = held.get(name, (0, {"loss": {"name": name, "params": {}}, "weight": 1.0}))
            # The place in the spec to be built, where the check will name errors.
            at = f"{path}.terms.{len(result)}"
            properties = {
                "weight": {
                    "type": "number", "minimum": 0,
                    "description": f"{entry.summary} Its weight in the sum; 0 leaves it out.",
                }
            }
            schema = entry.params.model_json_schema()
            values = {"weight": term["weight"], **term["loss"]["params"]}
            grid = st.grid("auto", min_column_width=NARROW_PX)
            with grid.cell():
                weight = fields.draw(
                    f"{at}.weight", properties["weight"], values["weight"], label=f"Weight: {entry.title}",
                    variant=name,
                )
            params: Json = {}
            for field, field_schema in schema.get("properties", {}).items():
                with grid.cell():
                    params[field] = fields.draw(
                        f"{at}.loss.params.{field}", field_schema, values.get(field, field_schema.get("default")),
                        variant=name)
            result.append({"loss": {"name": name, "params": params}, "weight": weight})
    fields.slot(f"{path}.terms")
    return result


def run_section(fields: Fields, spec: Json, devices: list[Json]) -> Json:
    """Seeds, device and the conditions of the latency measurement."""
    grid = st.grid("auto", min_column_width=220)
    with grid.cell():
        text = st.text_input(
            "Seeds", value=write_numbers(spec["seeds"]), key=fields.key("seeds"),
            help=(
                "One run of every variant a seed, such as 0-4 or 0, 1, 7. Five or more make a verdict; one cannot "
                "tell."
            ))
        fields.slot("seeds")
    with grid.cell():
        names = ["auto", *(device["name"] for device in devices)]
        names += [spec["device"]] if spec["device"] not in names else []
        titles = {device["name"]: plain_name(f"{device['name']}: {device['title']}", 60) for device in devices}
        device = st.selectbox(
            "Device", names, index=names.index(spec["device"]), key=fields.key("device"),
            help="auto takes the GPU if there is one.",
            format_func=lambda one: titles.get(one, "auto" if one == "auto" else f"{one} (not on this machine)"))
        fields.slot("device")
    latency = dict(spec["latency"])
    with st.expander("How latency is measured", icon=":material/timer:", key=fields.key("latency-more")):
        cells = st.grid("auto", min_column_width=NARROW_PX)
        for name, label, help_text in (
            ("batches", "Batch sizes", "Samples in one call."), ("threads", "Threads", "0 stands for all cores."),
            ("warmup", "Warm-up batches", "Not timed."), ("repeats", "Timed batches", "Enough for a stable median."),
        ):
            with cells.cell():
                latency[name] = fields.draw(
                    f"latency.{name}", _schema(Latency, name, help_text), spec["latency"][name], label=label,
                )
    return {"seeds": parse_numbers(text or ""), "device": device, "latency": latency}


def title_section(fields: Fields, spec: Json) -> Json:
    """The experiment's name and what it shows."""
    name = st.text_input(
        "Name of the experiment", value=spec["name"], key=fields.key("name"), help="Shown in the list and on its page.",
    )
    fields.slot("name")
    shows = st.text_area(
        "What it shows", value=spec["shows"], key=fields.key("shows"), height=100,
        help=str(ExperimentSpec.model_fields["shows"].description))
    fields.slot("shows")
    return {"name": name, "shows": shows}


def headline(student: Json, catalogue: Catalogue) -> str:
    """A variant in one line: its name, its network, what it learns from."""
    terms = [term["loss"]["name"] for term in student["terms"] if term["weight"]]
    titles = [catalogue.losses[name].title for name in terms if name in catalogue.losses.names]
    network = student["architecture"]["name"]
    parts = [network, " + ".join(titles) or "nothing to learn from"]
    return f"**{markdown_name(student['name'], 60)}** · :gray[{' · '.join(markdown_text(part) for part in parts)}]"
