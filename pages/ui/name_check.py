"""Notices a student whose name contradicts its settings."""

from __future__ import annotations

import re
from typing import Any

import streamlit as st

from distill_core.language import _


def tell_false_name(student: dict[str, Any]) -> None:
    """A name that tells another temperature than is set would mislead every reader of the result."""
    said = re.search(r"\bT\s?=\s?(\d+(?:\.\d+)?)", student["name"])
    held = [term["loss"]["params"].get("temperature") for term in student["terms"]]
    held = [temperature for temperature in held if temperature is not None]
    if said and held and float(said[1]) not in held:
        st.warning(
            _(
                "The name says T={said}, but the temperature is {temperature:g}. Rename it, or its results will "
                "mislead."
            ).format(said=said[1], temperature=held[0]),
            icon=":material/edit_note:",
        )
