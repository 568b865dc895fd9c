"""User-given names in the three places that show them: nothing of them is ever taken for markup."""

from __future__ import annotations

import html
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from distill_core.charts.names import UNNAMED, display_name, markdown_name, markdown_text, plain_name

NASTY = [
    "<script>alert(1)</script>", "<b>bold</b>", "a & b", "**bold** _it_ ~~no~~", "[link](http://x.y)", "$x^2$",
    ":red[text]", ":smile:", ":material/delete:", "`code`", "# heading", "- item", "1. item", "> quote",
    "%{x} and %{y}",
    "https://example.org/a", "www.example.org", "someone@example.org", "a|b|c", "![i](http://x/y.png)",
    "\\", "<!-- -->",
]


@pytest.mark.parametrize("name", NASTY)
def test_plotly_and_html_see_only_text(name: str) -> None:
    shown = display_name(name)
    assert not re.search(r"[<>\"'$]", shown)
    assert not re.search(r"&(?!(lt|gt|amp|quot|#x?\w+);)", shown)
    assert "%{" not in shown
    assert html.unescape(shown) == plain_name(name)


@pytest.mark.parametrize("name", NASTY)
def test_markdown_sees_only_text(name: str) -> None:
    rendered = MarkdownIt("gfm-like", {"linkify": False}).render(markdown_name(name)).strip().replace("\u2060", "")
    assert html.unescape(rendered) == f"<p>{html.unescape(html.escape(plain_name(name)))}</p>"


@given(st.text(max_size=300), st.integers(1, 60))
def test_any_text_is_capped_on_one_line_and_visible(name: str, limit: int) -> None:
    shown = plain_name(name, limit)
    assert 1 <= len(shown) <= max(limit, len(UNNAMED))
    assert shown == shown.strip() and "\n" not in shown
    assert not any(unicodedata.category(character).startswith("C") for character in shown)
    assert html.unescape(display_name(name, limit)) == html.unescape(html.escape(shown))


@given(st.text(st.characters(max_codepoint=0x2FF, exclude_categories=["C", "Z"]), min_size=1, max_size=60))
def test_markdown_shows_any_text_exactly(text: str) -> None:
    rendered = MarkdownIt("gfm-like", {"linkify": False}).render(markdown_text(text)).strip()
    assert html.unescape(rendered.replace("\u2060", "")) == f"<p>{text}</p>"


def test_a_long_name_ends_in_an_ellipsis_and_a_short_one_stays() -> None:
    assert plain_name("x" * 500) == "x" * 39 + "…"
    assert plain_name("distilled T=8") == "distilled T=8"
    assert plain_name("<" * 50, 10) == "<" * 9 + "…"
    assert display_name("<" * 50, 10) == "&lt;" * 9 + "…"


def test_invisible_names_and_direction_overrides() -> None:
    assert plain_name("\u202eevil\u2066\x00\x1b[31m") == "evil[31m"
    assert plain_name(" \n\t\u200b ") == UNNAMED
    assert plain_name("two\nlines\there") == "two lines here"


def test_links_and_emoji_that_are_found_late_are_broken_up() -> None:
    for text in (":smile:", "https://example.org", "a@b.org", "www.example.org"):
        assert "\u2060" in markdown_text(text)
    assert "\u2060" not in markdown_text("Digits: 100 images")
