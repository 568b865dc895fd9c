"""In which settings experiments differ: dotted paths, and only those with different values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from distill_core.charts.names import plain_name
from distill_core.spec import ExperimentSpec

# What an experiment is called says nothing about how it was made.
LABELS = ("name", "shows")
ABSENT = "–"


def flatten(value: Any, path: str = "") -> dict[str, str]:
    """Every leaf of a JSON value by its dotted path, written as JSON; a list of plain values is one leaf."""
    if isinstance(value, Mapping) and value:
        parts = [flatten(item, f"{path}.{name}" if path else str(name)) for name, item in value.items()]
    elif isinstance(value, list) and any(isinstance(item, (Mapping, list)) for item in value):
        parts = [flatten(item, f"{path}.{number}") for number, item in enumerate(value)]
    else:
        return {path: value if isinstance(value, str) else json.dumps(value)}
    return {name: leaf for part in parts for name, leaf in part.items()}


def differences(specs: Sequence[ExperimentSpec]) -> list[dict[str, str]]:
    """One row a differing setting: its path, and its value in each spec in the order given as `0`, `1`, ...."""
    leaves = [flatten({name: part for name, part in spec.to_json().items() if name not in LABELS}) for spec in specs]
    paths = dict.fromkeys(path for leaf in leaves for path in leaf)
    rows = []
    for path in paths:
        values = [leaf.get(path, ABSENT) for leaf in leaves]
        if len(set(values)) > 1:
            rows.append({"setting": path} | {str(number): plain_name(value, 80) for number, value in enumerate(values)})
    return rows
