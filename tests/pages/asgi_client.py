"""Asks an ASGI application for one address, without a socket."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Message


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        packed = self.headers.get("content-encoding") == "gzip"
        return (gzip.decompress(self.body) if packed else self.body).decode()

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class AsgiClient:
    app: ASGIApp

    def get(self, address: str, **headers: str) -> Answer:
        """GET; headers by name with underscores, such as `accept_encoding`."""
        return self._ask("GET", address, (), headers)

    def post(self, address: str, chunks: Iterable[bytes] = (), *, breaks_off: bool = False, **headers: str) -> Answer:
        """POST of a body that comes in chunks; `breaks_off`: the client leaves before its end."""
        return self._ask("POST", address, chunks, headers, breaks_off=breaks_off)

    def _ask(
        self, method: str, address: str, chunks: Iterable[bytes], headers: Mapping[str, str], *,
        breaks_off: bool = False,
    ) -> Answer:
        path, _, query = address.partition("?")
        scope = {
            "type": "http", "method": method, "http_version": "1.1", "scheme": "http", "root_path": "",
            "path": unquote_to_bytes(path).decode(), "raw_path": path.encode(), "query_string": query.encode(),
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
            "server": ("test", 80), "client": ("test", 1),
        }
        sent: list[Message] = []

        coming, ended = iter(chunks), False

        async def receive() -> Message:
            nonlocal ended
            if ended:
                # As of a client that waits for its answer.
                await asyncio.Event().wait()
            chunk = next(coming, None)
            ended = chunk is None
            if chunk is None:
                return {"type": "http.disconnect"} if breaks_off else {"type": "http.request", "body": b""}
            return {"type": "http.request", "body": chunk, "more_body": True}

        async def send(message: Message) -> None:
            sent.append(message)

        asyncio.run(self.app(scope, receive, send))  # type: ignore[arg-type]
        body = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
        start = next(message for message in sent if message["type"] == "http.response.start")
        return Answer(start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, body)
