"""Which language a request outside of Streamlit's pages is answered in: what its address says, else its browser."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.types import Scope

from distill_core.language import ENGLISH, Language, known


def language_of(scope: Scope, headers: Headers) -> Language:
    """`?lang=` of the address wins; then the first language that is accepted and spoken here; then English."""
    query = parse_qsl(scope.get("query_string", b"").decode("latin-1"))
    asked = next((found for name, value in query if name == "lang" and (found := known(value))), None)
    return asked or _accepted(headers.get("accept-language", "")) or ENGLISH


def _accepted(header: str) -> Language | None:
    """Of "zh-CN,zh;q=0.9,en;q=0.8" the most wanted that is spoken here."""
    wanted: list[tuple[float, Language]] = []
    for part in header.split(","):
        code, _semicolon, quality = part.partition(";q=")
        if (language := known(code.strip())) is not None:
            wanted.append((_number(quality), language))
    # Of equals the first named comes first.
    return max(wanted, key=lambda one: one[0], default=(0.0, None))[1]


def _number(quality: str) -> float:
    try:
        return float(quality or 1)
    except ValueError:
        return 0.0
