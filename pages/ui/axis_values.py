"""Values of a sweep's axes as people type and choose them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import streamlit as st

from distill_core.language import _, marked, told
from distill_core.spec import ExperimentSpec
from distill_core.sweep_spec import AxisField, value_key
from distill_core.sweeps.cells import value_label
from pages.ui.session import lab

STARTS = {"random": marked("Random weights"), "teacher": marked("The teacher's weights, where they fit")}
EXAMPLES: dict[str, str] = {"student": "tiny-cnn (width 8)", "term": "dkd (non_target_weight 2)"}
_ENTRY = re.compile(r"(?P<name>.+?)\s*\((?P<params>[^()]*)\)\s*")
_PARAM = re.compile(r"\s*(?P<name>\w+)\s*[= :]\s*(?P<value>[^\s].*?)\s*")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,3})?", re.IGNORECASE)


def numbers_typed(text: str, *, whole: bool = False) -> list[Any]:
    """The numbers in the order written, separated by commas or spaces; what cannot be read stays text, so that the
    check can name it."""
    parts = [part for part in re.split(r"[,;\s，、]+", text) if part]
    return [_number(part, whole=whole) if _NUMBER.fullmatch(part) else part for part in parts]


def _number(part: str, *, whole: bool) -> float | int:
    number = float(part)
    return int(number) if whole and number == int(number) else number


def numbers_written(values: Sequence[Any]) -> str:
    """The same as a person would type them."""
    return ", ".join(f"{value:g}" if isinstance(value, (int, float)) else str(value) for value in values)


def names_for(field: AxisField, base: ExperimentSpec) -> list[str]:
    """What an axis of entries may have in an experiment."""
    if field == "start":
        return list(STARTS)
    return {"student": _network_names, "term": _term_names}[field](base)


def _network_names(base: ExperimentSpec) -> list[str]:
    """Networks that fit the data of an experiment."""
    catalogue = lab().catalogue()
    able = {catalogue.input_kind(base.data.dataset), catalogue.task(base.data.dataset)}
    return [entry.name for entry in catalogue.architectures if entry.traits.issuperset(able)]


def _term_names(base: ExperimentSpec) -> list[str]:
    """Losses that learn from the teacher's answers and need no further choice, such as of layers."""
    catalogue = lab().catalogue()
    task = catalogue.task(base.data.dataset)
    return [
        entry.name for entry in catalogue.losses
        if {task, "teacher"} <= entry.traits and not entry.reads_taps and "weights" not in entry.traits
    ]


def _titles(field: str) -> dict[str, str]:
    """What the entries that an axis may have are called, in English; empty for axes of numbers."""
    registry = {"student": lab().catalogue().architectures, "term": lab().catalogue().losses}.get(field)
    return {entry.name: entry.title for entry in registry} if registry is not None else {}


def entry_typed(text: str, titles: dict[str, str]) -> Any:
    """An entry by name or title, with parameters in brackets such as tiny-cnn (width 8); other text as it is."""
    by_title = {shown.casefold(): name for name, title in titles.items() for shown in (title, told(title))}

    def named(given: str) -> str:
        return by_title.get(given.strip().casefold(), given.strip())

    # Titles have brackets too.
    found = None if named(text) in titles else _ENTRY.fullmatch(text)
    if found is None:
        return named(text)
    name = named(found["name"])
    params = [_PARAM.fullmatch(part) for part in found["params"].split(",")]
    if not all(params):
        return text
    return {"name": name, "params": {one["name"]: _plain(one["value"]) for one in params if one}}


def _plain(text: str) -> Any:
    """A number, true or false as JSON has them; else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def entries_field(
    label: str, field: AxisField, offered: Sequence[Any], *, held: Sequence[Any] = (), key: str, help: str
) -> list[Any]:
    """Entries chosen of those offered, or typed with their parameters; `held` are chosen first, just as they are."""
    known = {value_label(value): value for value in (*offered, *held)}
    called = STARTS if field == "start" else _titles(field)

    def shown(written: str) -> str:
        name, bracket, params = written.partition(" (")
        return told(called.get(name, name)) + bracket + params

    if field in EXAMPLES:
        help = f"{help} {_('Or type one with its settings, such as {example}.').format(example=EXAMPLES[field])}"
    chosen = st.multiselect(
        label, list(known), default=[value_label(value) for value in held], key=key, help=help, format_func=shown,
        placeholder=_("Choose one or more"), accept_new_options=field in EXAMPLES,
    )
    values = [known[one] if one in known else entry_typed(one, called) for one in chosen]
    # One may be typed that is chosen already.
    return list({value_key(value): value for value in values}.values())
