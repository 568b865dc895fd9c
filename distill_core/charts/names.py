"""Makes a user-given name safe and short for the place that shows it: plain text, Plotly or HTML, Markdown."""

from __future__ import annotations

import html
import re
import unicodedata

LONGEST_SHOWN = 40
UNNAMED = "(no name)"
JOINT = " › "
"""Between the names of a network and of what a compression step made of it."""

# Streamlit finds emoji, links and addresses in text after Markdown's escapes are gone; an invisible
# word joiner keeps them from being found.
_JOINER = "\u2060"
_FOUND_LATER = re.compile(r"(?<=[:@])(?=\S)|(?<=www)(?=\.)", re.IGNORECASE)
_ASCII_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


def plain_name(name: str, limit: int = LONGEST_SHOWN) -> str:
    """At most `limit` characters on one line, without control characters or direction overrides; not escaped.

    For places that show text as it is, such as table cells and terminals.
    """
    spaced = " ".join(name.split())
    # Categories C*: control, invisible formatting, surrogates, private use and unassigned.
    visible = "".join(character for character in spaced if not unicodedata.category(character).startswith("C"))
    visible = " ".join(visible.split()) or UNNAMED
    return visible if len(visible) <= limit else visible[: max(limit - 1, 0)].rstrip() + "…"


def display_name(name: str, limit: int = LONGEST_SHOWN) -> str:
    """`plain_name` for Plotly and HTML: markup shows as the characters the user wrote.

    So do dollar signs, between which Plotly would see MathJax, and %{, which it would fill in a hover template.
    """
    escaped = html.escape(plain_name(name, limit), quote=True)
    return escaped.replace("$", "&#36;").replace("%{", "&#37;{")


def step_name(name: str, parent: str) -> str:
    """What follows the parent's name in a compressed network's; the whole name if it does not begin with it."""
    return name.removeprefix(f"{parent}{JOINT}") if parent else name


def lineage_name(name: str, limit: int = LONGEST_SHOWN) -> str:
    """`plain_name` that cuts the lineage of a compressed network in the middle: its last steps tell it apart."""
    parts = [plain_name(part, limit) for part in name.split(JOINT)]
    if len(parts) < 2 or len(JOINT.join(parts)) <= limit:
        return plain_name(JOINT.join(parts), limit)
    kept = parts[-1:]
    while len(kept) < len(parts) - 1 and len(JOINT.join(["…", parts[-len(kept) - 1], *kept])) <= limit:
        kept.insert(0, parts[-len(kept) - 1])
    return plain_name(JOINT.join(["…", *kept]), limit)


def markdown_name(name: str, limit: int = LONGEST_SHOWN) -> str:
    """`plain_name` for Streamlit's Markdown: no emphasis, link, colour, emoji, icon, maths or HTML comes of it."""
    return markdown_text(plain_name(name, limit))


def markdown_text(text: str) -> str:
    """Any text, such as a sentence that holds names, shown by Streamlit's Markdown as it is written.

    Streamlit alone sets a few typographic signs: -> becomes an arrow, -- a dash. What is invisible goes, or it could
    turn the direction of all that follows.
    """
    text = "".join(one for one in text if one in "\n\t" or not unicodedata.category(one).startswith("C"))
    return _ASCII_PUNCTUATION.sub(r"\\\1", _FOUND_LATER.sub(_JOINER, text))
