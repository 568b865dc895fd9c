"""Puts texts of users, figures and tables into Markdown; loads no torch."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from distill_core.evaluation.metrics import percentage
from distill_core.spec import LONGEST_NAME, Choice

# Our texts stand in the middle of a line, where only these are markup; the last two would become links.
_MARKUP = re.compile(r"([\\`*_\[\]|~$]|\.(?=[^\W\d])|:(?=//))")
NOT_MEASURED = "not measured"


def markdown_text(text: str, *, longest: int = LONGEST_NAME) -> str:
    """Any user's text as one harmless line of Markdown: no markup, no HTML, no line breaks, not endless."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(line) > longest:
        line = line[: longest - 1] + "…"
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKUP.sub(r"\\\1", line)


def code(text: str) -> str:
    """Inside backticks nothing is markup but the backtick itself, and a table's bar."""
    return " ".join(text.split()).replace("`", "'").replace("|", "/")


def pairs_of(values: Mapping[str, Any]) -> str:
    """Names and values in one line."""
    pairs = (f"{name} {value if isinstance(value, str) else json.dumps(value)}" for name, value in values.items())
    return markdown_text(", ".join(pairs), longest=400)


def choice(chosen: Choice | None, otherwise: str = "") -> str:
    """A catalogue entry with the parameters that differ from its defaults."""
    if chosen is None:
        return f"`{code(otherwise)}`"
    return f"`{code(chosen.name)}`" + (f" ({pairs_of(chosen.params)})" if chosen.params else "")


def percent(value: float | None) -> str:
    return NOT_MEASURED if value is None or not math.isfinite(value) else percentage(value)


def number(value: float | None) -> str:
    return NOT_MEASURED if value is None or not math.isfinite(value) else f"{value:.3f}"


def section(title: str, parts: Iterable[str]) -> str:
    return "\n\n".join([f"## {title}", *parts])


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
