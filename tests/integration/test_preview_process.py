"""The real preview process: one for all, there when asked, gone when idle, back when killed."""

from __future__ import annotations

import json
import os
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

from distill_core.errors import DataError, DeviceError, HelperUnavailable, LabError, SpecError
from distill_core.folders import Home
from distill_core.jobs.preview import NICE, PreviewServer
from distill_core.jobs.preview_answers import BUSY_REASON
from distill_core.jobs.preview_client import PreviewClient, connect, recorded_address, socket_address
from distill_core.pipeline import deep_check
from distill_core.spec import parse_spec


def make_client(home: Home, version: str = "v1", idle_seconds: float = 60.0) -> PreviewClient:
    return PreviewClient(home, idle_seconds=idle_seconds, version=lambda: version)


def end(home: Home) -> None:
    """End the process of this home, if one listens, without starting one."""
    connection = connect(home)
    if connection is not None:
        with connection:
            connection.sendall(b'{"kind": "leave"}\n')
            connection.recv(100)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    yield home
    end(home)


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PreviewClient]:
    """One process with torch loaded, for the tests that need only its answers."""
    home = Home(tmp_path_factory.mktemp("warm"))
    client = make_client(home)
    client.ask("ping", timeout_seconds=120)
    yield client
    end(home)


def until(condition: Any, *, seconds: float = 20.0) -> None:
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
    make_client(home, idle_seconds=0.5).ask("ping")
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


def test_answer_holds_the_completed_spec(warm: PreviewClient, spec_data: dict[str, Any], tmp_path: Path) -> None:
    checked = deep_check(parse_spec(spec_data), cache=tmp_path)
    answer = warm.ask("profile", {"spec": spec_data, "busy": True}, timeout_seconds=120)
    assert parse_spec(answer["spec"]) == checked.spec
    assert answer["fingerprint"] == checked.here.fingerprint
    assert answer["counts"] == checked.counts
    assert [run["run_id"] for run in answer["runs"]] == [run.run_id for run in checked.plan.runs]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"student_training": {"batch_size": 5000}}, SpecError),
        ({"name": "n" * 500, "seeds": [1, 1], "nonsense": [float("nan")]}, SpecError),
        ({"data": {"dataset": {"name": "image-folder", "params": {"path": "/no/such/folder"}}}}, DataError),
        ({"device": "cuda:77"}, DeviceError),
    ],
)
def test_errors_arrive_as_they_were_raised(
    warm: PreviewClient, spec_data: dict[str, Any], tmp_path: Path, change: dict[str, Any], error: type[LabError]
) -> None:
    with pytest.raises(error) as here:
        deep_check(parse_spec(spec_data | change), cache=tmp_path)
    with pytest.raises(error) as there:
        warm.ask("profile", {"spec": spec_data | change})
    assert there.value.sentence == here.value.sentence
    if isinstance(here.value, SpecError) and isinstance(there.value, SpecError):
        assert [problem.field for problem in there.value.problems] == [p.field for p in here.value.problems]


def test_profile_measures_once_and_then_answers_at_once(warm: PreviewClient, spec_data: dict[str, Any]) -> None:
    busy = warm.ask("profile", {"spec": spec_data, "busy": True}, timeout_seconds=120)
    for network in busy["networks"]:
        assert (network["latency"], network["latency_reason"]) == (None, BUSY_REASON)
    assert "training is running" in " ".join(busy["warnings"])

    answer = warm.ask("profile", {"spec": spec_data}, timeout_seconds=120)
    teacher, student = answer["networks"]
    assert (teacher["role"], teacher["name"], teacher["compression_ratio"]) == ("teacher", "teacher", 1.0)
    assert (student["role"], student["students"]) == ("student", ["alone", "distilled", "distilled, all"])
    assert student["name"].endswith("width 4")
    assert student["compression_ratio"] == pytest.approx(teacher["parameters"] / student["parameters"])
    for network in answer["networks"]:
        (row,) = network["latency"]
        assert (row["batch"], row["threads"], row["provider"]) == (1, 1, "CPUExecutionProvider")
        assert 0 < row["p50"] <= row["p95"] and row["machine"]
        assert network["macs"] > 0 and network["size_bytes"] > 4 * network["parameters"]
        assert network["onnx_size_bytes"] > 4 * network["parameters"]
    seconds = answer["estimate_seconds"]
    assert seconds["total"] == pytest.approx(sum(value for part, value in seconds.items() if part != "total"))
    assert answer["warnings"] == []

    spec_data["students"][1]["terms"][1]["loss"]["params"]["temperature"] = 9.0
    spec_data["students"][1]["terms"][0]["weight"] = 0.3
    spec_data["student_training"]["optimizer"]["learning_rate"] = 0.02
    again = warm.ask("profile", {"spec": spec_data})
    # Timed anew, no two would be equal to the last digit.
    assert again["networks"] == answer["networks"]
    assert again["estimate_seconds"] == seconds
    assert again["runs"][0] == answer["runs"][0] and again["runs"][2] != answer["runs"][2]


def test_profile_knows_what_is_reused_and_what_compresses_nothing(
    warm: PreviewClient, spec_data: dict[str, Any]
) -> None:
    spec_data["teacher"]["architecture"] = spec_data["students"][0]["architecture"]
    answer = warm.ask("profile", {"spec": spec_data}, timeout_seconds=120)
    assert "no fewer parameters than the teacher" in " ".join(answer["warnings"])
    assert answer["estimate_seconds"]["teacher"] > 0
    reused = [answer["runs"][0]["run_id"], "ffffffffffffffff"]
    assert warm.ask("profile", {"spec": spec_data, "reused": reused})["estimate_seconds"]["teacher"] == 0


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
        self.server = PreviewServer(
            folder / "s", {"slow": self._slow, "look": self._look, "fault": self._fault}, code="v1", idle_seconds=60
        )
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


def test_a_fault_of_ours_is_one_sentence_with_a_number(inside: Inside, caplog: pytest.LogCaptureFixture) -> None:
    answer = answer_on(inside.send("fault"))
    assert not answer["ok"]
    assert "unexpected error (" in answer["sentence"] and "secret detail" not in answer["sentence"]
    assert "secret detail" in caplog.text
    assert answer_on(inside.send("ping"))["ok"]
