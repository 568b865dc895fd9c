"""Writes docs/catalogue.md from the registries: `python -m docs.build`. A test fails while it is stale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distill_core.pipeline import installed_catalogue
from distill_core.presets import load_presets

TARGET = Path(__file__).parent / "catalogue.md"


def catalogue_markdown() -> str:
    """The whole catalogue: entries, their parameters with defaults and bounds, and the presets."""
    catalogue = installed_catalogue().to_json()
    lines = ["# Catalogue", "", "Made from the registries by `python -m docs.build`; do not edit.", ""]
    for kind, entries in catalogue.items():
        lines += [f"## {kind.capitalize()}", ""]
        for entry in entries:
            lines += [f"### `{entry['name']}`: {entry['title']}", ""]
            lines += [f"{entry['summary']} Source: {entry['source']}.", ""]
            properties: dict[str, Any] = entry["schema"].get("properties", {})
            if properties:
                lines += ["| parameter | default | allowed | meaning |", "| --- | --- | --- | --- |"]
                lines += [
                    f"| `{name}` | {_default(prop)} | {_allowed(prop)} | {prop.get('description', '')} |"
                    for name, prop in properties.items()
                ]
                lines.append("")
    lines += ["## Presets", "", "| name | title | what it is |", "| --- | --- | --- |"]
    lines += [f"| `{preset.name}` | {preset.title} | {preset.summary} |" for preset in load_presets()]
    return "\n".join(lines) + "\n"


def _default(prop: dict[str, Any]) -> str:
    return f"`{prop['default']}`" if "default" in prop else "required"


def _allowed(prop: dict[str, Any]) -> str:
    if "enum" in prop:
        return ", ".join(f"`{choice}`" for choice in prop["enum"])
    words = {"minimum": "from {}", "exclusiveMinimum": "above {}", "maximum": "to {}", "exclusiveMaximum": "below {}"}
    bounds = [text.format(prop[key]) for key, text in words.items() if key in prop]
    return " ".join([prop.get("type", ""), *bounds])


if __name__ == "__main__":
    TARGET.write_text(catalogue_markdown(), encoding="utf-8")
