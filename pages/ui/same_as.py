"""What the form repeats of an earlier experiment: its settings, perhaps with corrections or another temperature."""

from __future__ import annotations

import json
import re
from typing import Any

import streamlit as st

from distill_core.spec import LONGEST_NAME
from pages.ui import with_corrections

Json = dict[str, Any]
_AT = "@"
_NAMED = re.compile(r"\bT=\d+(\.\d+)?")
_TEMPERATURE = re.compile(r"\d{1,3}(\.\d{1,3})?")


def told(source: str) -> str:
    """Say what the form repeats, as the address has it; returns what `settings` makes the form of. Raises NotFound."""
    asked = st.query_params.get("temperature", "")
    origin = with_corrections.told(source, st.query_params.get("corrections", ""))
    return f"{origin}{_AT}{asked}" if _TEMPERATURE.fullmatch(asked) and float(asked) >= 1 else origin


def settings(origin: str) -> Json:
    """The settings of an experiment, with the corrections and the temperature that the form begins with."""
    source, _, temperature = origin.partition(_AT)
    spec = with_corrections.settings(source)
    return at_temperature(spec, float(temperature)) if temperature else spec


def at_temperature(spec: Json, temperature: float) -> Json:
    """The same settings with this temperature in every term that has one.

    A name that tells the old one tells the new one; of variants that become the same only the first stays, and what
    would have been compressed of the others is compressed of it.
    """
    students: list[Json] = []
    now_called: dict[str, str] = {}
    for student in spec["students"]:
        terms = [_heated(term, temperature) for term in student["terms"]]
        same = next((one for one in students if _but_name(one) == _but_name(student | {"terms": terms})), None)
        if same is None:
            heated = any("temperature" in term["loss"]["params"] for term in terms)
            name = _NAMED.sub(f"T={temperature:g}", student["name"]) if heated else student["name"]
            same = student | {"terms": terms, "name": _free(name, {one["name"] for one in students})}
            students.append(same)
        now_called[student["name"]] = same["name"]
    chains = [chain | {"of": now_called.get(chain["of"], chain["of"])} for chain in spec["compression"]["chains"]]
    different = {json.dumps(chain, sort_keys=True): chain for chain in chains}
    return spec | {"students": students, "compression": spec["compression"] | {"chains": list(different.values())}}


def _heated(term: Json, temperature: float) -> Json:
    params = term["loss"]["params"]
    if "temperature" not in params:
        return term
    return term | {"loss": term["loss"] | {"params": params | {"temperature": float(temperature)}}}


def _but_name(student: Json) -> Json:
    return {key: value for key, value in student.items() if key != "name"}


def _free(name: str, taken: set[str]) -> str:
    found, number = name[:LONGEST_NAME], 2
    while found in taken:
        found, number = f"{name[: LONGEST_NAME - 6]} ({number})", number + 1
    return found
