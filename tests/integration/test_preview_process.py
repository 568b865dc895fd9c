"""The real preview process: one for all, there when asked, gone when idle, back when killed."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from distill_core.errors import HelperUnavailable, LabError
from distill_core.folders import Home
from distill_core.jobs.preview import NICE, PreviewServer
from distill_core.jobs.preview_client import connect, recorded_address, socket_address
from tests.integration.preview_home import end, make_client


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    yield home
    end(home)


def until(condition: Any, *, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_it_starts_when_asked_and_stays(home: Home) -> None:
    client = make_client(home)
    assert connect(home) is None
    first = client.ask("ping")
    assert first["pid"] != os.getpid()
    assert client.ask("ping") == first
    process = psutil.Process(first["pid"])
    assert process.nice() == min(psutil.Process().nice() + NICE, 19)
    assert process.environ()["OMP_WAIT_POLICY"] == "PASSIVE"
    assert first["pid"] not in [child.pid for child in psutil.Process().children(recursive=True)]
    assert "listening on" in home.preview_log.read_text()


def test_it_comes_back_after_kill_9(home: Home) -> None:
    client = make_client(home)
    killed = client.ask("ping")["pid"]
    os.kill(killed, signal.SIGKILL)
    assert client.ask("ping")["pid"] != killed


def test_it_leaves_on_sigterm_and_cleans_up(home: Home) -> None:
    os.kill(make_client(home).ask("ping")["pid"], signal.SIGTERM)
    until(lambda: not socket_address(home).exists())
    assert connect(home) is None


def test_many_askers_at_once_get_one_process(home: Home) -> None:
    barrier = threading.Barrier(6)

    def ask(number: int) -> int:
        barrier.wait()
        return int(make_client(home).ask("ping")["pid"])

    with ThreadPoolExecutor(6) as threads:
        assert len(set(threads.map(ask, range(6)))) == 1
    shared = make_client(home)
    with ThreadPoolExecutor(6) as threads:
        assert len({answer["pid"] for answer in threads.map(lambda _: shared.ask("ping"), range(30))}) == 1
    assert home.preview_log.read_text().count("listening on") == 1


def test_nonsense_does_not_end_it(home: Home) -> None:
    pid = make_client(home).ask("ping")["pid"]
    connection = connect(home)
    assert connection is not None
    with connection, connection.makefile("rb") as answers:
        for nonsense in (b"{nope\n", b"[1, 2]\n", b"\xff\xfe\n", b"\n"):
            connection.sendall(nonsense)
            answer = json.loads(answers.readline())
            assert not answer["ok"] and "JSON" in answer["sentence"]
        connection.sendall(b'{"id": 7, "kind": "ping"}\n')
        assert json.loads(answers.readline()) == {"id": 7, "ok": True, "result": {"pid": pid, "code": "v1"}}
    with pytest.raises(LabError, match="did you mean profile or ping"):
        make_client(home).ask("profil")


def test_it_leaves_when_idle(home: Home) -> None:
    make_client(home, idle_seconds=5.0).ask("ping")
    # Looking is no asking: a connection would keep it awake.
    until(lambda: not socket_address(home).exists())
    assert "leaving: idle" in home.preview_log.read_text()
    assert connect(home) is None


def test_older_code_is_replaced(home: Home) -> None:
    old = make_client(home, "v1").ask("ping")
    new = make_client(home, "v2").ask("ping")
    assert (old["code"], new["code"]) == ("v1", "v2")
    assert old["pid"] != new["pid"]
    assert make_client(home, "v2").ask("ping") == new


def test_a_home_too_deep_for_a_socket(tmp_path: Path) -> None:
    home = Home(tmp_path / ("d" * 60) / ("e" * 60))
    try:
        assert make_client(home).ask("ping")["pid"]
        address = recorded_address(home)
        assert address == socket_address(home) and address != home.preview_socket
        assert address.stat().st_mode & 0o077 == 0
    finally:
        end(home)


def test_a_process_that_never_answers_is_one_sentence(home: Home, tmp_path: Path) -> None:
    home.path.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as mute:
        mute.bind(str(socket_address(home)))
        mute.listen()
        home.preview_lock.write_text(json.dumps({"socket": str(socket_address(home))}))
        with pytest.raises(HelperUnavailable, match="did not answer in time; try again, its log is"):
            make_client(home).ask("ping", timeout_seconds=0.2)
    home.preview_lock.unlink()


def test_a_process_that_cannot_start_is_one_sentence(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(HelperUnavailable, match="could not start; try again, its log is"):
        make_client(home).ask("ping")


def test_asking_needs_no_torch() -> None:
    modules = [
        "jobs.preview_client", "jobs.preview", "deployment.bundle", "deployment.latency", "deployment.parity",
        "deployment.machine", "deployment.model_card",
    ]
    code = f"import sys\nfor name in {modules!r}: __import__('distill_core.' + name)\nassert 'torch' not in sys.modules"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class Inside:
    """A server in this process with answers of our own."""

    def __init__(self, folder: Path) -> None:
        self.started, self.release, self.heard = threading.Event(), threading.Event(), list[bool]()
        self.seen = threading.Event()
        answers = {
            "slow": self._slow, "look": self._look, "fault": self._fault, "full": self._full, "broken": self._broken,
        }
        self.server = PreviewServer(folder / "s", answers, code="v1", idle_seconds=60)
        self.thread = threading.Thread(target=self.server.serve)
        self.thread.start()

    def _slow(self, request: Any, gone: Any) -> dict[str, Any]:
        self.started.set()
        assert self.release.wait(20)
        return {"value": "done"}

    def _look(self, request: Any, gone: Any) -> dict[str, Any]:
        self.heard.append(gone())
        self.seen.set()
        return {}

    def _fault(self, request: Any, gone: Any) -> dict[str, Any]:
        raise ZeroDivisionError("secret detail")

    def _full(self, request: Any, gone: Any) -> dict[str, Any]:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    def _broken(self, request: Any, gone: Any) -> dict[str, Any]:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    def send(self, kind: str) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(str(self.server.address))
        connection.sendall(json.dumps({"id": 1, "kind": kind}).encode() + b"\n")
        return connection


@pytest.fixture
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    made = Inside(tmp_path_factory.mktemp("p"))
    yield made
    made.release.set()
    made.server.leave("test over")
    made.thread.join(20)
    made.server.server_close()


def answer_on(connection: socket.socket) -> dict[str, Any]:
    with connection, connection.makefile("rb") as answers:
        return dict(json.loads(answers.readline()))


def test_a_long_answer_holds_up_no_ping_and_who_hung_up_is_known(inside: Inside) -> None:
    slow = inside.send("slow")
    assert inside.started.wait(20)
    inside.send("look").close()
    patient = inside.send("ping")
    assert answer_on(patient)["ok"]
    assert not inside.seen.is_set(), "what needs torch waits its turn"
    inside.release.set()
    assert answer_on(slow)["result"] == {"value": "done"}
    assert inside.seen.wait(20)
    assert inside.heard == [True]
    assert answer_on(inside.send("look"))["ok"]
    assert inside.heard == [True, False]


def test_with_many_open_files_who_waits_is_still_there(inside: Inside) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard > 0 else 4096, hard))
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(1024)]
    try:
        assert answer_on(inside.send("look"))["ok"] and inside.heard == [False]
    finally:
        for one in opened:
            os.close(one)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_fault_of_ours_is_one_sentence_with_a_number(inside: Inside, caplog: pytest.LogCaptureFixture) -> None:
    answer = answer_on(inside.send("fault"))
    assert not answer["ok"]
    assert "unexpected error (" in answer["sentence"] and "secret detail" not in answer["sentence"]
    assert "secret detail" in caplog.text
    assert answer_on(inside.send("ping"))["ok"]


def test_a_full_gpu_is_told_and_let_go(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", let_go.set)
    answer = answer_on(inside.send("full"))
    assert answer["error"] == "HelperUnavailable" and answer["sentence"].startswith("The GPU's memory does not suffice")
    assert let_go.wait(20)
    assert answer_on(inside.send("ping"))["ok"] and not inside.server.leaving.is_set()


def test_who_met_an_error_of_the_gpu_leaves(inside: Inside) -> None:
    assert "unexpected error (" in answer_on(inside.send("broken"))["sentence"]
    assert inside.server.leaving.wait(20), "CUDA would answer every further call with the same error"
