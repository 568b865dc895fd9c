"""Names that want to be more than names, and what must never be found where they are shown."""

from __future__ import annotations

import re

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"
REMOTE_IMAGE = "![pix](https://evil.example/p.png)"
SCRIPT_LINK = "[a](javascript:alert(1)) <a href=javascript:alert(2)>b</a>"
FORMULA = '=HYPERLINK("https://evil.example","x")'
TURNED = "abc\u202etxt.exe\u200b\ufeff\u2066z"
LONG = "L" + "ong" * 99 + "er"
BADGE = ":red-badge[:material/lock: $x$] `c` **b** | # h"
NAMES = (MARKUP, REMOTE_IMAGE, SCRIPT_LINK, FORMULA, TURNED, BADGE, LONG)

INVISIBLE = re.compile("[\0\u200b\u202a-\u202e\u2066-\u2069\ufeff]")
# Of Markdown: what is not escaped by a backslash.
LIVE_MARKDOWN = re.compile(r"(?<!\\)<(?:img|script|a )|(?<!\\)!\[pix|(?<!\\)\]\((?:javascript|https://evil)|(?<!\\):red-")
LIVE_HTML = re.compile(r"<(?:img|script|a )|javascript:[^&<]*\"|href=\"?https://evil", re.IGNORECASE)


def short(name: str) -> str:
    """As long as a spec's names may be."""
    return name[:80]
