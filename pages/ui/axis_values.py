"""Values of a sweep's axes as people type and choose them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from distill_core.language import marked
from distill_core.spec import ExperimentSpec
from pages.ui.session import lab

STARTS = {"random": marked("Random weights"), "teacher": marked("The teacher's weights, where they fit")}
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


def network_names(base: ExperimentSpec) -> list[str]:
    """Networks that fit the data of an experiment."""
    catalogue = lab().catalogue()
    able = {catalogue.input_kind(base.data.dataset), catalogue.task(base.data.dataset)}
    return [entry.name for entry in catalogue.architectures if entry.traits.issuperset(able)]


def term_names(base: ExperimentSpec) -> list[str]:
    """Losses that learn from the teacher's answers and need no further choice, such as of layers."""
    catalogue = lab().catalogue()
    task = catalogue.task(base.data.dataset)
    return [
        entry.name for entry in catalogue.losses
        if {task, "teacher"} <= entry.traits and not entry.reads_taps and "weights" not in entry.traits
    ]


def titles(field: str) -> dict[str, str]:
    """What the entries that an axis may have are called, in English; empty for axes of numbers."""
    registry = {"student": lab().catalogue().architectures, "term": lab().catalogue().losses}.get(field)
    return {entry.name: entry.title for entry in registry} if registry is not None else {}
