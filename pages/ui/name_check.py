"""Notices a student whose name contradicts its settings."""

from __future__ import annotations

import re
from typing import Any

import streamlit as st


def tell_false_name(student: dict[str, Any]) -> None:
    """A name that tells another temperature than is set would mislead every reader of the result."""
    told = re.search(r"\bT\s?=\s?(\d+(?:\.\d+)?)", student["name"])
    held = [term["loss"]["params"].get("temperature") for term in student["terms"]]
    held = [temperature for temperature in held if temperature is not None]
    if told and held and float(told[1]) not in held:
        st.warning(
            f"The name says T={told[1]}, but the temperature is {held[0]:g}. Rename it, or its results will mislead.",
            icon=":material/edit_note:",
        )
