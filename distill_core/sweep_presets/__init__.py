"""Sweeps that come with the lab: each a JSON spec with a title and what it shows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from distill_core.errors import UnknownName
from distill_core.sweep_spec import SweepSpec, parse_sweep

DEFAULT = "digits-temperature-map"


@dataclass(frozen=True)
class SweepPreset:
    name: str
    title: str
    summary: str
    spec: SweepSpec


@cache
def load_sweep_presets() -> tuple[SweepPreset, ...]:
    """All of them, the default one first."""
    found = []
    for file in files(__name__).iterdir():
        if file.name.endswith(".json"):
            content = json.loads(file.read_text(encoding="utf-8"))
            found.append(
                SweepPreset(
                    name=file.name.removesuffix(".json"), title=content["title"], summary=content["summary"],
                    spec=parse_sweep(content["spec"]),
                )
            )
    return tuple(sorted(found, key=lambda preset: (preset.name != DEFAULT, preset.name)))


def find_sweep_preset(name: str) -> SweepPreset:
    """Raises UnknownName with close matches."""
    for preset in load_sweep_presets():
        if preset.name == name:
            return preset
    raise UnknownName("sweep preset", name, [preset.name for preset in load_sweep_presets()])
