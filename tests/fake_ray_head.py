"""A head of a Ray cluster that is none: answers as a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Any] | Callable[[dict[str, Any]], tuple[int, Any]]


class FakeRayHead:
    """Answers by method and path, less the query; bytes as they are, anything else as JSON. Unknown paths: 404."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {
            "GET /api/version": (200, {"version": "4", "ray_version": "2.60.0"}), "GET /api/v0/nodes": nodes(),
            "GET /nodes": (200, {"data": {"summary": []}}),
        }
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []
        head = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"{}")
                what = f"{self.command} {self.path.partition('?')[0]}"
                head.asked.append((what, body))
                head.headers.append(dict(self.headers))
                answer = head.answers.get(what, (404, b"Job does not exist"))
                status, content = answer(body) if callable(answer) else answer
                raw = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", raw.decode())
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            do_GET = do_POST = do_DELETE = _answer

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def count(self, what: str) -> int:
        return sum(one.startswith(what) for one, _ in self.asked)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def node(node_id: str, name: str, *, cpus: float = 4, gpus: int = 0, state: str = "ALIVE") -> dict[str, Any]:
    resources = {"CPU": cpus, "memory": 8e9} | ({"GPU": float(gpus)} if gpus else {})
    return {"node_id": node_id, "node_ip": "10.0.0.1", "node_name": name, "state": state, "resources_total": resources}


def nodes(*rows: dict[str, Any]) -> tuple[int, Any]:
    return 200, {"result": True, "data": {"result": {"result": list(rows)}}}


def job(status: str, *, code: int | None = None, ran: bool = True, message: str = "") -> tuple[int, Any]:
    return 200, {
        "status": status, "driver_exit_code": code, "driver_node_id": "a" * 56 if ran else None, "message": message,
    }
