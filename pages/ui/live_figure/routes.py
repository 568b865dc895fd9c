"""The route that feeds a figure that follows its sweep."""

from __future__ import annotations

import gzip
import json
import re
import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from distill_core.charts.style import THEMES, Theme
from distill_core.language import ENGLISH, _, current, known, speaking
from distill_core.services import Lab
from pages.ui.live_figure.wanted import Wanted
from pages.ui.live_figure.watching import results_now
from pages.ui.recent import Recent
from pages.ui.refusals import refusal_of
from pages.ui.session import lab_of

KNOWN_ID = re.compile(r"[a-z0-9-]{1,64}")
_FRESH_SECONDS = 30.0
# Packed answers of a version: ten viewers of one map have it drawn once.
_drawn: Recent[bytes] = Recent(fresh_seconds=_FRESH_SECONDS)


def sweep_figure(request: Request) -> Response:
    """GET /lab/sweep/<id>?show=&theme=&lang=&since=: {"version", "moving", "figure"}, or 204 where `since` is the
    version.

    `show`, `x`, `y`, `figure`, `cost` and `fixed` say which figure: see `Wanted`.
    """
    # A route has no page around it that knows its reader's language.
    with speaking(known(request.query_params.get("lang")) or ENGLISH):
        return _answer(request)


def _answer(request: Request) -> Response:
    told = request.query_params
    sweep_id, theme = request.path_params["sweep_id"], told.get("theme", "light")
    if not KNOWN_ID.fullmatch(sweep_id):
        return _refusal(404, _("There is no such sweep."))
    wanted = Wanted.of_query(told)
    if wanted is None or theme not in THEMES:
        return _refusal(400, _("There is no such figure; open it from the sweep's page."))
    try:
        asked = lab_of(request)
        version = asked.sweeps.version(sweep_id)
        if told.get("since") == version:
            return Response(status_code=204, headers={"Cache-Control": "no-store"})
        packed = _drawn.get(
            (asked, sweep_id, version, wanted.query(), theme, current()),
            lambda: _packed(asked, sweep_id, wanted, theme), now=time.monotonic(),
        )
    except Exception as error:
        status, body = refusal_of(error, failed=_("The figure could not be drawn"))
        return JSONResponse(body, status, headers={"Cache-Control": "no-store"})
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, media_type="application/json", headers=headers | {"Content-Encoding": "gzip"})
    return Response(gzip.decompress(packed), media_type="application/json", headers=headers)


def _packed(asked: Lab, sweep_id: str, wanted: Wanted, theme: Theme) -> bytes:
    version, results = results_now(asked, sweep_id)
    head = json.dumps({"version": version, "moving": results.row.going})
    return gzip.compress(f'{head[:-1]},"figure":{wanted.drawn(results, theme).to_json()}}}'.encode(), 5, mtime=0)


def _refusal(status: int, sentence: str) -> Response:
    return JSONResponse({"error": sentence}, status, headers={"Cache-Control": "no-store"})
