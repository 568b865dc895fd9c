"""A chart of a page: its picture, how it is read, and the figures behind it as a table."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Figure:
    """`key` names its file; `header` and `rows` are all text, a row as long as the header."""

    key: str
    title: str
    picture: Markup
    reading: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
