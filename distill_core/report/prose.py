"""Markdown that people wrote: as harmless HTML for a page, and as harmless Markdown for a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup, escape

_TAGS = {
    "p", "br", "strong", "em", "s", "ul", "ol", "li", "blockquote", "code", "pre", "hr", "h3", "h4", "h5", "h6", "a",
    "table", "thead", "tbody", "tr", "th", "td",
}
_SCHEMES = {"http", "https", "mailto"}
# A page's own headings are of the first and second order.
_HIGHEST = 3
# In Markdown: where a destination begins, after a link's text or of a reference, that is no web page and no address.
_STRANGE_TARGET = re.compile(r"(\](?:\(|:)\s*)(?!https?://|mailto:|#)(?=\S)", re.IGNORECASE)
_TO_THE_WEB = re.compile(r"https?://|mailto:|#", re.IGNORECASE)
_INVISIBLE = re.compile("[\0-\x08\x0b-\x1f\x7f\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff]")


def html_of(markdown: str) -> Markup:
    """Paragraphs, lists, tables, code and links to the web; no HTML of the writer's own, no picture, no script."""
    if not markdown.strip():
        return Markup("")
    rendered = _markdown().render(_visible(markdown))
    return Markup(nh3.clean(
        rendered, tags=_TAGS, attributes={"a": {"href"}, "ol": {"start"}}, url_schemes=_SCHEMES,
        link_rel="noopener noreferrer nofollow", attribute_filter=_only_to_the_web,
    ))


def _only_to_the_web(tag: str, attribute: str, value: str) -> str | None:
    """What names no scheme would lead into the lab, or, from a file opened on a disk, to other machines' folders."""
    return value if attribute != "href" or _TO_THE_WEB.match(value) else None


def markdown_of(markdown: str) -> str:
    """The same text for a Markdown file: HTML shows as it is written, pictures and strange links are only text."""
    text = _visible(markdown).replace("&", "&amp;").replace("<", "&lt;").replace("![", r"!\[")
    return _STRANGE_TARGET.sub(r"\1#", text).strip()


def _visible(text: str) -> str:
    """Without what could turn the direction of all that follows, or hide in it."""
    return _INVISIBLE.sub("", text)


@cache
def _markdown() -> MarkdownIt:
    found = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])
    found.add_render_rule("image", _picture_as_words)
    found.core.ruler.push("deeper_headings", _deepen)
    return found


def _deepen(state: Any) -> None:
    """A text's highest headings become the page's third order, so that none is left out between."""
    headings = [token for token in state.tokens if token.type in ("heading_open", "heading_close")]
    highest = min((int(token.tag[1]) for token in headings), default=1)
    for token in headings:
        token.tag = f"h{min(int(token.tag[1]) - highest + _HIGHEST, 6)}"


def _picture_as_words(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, environment: Any
) -> str:
    """A picture would have to be fetched from somewhere."""
    return str(escape(tokens[index].content))
