"""Experiments that come with the lab: each a JSON spec with a title and what it shows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from distill_core.errors import UnknownName
from distill_core.spec import ExperimentSpec, parse_spec

DEFAULT = "digits"


@dataclass(frozen=True)
class Preset:
    """`needs_path`: the user must give a folder before it can run."""

    name: str
    title: str
    summary: str
    spec: ExperimentSpec
    needs_path: bool


@cache
def load_presets() -> tuple[Preset, ...]:
    """All presets, the default one first."""
    found = []
    for file in files(__name__).iterdir():
        if file.name.endswith(".json"):
            content = json.loads(file.read_text(encoding="utf-8"))
            found.append(
                Preset(
                    name=file.name.removesuffix(".json"),
                    title=content["title"],
                    summary=content["summary"],
                    spec=parse_spec(content["spec"]),
                    needs_path=content.get("needs_path", False),
                )
            )
    return tuple(sorted(found, key=lambda preset: (preset.name != DEFAULT, preset.needs_path, preset.name)))


def find_preset(name: str) -> Preset:
    """Raises UnknownName with close matches."""
    for preset in load_presets():
        if preset.name == name:
            return preset
    raise UnknownName("preset", name, [preset.name for preset in load_presets()])
