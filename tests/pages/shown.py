"""Every text that a page under AppTest shows: labels, sentences, hints, cells of tables, words of charts."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pandas as pd
from google.protobuf.message import Message
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Element

# Fields of an element that nobody reads, and what a reader wrote or may change: its value.
_UNREAD = frozenset({
    "id", "element_id", "form_id", "key", "icon", "unicode_icon", "url", "url_pathname", "url_path", "page",
    "page_script_hash", "href", "src", "srcdoc", "format", "theme", "config", "language", "type", "query_string",
    "query_params", "widget_id", "user_key", "component_name", "html_content", "js_content", "css_content", "columns",
    "spec", "json", "mixed_data", "default", "value",
})
# Words of a figure; the rest of it is numbers, colours and names of Plotly's.
_FIGURE_WORDS = frozenset({"text", "name", "hovertemplate", "hovertext", "ticktext"})
_MARKUP = re.compile(r"<[^<>]*>|%\{[^{}]*\}")


def shown(app: AppTest) -> Iterator[str]:
    """Every text of the page; its navigation is no part of it."""
    for block in (app.main, app.sidebar):
        yield from _of_block(block)


def _of_block(block: Block) -> Iterator[str]:
    if block.proto is not None:
        yield from _of_message(block.proto)
    for child in block.children.values():
        yield from _of_block(child) if isinstance(child, Block) else _of_element(child)


def _of_element(element: Element) -> Iterator[str]:
    if element.type in ("code", "html"):
        return
    if element.type == "plotly_chart":
        yield from figure_words(json.loads(element.proto.spec))
    if element.type in ("arrow_data_frame", "dataframe", "table"):
        yield from _of_frame(element.value)
        # A plain table has no settings of its columns.
        yield from _of_columns(json.loads(getattr(element.proto, "columns", "") or "{}"))
    if element.type == "iframe":
        yield re.sub(r"<(script|style|pre|code)\b.*?</\1>|<[^<>]*>", "\n", element.proto.srcdoc, flags=re.DOTALL)
    yield from _of_message(element.proto)


def _of_message(message: Message) -> Iterator[str]:
    for field, value in message.ListFields():
        if field.name in _UNREAD:
            continue
        for one in [value] if isinstance(value, str | bytes | Message | int | float) else value:
            if isinstance(one, Message):
                yield from _of_message(one)
            elif isinstance(one, str):
                yield one


def _of_frame(frame: pd.DataFrame) -> Iterator[str]:
    for column in frame.columns:
        yield from (cell for cell in frame[column].tolist() if isinstance(cell, str))


def _of_columns(columns: dict[str, Any]) -> Iterator[str]:
    for column in columns.values():
        yield from (column[key] for key in ("label", "help") if isinstance(column.get(key), str))


def figure_words(part: Any, key: str = "") -> Iterator[str]:
    """The texts of a Plotly figure's JSON."""
    if isinstance(part, dict):
        for name, value in part.items():
            if name not in ("template", "meta"):
                yield from figure_words(value, name)
    elif isinstance(part, list):
        for value in part:
            yield from figure_words(value, key)
    elif isinstance(part, str) and key in _FIGURE_WORDS:
        yield html.unescape(_MARKUP.sub(" | ", part))
