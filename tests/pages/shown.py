"""Every text that a page under AppTest shows: labels, sentences, hints, cells of tables, words of charts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pandas as pd
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Element

# Parts of an element that nobody reads.
UNREAD = frozenset({
    "id", "element_id", "form_id", "key", "icon", "unicode_icon", "url", "url_pathname", "page", "page_script_hash", "href", "src",
    "content_type", "format", "theme", "config", "language", "type", "query_string", "step", "widget_id", "user_key",
    "srcdoc", "css", "js", "component_name", "file_type", "extensions", "gap", "imgs", "html_content", "js_content", "css_content",
    "columns", "selection_mode", "spec", "figure", "data", "arrow_data", "json", "mixed_data", "component", "body_type",
    "query_params", "url_path", "css_class",
})
# Words of a figure; the rest of it is numbers, colours and names of Plotly's.
_FIGURE_WORDS = frozenset({"text", "name", "hovertemplate", "hovertext", "ticktext", "customdata", "alt"})


def shown(app: AppTest) -> Iterator[str]:
    """Every text of the page, its navigation left out."""
    for block in (app.main, app.sidebar):
        yield from _of_block(block)


def _of_block(block: Block) -> Iterator[str]:
    if block.proto is not None:
        yield from _of_message(block.proto)
    for child in block.children.values():
        if isinstance(child, Block):
            yield from _of_block(child)
        else:
            yield from _of_element(child)


def _of_element(element: Element) -> Iterator[str]:
    kind = element.type
    if kind == "plotly_chart":
        yield from figure_words(json.loads(element.proto.spec))
    if kind in ("arrow_data_frame", "dataframe", "table"):
        yield from _of_frame(element.value)
        yield from _of_columns(json.loads(element.proto.columns or "{}"))
    if kind in ("code", "iframe", "html"):
        return
    yield from _of_message(element.proto)


def _of_message(message: Message) -> Iterator[str]:
    for field, value in message.ListFields():
        if field.name in UNREAD:
            continue
        many = value if _is_many(field, value) else [value]
        for one in many:
            if isinstance(one, Message):
                yield from _of_message(one)
            elif isinstance(one, str):
                yield one


def _is_many(field: FieldDescriptor, value: object) -> bool:
    return not isinstance(value, str | bytes | Message | int | float | bool)


def _of_frame(frame: pd.DataFrame) -> Iterator[str]:
    for column in frame.columns:
        yield from (cell for cell in frame[column].tolist() if isinstance(cell, str))


def _of_columns(columns: dict[str, Any]) -> Iterator[str]:
    for column in columns.values():
        yield from (column[key] for key in ("label", "help") if isinstance(column.get(key), str))


def figure_words(part: Any, key: str = "") -> Iterator[str]:
    """The texts of a Plotly figure."""
    if isinstance(part, dict):
        for name, value in part.items():
            if name not in ("template", "meta"):
                yield from figure_words(value, name)
    elif isinstance(part, list):
        for value in part:
            yield from figure_words(value, key)
    elif isinstance(part, str) and key in _FIGURE_WORDS:
        yield re.sub(r"<[^>]*>|%\{[^}]*\}", " ", part)
