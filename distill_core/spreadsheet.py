"""Makes text harmless for the cells of a CSV file, which spreadsheets may run as formulas."""

from __future__ import annotations

# What begins a formula, also in full width, and what some programs skip before one (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def harmless_cell(text: str) -> str:
    """The text, with an apostrophe before it if a spreadsheet would take it for a formula; without NUL."""
    cleaned = text.replace("\0", "")
    return f"'{cleaned}" if cleaned.startswith(_FORMULA) or cleaned.lstrip().startswith(_FORMULA) else cleaned
