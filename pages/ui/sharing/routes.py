"""Answers a share link with its frozen page: no sign-in, no script, no websocket."""

from __future__ import annotations

import logging
import secrets

from starlette.requests import Request
from starlette.responses import Response

from distill_core.access import Actor
from distill_core.errors import LabError, NotFound
from distill_core.language import _, told
from distill_core.report.frozen import notice, policy
from distill_core.sharing import Gone
from pages.ui.session import server_lab

log = logging.getLogger("distill_lab.routes")
BEARER = Actor("whoever has a link", "viewer")
"""A link opens its page to anybody, and nothing else."""
# Sandboxed besides: even markup that slipped through could run, load and submit nothing.
HEADERS = {
    "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow, noarchive",
    "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cross-Origin-Resource-Policy": "same-origin",
}


def shared_page(request: Request) -> Response:
    """The page; 404 for a link that never was or ended long ago, 410 for one that ended."""
    try:
        return _answer(server_lab().acting_as(BEARER).shares.page(request.path_params["token"]), 200)
    except NotFound as error:
        return _answer(notice(told(error.sentence)), 404)
    except Gone as error:
        return _answer(notice(told(error.sentence)), 410)
    except LabError as error:
        return _answer(notice(told(error.sentence)), 503)
    except Exception:
        error_id = secrets.token_hex(4)
        log.exception("error %s", error_id)
        sentence = _("This page could not be shown. The server's log has more under error {error_id}.")
        return _answer(notice(sentence.format(error_id=error_id)), 500)


def _answer(page: bytes, status: int) -> Response:
    headers = HEADERS | {"Content-Security-Policy": f"{policy()}; frame-ancestors 'none'; sandbox"}
    return Response(page, status_code=status, media_type="text/html; charset=utf-8", headers=headers)
