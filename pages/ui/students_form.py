"""The part of the form that describes one student: network, start, samples."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import streamlit as st

from distill_core.catalog import Catalogue
from distill_core.charts.names import markdown_name, markdown_text
from distill_core.language import _, marked, told
from distill_core.spec import Coreset, Student
from pages.ui import name_check, words
from pages.ui.choosing import choice, schema_of
from pages.ui.fields import NARROW_PX, Fields
from pages.ui.terms_form import LayerSource, terms_section
from pages.ui.weights_picker import weights_picker

Json = dict[str, Any]
SEES = {"labelled": marked("{noun} that have labels"), "all": marked("all {noun}, labelled or not")}
STARTS = {
    "random": marked("Random weights"), "teacher": marked("The teacher's weights, where they fit"),
    "own": marked("Own weights"),
}
RULES = {
    "herding": marked("Herding: keep each class's mean"), "k-centre": marked("k-centre: spread out"),
    "uncertain": marked("Uncertain: where the teacher hesitates"), "random": marked("Random"),
}


def student_section(
    fields: Fields, catalogue: Catalogue, student: Json, number: int, *, able: Collection[str], noun: str,
    layers: LayerSource,
) -> Json:
    """One variant: its network, and what it learns from."""
    path, result = f"students.{number}", dict(student)
    result["name"] = st.text_input(
        _("Name"), value=student["name"], key=fields.key(f"{path}.name"), help=_("Shown in charts and tables."),
    )
    fields.slot(f"{path}.name")
    result["architecture"] = choice(
        fields, f"{path}.architecture", catalogue.architectures, student["architecture"], label=_("Network"), able=able,
    )
    result |= _start(fields, student, path)
    result["terms"] = terms_section(
        fields, catalogue, student["terms"], path, able=able, architecture=result["architecture"], layers=layers,
    )
    name_check.tell_false_name(result)
    result |= _samples(fields, catalogue, student, path, able=able, noun=noun)
    fields.slot(path)
    return result


def _start(fields: Fields, student: Json, path: str) -> Json:
    """Which weights it begins with."""
    now = "own" if student["weights"] else student["start"]
    options = list(STARTS)
    chosen = st.selectbox(
        _("Starts from"), options, index=options.index(now), key=fields.key(f"{path}.start"),
        format_func=lambda one: _(STARTS[one]),
        help=_("The student trained alone starts from the same weights, so that only what they learn from differs."),
    )
    weights = ""
    if chosen == "own":
        weights = weights_picker(fields.key(f"{path}.weights"), student["weights"], label=_("Own weights"))
        fields.slot(f"{path}.weights")
    fields.slot(f"{path}.start")
    return {"start": "teacher" if chosen == "teacher" else "random", "weights": weights}


def _samples(
    fields: Fields, catalogue: Catalogue, student: Json, path: str, *, able: Collection[str], noun: str
) -> Json:
    """The transfer set: which samples, how many, and what is made of them."""
    options = list(SEES)
    result: Json = {}
    result["transfer"] = st.selectbox(
        _("Sees"), options, index=options.index(student["transfer"]), key=fields.key(f"{path}.transfer"),
        format_func=lambda one: _(SEES[one]).format(noun=_(words.NOUNS[noun])),
        help=_(
            "{noun} without labels can only be learned from the teacher."
        ).format(noun=_(words.NOUNS[noun]).capitalize()),
    )
    fields.slot(f"{path}.transfer")
    result["generator"] = _generator(fields, catalogue, student, path, able=able)
    result["generated_share"] = student["generated_share"]
    if result["generator"]:
        result["generated_share"] = fields.draw(
            f"{path}.generated_share", schema_of(Student, "generated_share"), student["generated_share"],
            label=_("Share of variants"),
        )
    result["coreset"] = _coreset(fields, student, path, able=able)
    return result


def _generator(
    fields: Fields, catalogue: Catalogue, student: Json, path: str, *, able: Collection[str]
) -> Json | None:
    kind = next(iter({"image", "sequence", "text", "table"} & set(able)))
    names = [entry.name for entry in catalogue.generators if kind in entry.traits]
    held = student["generator"]
    chosen = st.selectbox(
        _("Variants"), ["", *names], key=fields.key(f"{path}.generator.name", kind),
        index=names.index(held["name"]) + 1 if held and held["name"] in names else 0,
        format_func=lambda one: told(catalogue.generators[one].title) if one else _("none: the samples as they are"),
        help=_("Replaces part of each batch by generated variants, which the teacher answers too."),
    )
    fields.slot(f"{path}.generator")
    if not chosen:
        return None
    entry = catalogue.generators[chosen]
    st.caption(told(entry.summary))
    values = held["params"] if held and held["name"] == chosen else {}
    params = fields.params(f"{path}.generator.params", entry.params.model_json_schema(), values, entry=chosen)
    return {"name": chosen, "params": params}


def _coreset(fields: Fields, student: Json, path: str, *, able: Collection[str]) -> Json | None:
    held = student["coreset"]
    on = st.checkbox(
        _("Coreset: only the most useful samples"), value=held is not None, key=fields.key(f"{path}.coreset?"),
        help=_(
            "Few samples chosen by a stated rule instead of many: data distillation. random: drawn by the seed. "
            "k-centre: each next sample is the farthest from those chosen. uncertain: where the teacher's best two "
            "classes are closest."
        ),
    )
    if not on:
        fields.slot(f"{path}.coreset")
        return None
    grid = st.grid("auto", min_column_width=NARROW_PX)
    with grid.cell():
        size = fields.draw(
            f"{path}.coreset.size", schema_of(Coreset, "size", _("How many samples are kept.")),
            held["size"] if held else 100, label=_("Samples"),
        )
    with grid.cell():
        rule = fields.draw(
            f"{path}.coreset.rule", schema_of(Coreset, "rule", _("By which they are chosen.")),
            held["rule"] if held else "herding" if "classification" in able else "random", label=_("Rule"),
            title_of=RULES,
        )
    fields.slot(f"{path}.coreset")
    return {"size": size, "rule": rule}


def fits(student: Json, catalogue: Catalogue, *, able: Collection[str]) -> bool:
    """Whether its network and losses are among those that the form offers for these data."""
    task = next(iter({"classification", "tagging", "regression"} & set(able)))
    network, losses = student["architecture"]["name"], [term["loss"]["name"] for term in student["terms"]]
    offered = {entry.name for entry in catalogue.architectures if entry.traits.issuperset(able)}
    return network in offered and {entry.name for entry in catalogue.losses if task in entry.traits}.issuperset(losses)


def headline(student: Json, catalogue: Catalogue) -> str:
    """A variant in one line: its name, its network, what it learns from."""
    terms = [term["loss"]["name"] for term in student["terms"] if term["weight"]]
    titles = [told(catalogue.losses[name].title) for name in terms if name in catalogue.losses.names]
    network = student["architecture"]["name"]
    parts = [network, " + ".join(titles) or _("nothing to learn from")]
    return f"**{markdown_name(student['name'], 60)}** · :gray[{' · '.join(markdown_text(part) for part in parts)}]"
