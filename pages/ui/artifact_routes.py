"""Sends what an experiment made: by id and kind, to whoever may look, from the disk, with ranges."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from distill_core.artifacts import WHOLE
from distill_core.language import _
from pages.ui.addresses import base_path
from pages.ui.refusals import refusal_of
from pages.ui.session import lab_of

HEADERS = {
    "Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


def artifact(request: Request) -> Response:
    """The file, or a refusal in JSON: 403, 404, 503."""
    found = request.path_params
    try:
        made = lab_of(request).artifacts.file(found["experiment_id"], found["run_id"], found["kind"])
    except Exception as error:
        status, body = refusal_of(error, failed=_("The file could not be sent"))
        return JSONResponse(body, status_code=status, headers=HEADERS)
    after = BackgroundTask(_delete, made.path) if made.temporary else None
    # The name is made of ids, so that it needs no quoting of its own.
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="{made.name}"'}
    return FileResponse(made.path, headers=headers, media_type=made.media_type, background=after)


def artifact_address(experiment_id: str, kind: str, *, run_id: str = WHOLE) -> str:
    """Where a page's link leads."""
    parts = (quote(part, safe="") for part in (experiment_id, run_id, kind))
    return f"{base_path()}/lab/artifact/{'/'.join(parts)}"


def _delete(path: Path) -> None:
    path.unlink(missing_ok=True)
