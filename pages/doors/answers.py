"""The few small pages and JSON refusals that the doors themselves answer with; no script in any of them."""

from __future__ import annotations

import base64
import hashlib
import html
import json

from starlette.responses import Response

from distill_core.language import _, document_tag

_STYLE = """
:root{color-scheme:light dark;--ink:#101418;--paper:#fff;--soft:#5B6470;--line:#E1E5EA;--accent:#0B6AA8;--bad:#A4262C}
@media(prefers-color-scheme:dark){:root{--ink:#E7EAEE;--paper:#0F1318;--soft:#9AA4B0;--line:#2A313A;--accent:#2E77B3;
--bad:#F1A3A6}}
*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;
font:16px/1.55 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
main{width:100%;max-width:26rem;border:1px solid var(--line);border-radius:.75rem;padding:2rem}
h1{font-size:1.4rem;margin:0 0 .75rem;line-height:1.25}p{margin:.5rem 0;overflow-wrap:anywhere}.soft{color:var(--soft)}
.bad{color:var(--bad)}label{display:block;margin:1.25rem 0 .35rem;font-weight:600}
input{width:100%;font:inherit;padding:.6rem .75rem;border:1px solid var(--line);border-radius:.5rem;
background:transparent;color:inherit}
button,a.button{display:inline-block;margin-top:1.25rem;padding:.6rem 1.1rem;border:0;border-radius:.5rem;font:inherit;
font-weight:600;background:var(--accent);color:#fff;text-decoration:none;cursor:pointer}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
"""
_STYLE_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def page(title: str, body: str, *, status: int) -> Response:
    """`title` is text, `body` HTML of ours: escape what is not."""
    text = (
        f'<!doctype html><html lang="{document_tag()}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)} · Distill Lab</title><style>{_STYLE}</style>"
        f"<main><h1>{html.escape(title)}</h1>{body}</main></html>"
    )
    return Response(text, status, {"content-security-policy": _POLICY}, "text/html")


def onward_page(to: str) -> Response:
    """Goes to an address of ours at once, as a page of ours: browsers hold a strict cookie back from foreign links."""
    address = html.escape(to)
    return page(
        _("Opening Distill Lab"),
        f'<meta http-equiv="refresh" content="0;url={address}"><a class="button" href="{address}">'
        f"{_('Go on')}</a>",
        status=200,
    )


def token_page(action: str, *, problem: str = "", status: int = 401) -> Response:
    told = f'<p class="bad" role="alert">{html.escape(problem)}</p>' if problem else ""
    return page(
        _("Sign in to Distill Lab"),
        f'<p class="soft">{_("Open the link that was printed when the dashboard started, or enter its token.")}</p>'
        f'{told}<form method="post" action="{html.escape(action)}"><label for="token">{_("Token")}</label>'
        '<input id="token" name="token" type="password" autocomplete="off" required autofocus>'
        f'<button type="submit">{_("Sign in")}</button></form>',
        status=status,
    )


def provider_page(begin: str, sign_out: str, *, problem: str = "") -> Response:
    if problem:
        body = (
            f'<p class="bad" role="alert">{html.escape(problem)}</p>'
            f'<a class="button" href="{html.escape(sign_out)}">{_("Sign in as somebody else")}</a>'
        )
        return page(_("No way in yet"), body, status=403)
    body = (
        f'<p class="soft">{_("Your team signs in with its own provider.")}</p>'
        f'<a class="button" href="{html.escape(begin)}">{_("Sign in")}</a>'
    )
    return page(_("Sign in to Distill Lab"), body, status=401)


def refusal(sentence: str, *, status: int, wants_page: bool, title: str = "", **more: str) -> Response:
    if wants_page:
        return page(title or _("Not possible"), f"<p>{html.escape(sentence)}</p>", status=status)
    return Response(json.dumps({"error": sentence, **more}), status, media_type="application/json")
