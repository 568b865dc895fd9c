"""The warm preview process: answers JSON lines on a local socket, one process a home, and leaves when idle."""

from __future__ import annotations

import argparse
import fcntl
import functools
import gc
import json
import logging
import os
import select
import signal
import socket
import socketserver
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from distill_core.errors import LabError, SpecError, UnknownName
from distill_core.folders import Home
from distill_core.jobs.judging import failure_of
from distill_core.jobs.preview_client import IDLE_SECONDS, connect, socket_address

if TYPE_CHECKING:
    from distill_core.jobs.preview_answers import PreviewAnswers

NICE = 5
LONGEST_LINE_BYTES = 16 * 2**20
LONGEST_LOG_BYTES = 2**20
_LOCK_SECONDS = 15.0
_TICK_SECONDS = 0.2
_LAST_WORDS_SECONDS = 1.0
_GPU_IS_FULL = (
    "The GPU's memory does not suffice for this answer now; ask again when what trains there has ended, or choose a "
    "smaller batch or network."
)
_log = logging.getLogger("distill_core.preview")

Answer = Callable[[Mapping[str, Any], Callable[[], bool]], dict[str, Any]]


class PreviewServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Reads requests in threads, and lets one thread alone do what needs torch, in the order of asking."""

    daemon_threads = True
    request_queue_size = 64
    timeout = _TICK_SECONDS

    def __init__(self, address: Path, answers: Mapping[str, Answer], *, code: str, idle_seconds: float) -> None:
        self.address, self.answers, self.code = address, answers, code
        self.leaving = threading.Event()
        self._idle_seconds, self._busy, self._last = idle_seconds, 0, time.monotonic()
        self._counting = threading.Lock()
        self._torch = ThreadPoolExecutor(max_workers=1, thread_name_prefix="torch")
        super().__init__(str(address), _Connection)

    def serve(self) -> None:
        """Answer until idle for long, asked to leave, or outdated."""
        while not self.leaving.is_set():
            self.handle_request()
            with self._counting:
                if not self._busy and time.monotonic() - self._last > self._idle_seconds:
                    self.leave("idle")
        until = time.monotonic() + _LAST_WORDS_SECONDS
        while self._busy and time.monotonic() < until:
            time.sleep(_TICK_SECONDS / 10)

    def leave(self, reason: str) -> None:
        """Take no further connection; whoever asks next starts a new process."""
        if not self.leaving.is_set():
            _log.info("leaving: %s", reason)
            self.address.unlink(missing_ok=True)
            self.leaving.set()

    def warm_up(self) -> None:
        """Load torch now, before anybody waits for it."""
        self._torch.submit(_load)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._counting:
            self._busy += 1
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._counting:
                self._busy -= 1
                self._last = time.monotonic()

    def answer(self, request: Mapping[str, Any], gone: Callable[[], bool]) -> dict[str, Any]:
        """The answer to one request; `gone` tells whether its asker has hung up."""
        kind = str(request.get("kind"))
        if request.get("code", self.code) != self.code:
            self.leave("the code changed")
            return {"ok": False, "stale": True, "sentence": "The code changed; ask again."}
        if kind == "leave":
            self.leave("asked to")
            return {"ok": True, "result": {}}
        if kind == "ping":
            return {"ok": True, "result": {"pid": os.getpid(), "code": self.code}}
        try:
            if kind not in self.answers:
                raise UnknownName("request", kind, [*self.answers, "leave", "ping"])
            result = self._torch.submit(self.answers[kind], request, gone).result()
            return {"ok": True, "result": result}
        except SpecError as error:
            problems = [problem.to_json() | {"raw": problem.value} for problem in error.problems]
            return {"ok": False, "error": "SpecError", "problems": problems, "sentence": error.sentence}
        except LabError as error:
            return {"ok": False, "error": type(error).__name__, "sentence": error.sentence}
        # A fault of ours in one request must not take the others down; the log keeps it whole.
        except Exception as error:
            number = uuid.uuid4().hex[:8]
            _log.exception("error %s in a request of kind %s", number, kind)
            sentence = f"The helper process met an unexpected error ({number}); its log has the details."
            if failure_of(error) == "gpu-out-of-memory":
                sentence = _GPU_IS_FULL
            elif type(error).__name__ == "AcceleratorError":
                # After such an error CUDA does nothing more in this process.
                self.leave("GPU failed")
            return {"ok": False, "error": "HelperUnavailable", "sentence": sentence}
        finally:
            # Whoever trains next needs what this process would keep for its next answer.
            self._torch.submit(_release_gpu)


def _release_gpu() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        gc.collect()
        torch.cuda.empty_cache()


class _Connection(socketserver.StreamRequestHandler):
    """One asker: a line in, a line out, until it hangs up."""

    server: PreviewServer

    def handle(self) -> None:
        # Somebody who connects and says nothing must not keep the process for ever.
        self.connection.settimeout(IDLE_SECONDS)
        try:
            while line := self.rfile.readline(LONGEST_LINE_BYTES + 1):
                if len(line) > LONGEST_LINE_BYTES:
                    self._say(None, _refusal(f"A request may have {LONGEST_LINE_BYTES} bytes at most; send less."))
                    return
                self._reply(line)
        # The asker is gone; nobody is left to tell.
        except OSError as error:
            _log.debug("connection ended: %s", error)

    def _reply(self, line: bytes) -> None:
        try:
            request = json.loads(line)
        except ValueError as error:
            return self._say(None, _refusal(f"The request is not JSON ({error}); send one JSON object a line."))
        if not isinstance(request, dict):
            return self._say(None, _refusal("The request is not a JSON object; send one JSON object a line."))
        self._say(request.get("id"), self.server.answer(request, self._gone))

    def _say(self, number: Any, answer: Mapping[str, Any]) -> None:
        self.wfile.write(json.dumps({"id": number, **answer}, default=repr).encode() + b"\n")

    def _gone(self) -> bool:
        """Whether the asker hung up: readable, and nothing to read."""
        try:
            # Not select(), which knows no more than 1,024 open files.
            asker = select.poll()
            asker.register(self.connection, select.POLLIN)
            return bool(asker.poll(0)) and not self.connection.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):
            return True


def _refusal(sentence: str) -> dict[str, Any]:
    return {"ok": False, "error": "HelperUnavailable", "sentence": sentence}


def _load() -> None:
    try:
        import distill_core.jobs.preview_answers  # noqa: F401
    except Exception:
        # Whoever asks next meets the same error and is told; here only the log listens.
        _log.exception("torch cannot be loaded")


def _self_check(request: Mapping[str, Any], gone: Callable[[], bool]) -> dict[str, Any]:
    from distill_core.jobs.self_check_answer import self_check_answer

    return self_check_answer()


def torch_answers(home: Home) -> dict[str, Answer]:
    """The kinds of requests that need torch, which is loaded with the first of them."""

    @functools.cache
    def made() -> PreviewAnswers:
        from distill_core.jobs.preview_answers import PreviewAnswers

        return PreviewAnswers(home)

    return {
        "profile": lambda request, gone: made().profile(request, gone),
        "check": lambda request, gone: made().check(request, gone),
        "layers": lambda request, gone: made().layers(request, gone),
        "variants": lambda request, gone: made().variants(request, gone),
        "sweep": lambda request, gone: made().sweep(request, gone),
        "self-check": _self_check,
    }


def hold_lock(home: Home, *, seconds: float = _LOCK_SECONDS) -> IO[str] | None:
    """The open lock file, or None if another process serves this home.

    A process that is just leaving is waited for. The lock is gone as soon as any handle of the file is closed here.
    """
    home.path.mkdir(parents=True, exist_ok=True)
    file = home.preview_lock.open("a+", encoding="utf-8")
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except OSError:
            other = connect(home)
            if other is not None or time.monotonic() > until:
                if other is not None:
                    other.close()
                file.close()
                return None
            time.sleep(0.05)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve one home; returns at once if another process does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--idle-seconds", type=float, default=IDLE_SECONDS)
    parser.add_argument("--code", default="", help="version of the code, as its askers name it")
    parser.add_argument("--detach", action="store_true", help="go on in the background")
    options = parser.parse_args(arguments)
    if options.detach and os.fork():
        return 0
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(process)d %(levelname)s %(message)s")
    _log.setLevel(logging.INFO)
    home = Home(options.home)
    lock = hold_lock(home)
    if lock is None:
        return 0
    os.nice(NICE)
    _cut(home.preview_log)
    _serve(home, lock, code=options.code, idle_seconds=options.idle_seconds)
    logging.shutdown()
    sys.stdout.flush()
    # Requests in the middle of torch are not waited for: their askers turn to the next process.
    os._exit(0)


def _serve(home: Home, lock: IO[str], *, code: str, idle_seconds: float) -> None:
    address = socket_address(home)
    # A killed predecessor leaves its socket behind; holding the lock, we know that nobody listens there.
    address.unlink(missing_ok=True)
    mask = os.umask(0o077)
    server = PreviewServer(address, torch_answers(home), code=code, idle_seconds=idle_seconds)
    os.umask(mask)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.leave("signal"))
    lock.seek(0)
    lock.truncate()
    lock.write(json.dumps({"pid": os.getpid(), "socket": str(address), "code": code, "started_at": time.time()}))
    lock.flush()
    _log.info("listening on %s", address)
    server.warm_up()
    server.serve()


def _cut(log: Path) -> None:
    """Begin the log anew when it has grown large."""
    if log.exists() and log.stat().st_size > LONGEST_LOG_BYTES:
        os.truncate(log, 0)


if __name__ == "__main__":
    raise SystemExit(main())
