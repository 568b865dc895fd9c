"""Writes a benchmark's rows as JSON and Markdown, with the machine and versions they hold for."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

from distill_core.deployment.machine import machine_name

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("torch", "onnxruntime", "onnxruntime-gpu", "streamlit", "plotly")


def write_result(
    name: str, about: str, rows: Sequence[Mapping[str, Any]], *, settings: Mapping[str, Any] | None = None
) -> None:
    """Write `results/<name>.json` and `.md`, and print the table; `settings` are the command and what it chose."""
    RESULTS.mkdir(exist_ok=True)
    here = {one.name for one in distributions()}
    versions = {package: version(package) for package in PACKAGES if package in here}
    content = {
        "name": name,
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine_name(),
        "versions": versions,
        **({"settings": dict(settings)} if settings else {}),
        "rows": list(rows),
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
    columns = list(rows[0])
    table = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    table += [f"| {' | '.join(str(row[column]) for column in columns)} |" for row in rows]
    facts = f"{content['date']}, {content['machine']}, " + ", ".join(
        f"{package} {number}" for package, number in versions.items()
    )
    chosen = "".join(f"- {key}: {value}\n" for key, value in (settings or {}).items())
    about = f"{about.strip()}\n\n{chosen}" if chosen else about
    text = f"# {name.replace('_', ' ')}\n\n{about.strip()}\n\n" + "\n".join(table) + f"\n\nMeasured {facts}.\n"
    (RESULTS / f"{name}.md").write_text(text)
    print(text)
