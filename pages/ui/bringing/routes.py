"""Takes one file from a browser and writes it to the disk as it comes; the body is never held in memory."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from anyio.to_thread import run_sync
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from distill_core.language import _
from distill_core.uploads import Receiver, Upload
from pages.ui.refusals import refusal_of
from pages.ui.session import lab_of

_PIECE_BYTES = 1 << 20
PASS_HEADER, NAME_HEADER = "x-upload-pass", "x-file-name"


async def upload(request: Request) -> Response:
    """{"id", "name", "size"}, or {"error"} with 400, 403, 413 or 503.

    A page of ours gives the pass; another site can neither know it nor set its header without asking first.
    """
    if not _is_ours(request):
        return _refusal(403, _("Files are taken from this dashboard's own pages alone."))
    try:
        return await _taken(request)
    except ClientDisconnect:
        return _refusal(400, _("The upload was broken off; nothing is kept of it."))
    except Exception as error:
        status, body = refusal_of(error, failed=_("The file could not be taken"), otherwise=400)
        return _refused(body, status)


async def _taken(request: Request) -> Response:
    length = request.headers.get("content-length", "")
    receiving = lab_of(request).uploads.receiving(
        request.headers.get(PASS_HEADER, ""), file_name=unquote(request.headers.get(NAME_HEADER, "")),
        expected_bytes=int(length) if length.isdecimal() and len(length) < 20 else None,
    )
    receiver = await run_sync(receiving.__enter__)
    try:
        found = await _written(request, receiver)
    finally:
        await run_sync(receiving.__exit__, None, None, None)
    return _json({"id": found.upload_id, "name": found.file_name, "size": found.size_bytes}, 200)


async def _written(request: Request, receiver: Receiver) -> Upload:
    """Larger pieces than the network's, each written by another thread, so that the server answers others meanwhile."""
    held = bytearray()
    async for chunk in request.stream():
        held += chunk
        if len(held) >= _PIECE_BYTES:
            await run_sync(receiver.write, bytes(held))
            held.clear()
    if held:
        await run_sync(receiver.write, bytes(held))
    return await run_sync(receiver.finish)


def _is_ours(request: Request) -> bool:
    """Browsers tell where a request comes from; one from elsewhere is refused before anything is read."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


def _json(content: dict[str, object], status: int) -> Response:
    return JSONResponse(content, status_code=status, headers={"Cache-Control": "no-store"})


def _refusal(status: int, sentence: str) -> Response:
    return _refused({"error": sentence}, status)


def _refused(body: dict[str, str], status: int) -> Response:
    # What is still to come is not waited for.
    return JSONResponse(body, status_code=status, headers={"Cache-Control": "no-store", "Connection": "close"})
