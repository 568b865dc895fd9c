"""No page shows a literal that no catalogue could have: words reach Streamlit through `_`, `counted` or `told`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What is shown, by the argument's name, whatever is called.
SHOWN = {"label", "help", "help_text", "placeholder", "title", "alt", "caption", "on_label", "off_label", "options"}
# Widgets of Streamlit, also on a column or slot, which show their first argument; those that offer a choice the second.
CHOOSERS = {"selectbox", "radio", "segmented_control", "pills", "multiselect", "select_slider"}
WIDGETS = CHOOSERS | {
    "title", "header", "subheader", "caption", "markdown", "text", "write", "info", "success", "warning", "error",
    "toast", "button", "download_button", "link_button", "form_submit_button", "checkbox", "toggle", "slider",
    "number_input", "text_input", "text_area", "file_uploader", "metric", "expander", "popover", "spinner", "progress",
    "status", "menu_button", "TextColumn", "NumberColumn", "ProgressColumn", "LinkColumn", "CheckboxColumn",
    "ImageColumn", "LineChartColumn",
}
# What is no widget of theirs: an address's values, and logs.
SILENT = {"address", "log"}
# Our own, which show their second.
OWN = {"link"}
# Icons, colours, code, places, and what has the same name in every language.
_NO_WORDS = re.compile(r":[a-z-]+(/[a-z_]+)?[:\[]|`[^`]*`|\{[^{}]*\}|\b(ONNX|MACs|nats|svg|png)\b")
_WORD = re.compile(r"[A-Za-z]{2,}")


def unmarked(source: str) -> Iterator[tuple[int, str]]:
    """(line, words) of each literal with words that a page would show as it is."""
    for call in [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]:
        called = getattr(call.func, "attr", getattr(call.func, "id", ""))
        if getattr(getattr(call.func, "value", None), "id", "") in SILENT:
            continue
        named = {keyword.arg: keyword.value for keyword in call.keywords}
        shown = [value for name, value in named.items() if name in SHOWN]
        shown += call.args[: 1 if called in WIDGETS and isinstance(call.func, ast.Attribute) else 0]
        if called in OWN or (called in CHOOSERS and "format_func" not in named):
            shown += call.args[1:2]
        for argument in shown:
            yield from ((call.lineno, text) for text in _literals(argument) if _WORD.search(_NO_WORDS.sub(" ", text)))


def _literals(node: ast.expr) -> Iterator[str]:
    """The literals that a value is made of; what a call returns has been said by it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield from (part.value for part in node.values if isinstance(part, ast.Constant))
    elif isinstance(node, ast.BinOp):
        yield from (*_literals(node.left), *_literals(node.right))
    elif isinstance(node, ast.BoolOp | ast.List | ast.Tuple):
        for value in node.values if isinstance(node, ast.BoolOp) else node.elts:
            yield from _literals(value)
    elif isinstance(node, ast.IfExp):
        yield from (*_literals(node.body), *_literals(node.orelse))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("format", "join"):
        yield from _literals(node.func.value)


def test_no_page_shows_an_unmarked_literal() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line}: {text!r}"
        for file in sorted(ROOT.glob("pages/**/*.py"))
        for line, text in unmarked(file.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(["Words that no catalogue has; say them through _():", *found])


@pytest.mark.parametrize(("source", "found"), [
    ('st.caption("No runs yet.")', ["No runs yet."]),
    ('st.button(_("Go"), help="Starts it")', ["Starts it"]),
    ('st.info(f"{count} runs failed")', [" runs failed"]),
    ('st.info("{count} runs".format(count=1))', ["{count} runs"]),
    ('st.radio(_("Kind"), ["one kind", "another"])', ["one kind", "another"]),
    ('st.warning(_("yes") if ready else "not ready")', ["not ready"]),
    ('Column.TextColumn("Name")', ["Name"]),
    ('st.caption(_("No runs yet."))', []), ('st.button(_("Go"), key="go", icon=":material/add:")', []),
    ('st.markdown(f":material/add: {name} · ONNX")', []), ('st.radio(_("K"), ["svg"], format_func=str.upper)', []),
])
def test_what_is_unmarked_is_found(source: str, found: list[str]) -> None:
    assert [text for _, text in unmarked(source)] == found
