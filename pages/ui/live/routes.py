"""The lab's own HTTP routes: Plotly's JavaScript, the points of live curves, and a health check."""

from __future__ import annotations

import gzip
import json
import math
import re
import time
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from distill_core.charts.names import display_name
from distill_core.charts.variants import leading, series_styles
from distill_core.language import _, current, told
from distill_core.rows import RunRow
from distill_core.services import Lab
from pages.ui.addresses import base_path
from pages.ui.artifact_routes import artifact
from pages.ui.bringing.routes import upload
from pages.ui.lens.routes import lens
from pages.ui.live_figure.routes import sweep_figure
from pages.ui.recent import Recent
from pages.ui.refusals import refusal_of
from pages.ui.session import lab_of
from pages.ui.sharing.routes import shared_page

KNOWN_ID = re.compile(r"[a-z0-9-]{1,64}")
# Ten viewers of one experiment ask the store once.
FRESH_SECONDS = 0.1
# As many digits as the charts show: 93.41%, and shares to a tenth of a percent.
FIGURE_DIGITS, SHARE_DIGITS = 4, 3
# Of the noisiest curves these are about 50 kB on the wire; a point with its terms' shares takes nearly twice as much.
MOST_POINTS, MOST_WITH_SHARES = 4000, 2500


def encode(content: Any) -> bytes:
    """Compact JSON; a diverged run's NaN and infinite losses become null, which browsers can read."""
    try:
        return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
    except ValueError:
        return json.dumps(_finite(content), separators=(",", ":")).encode()


def _finite(content: Any) -> Any:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_finite(value) for value in content]
    return content


def _json(content: Any, status: int = 200) -> Response:
    return Response(
        encode(content), status_code=status, media_type="application/json", headers={"Cache-Control": "no-store"}
    )


def _refusal(status: int, sentence: str) -> Response:
    return _json({"error": sentence}, status)


_recent: Recent[bytes] = Recent(fresh_seconds=FRESH_SECONDS)


def live(request: Request) -> Response:
    """Points stored after `since`: {"state", "cursor", "points", "more", "runs" if asked for with runs=1}.

    `more`: there are others already. What the terms amount to is told with shares=1 alone.
    """
    experiment_id = request.path_params["experiment_id"]
    since = request.query_params.get("since", "0")
    with_runs, with_shares = (request.query_params.get(name) == "1" for name in ("runs", "shares"))
    if not KNOWN_ID.fullmatch(experiment_id):
        return _refusal(404, _("There is no such experiment."))
    if not re.fullmatch(r"\d{1,12}", since):
        return _refusal(400, _("since must be a number, 0 or the cursor of the last answer."))
    cursor = int(since)
    try:
        asked = lab_of(request)
        answer = _recent.get(
            (asked, experiment_id, cursor, with_runs, with_shares, current()),
            lambda: _points(asked, experiment_id, cursor, with_runs=with_runs, with_shares=with_shares),
            now=time.monotonic(),
        )
    except Exception as error:
        status, body = refusal_of(error, failed=_("The points could not be read"))
        return _json(body, status)
    return Response(answer, media_type="application/json", headers={"Cache-Control": "no-store"})


def _points(asked: Lab, experiment_id: str, since: int, *, with_runs: bool, with_shares: bool) -> bytes:
    most = MOST_WITH_SHARES if with_shares else MOST_POINTS
    content = dict(asked.live(experiment_id, since, most=most))
    content["more"] = len(content["points"]) == most
    content["points"] = [_short(point, with_shares=with_shares) for point in content["points"]]
    if with_runs:
        content["runs"] = _runs(asked.runs([experiment_id]))
    return encode(content)


def _short(point: Sequence[Any], *, with_shares: bool) -> list[Any]:
    """A point as short as a chart needs it; of a single term nothing is told, for it has no share."""
    run, epoch, loss, main, other, terms, best, norms = point
    shares = [
        {name: _rounded(value, SHARE_DIGITS) for name, value in amounts.items()}
        if with_shares and len(amounts) > 1 else {} for amounts in (terms, norms)
    ]
    figures = [_rounded(value, FIGURE_DIGITS) for value in (loss, main, other)]
    return [run, epoch, *figures, shares[0], best, shares[1]]


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else float(f"{value:.{digits}g}")


def _runs(rows: Sequence[RunRow]) -> list[dict[str, Any]]:
    """What the curves need to know of each run; names are escaped, because Plotly reads markup in them."""
    light, dark, shown = series_styles(rows, "light"), series_styles(rows, "dark"), leading(rows)
    return [
        {
            "id": row.run_id, "role": row.role, "seed": row.seed, "finished": row.state in ("finished", "reused"),
            "best_epoch": row.best_epoch, "stop_rule": display_name(told(row.stop_rule), 80) if row.stop_rule else "",
            "leads": row.run_id in shown, "style": {"light": light[row.run_id], "dark": dark[row.run_id]},
        }
        for row in rows
    ]


@cache
def _plotly() -> tuple[bytes, bytes, str]:
    """Plotly's JavaScript of the installed package: plain, compressed, and its ETag."""
    import plotly

    plain = (files("plotly") / "package_data" / "plotly.min.js").read_bytes()
    return plain, gzip.compress(plain, 6, mtime=0), f'"plotly-{plotly.__version__}-{len(plain)}"'


def plotly_script(request: Request) -> Response:
    plain, packed, etag = _plotly()
    headers = {"ETag": etag, "Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, media_type="text/javascript", headers=headers | {"Content-Encoding": "gzip"})
    return Response(plain, media_type="text/javascript", headers=headers)


def health(request: Request) -> Response:
    return _json({"status": "ok"})


def lab_routes() -> list[Route]:
    """The routes that stand beside Streamlit's own, below the same base path."""
    base = base_path()
    return [
        Route(f"{base}/lab/plotly.min.js", plotly_script, methods=["GET"]),
        Route(f"{base}/lab/live/{{experiment_id}}", live, methods=["GET"]),
        Route(f"{base}/lab/lens/{{experiment_id}}", lens, methods=["GET"]),
        Route(f"{base}/lab/sweep/{{sweep_id}}", sweep_figure, methods=["GET"]),
        Route(f"{base}/lab/health", health, methods=["GET"]),
        Route(f"{base}/lab/artifact/{{experiment_id}}/{{run_id}}/{{kind}}", artifact, methods=["GET"]),
        Route(f"{base}/lab/upload", upload, methods=["POST"]),
        Route(f"{base}/lab/share/{{token}}", shared_page, methods=["GET"]),
    ]
