"""Every answer of a Ray head, and none: what the executor makes of it, against a head that is none."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from distill_core.errors import Conflict, LabError
from distill_core.executors.executor import Placement
from distill_core.executors.ray import RayExecutor, problem
from distill_core.executors.ray_head import HeadRefuses, HeadUnavailable, RayHead
from distill_core.executors.ray_job import submission_id
from distill_core.executors.ray_settings import RayParams, settings_of
from distill_core.folders import ExperimentFolder, write_json
from distill_core.processes import write_stamp
from tests.fake_ray_head import FakeRayHead, job, node, nodes

A, B = "a" * 56, "b" * 56
SLOT = "one-aaaaaaaa-cpu"


@pytest.fixture
def head() -> Iterator[FakeRayHead]:
    head = FakeRayHead()
    head.answers["GET /api/v0/nodes"] = nodes(node(A, "one"), node(B, "two", gpus=2))
    yield head
    head.close()


@pytest.fixture
def folder(tmp_path: Path) -> ExperimentFolder:
    folder = ExperimentFolder(tmp_path / "home" / "experiments" / "e1")
    folder.path.mkdir(parents=True)
    Placement("token1", 1, (SLOT,), "cpu").write(folder)
    return folder


class Bench:
    def __init__(self, head: FakeRayHead, folder: ExperimentFolder) -> None:
        self.head, self.folder, self.now = head, folder, 0.0

    def executor(self, **environment: str) -> RayExecutor:
        settings = {"DISTILL_RAY_ADDRESS": self.head.address, "DISTILL_RAY_TOKEN": "secret"} | environment
        return RayExecutor(settings=lambda: settings_of(RayParams(), settings), monotonic=lambda: self.now)

    @property
    def job(self) -> str:
        return f"/api/jobs/{submission_id(self.folder, Placement('token1', 1, (), 'cpu'))}"

    def submitted(self) -> dict[str, Any]:
        return next(body for what, body in reversed(self.head.asked) if what == "POST /api/jobs/")


@pytest.fixture
def bench(head: FakeRayHead, folder: ExperimentFolder) -> Bench:
    head.answers["POST /api/jobs/"] = (200, {"submission_id": "it"})
    return Bench(head, folder)


def test_a_slot_for_each_gpu_and_for_each_processor_of_living_nodes(bench: Bench) -> None:
    bench.head.answers["GET /api/v0/nodes"] = nodes(
        node(A, "one"), node(B, "two", gpus=2), node("c" * 56, "gone", state="DEAD"), node("d" * 56, "head", cpus=0)
    )
    bench.head.answers["GET /nodes"] = 200, {"data": {"summary": [
        {"raylet": {"nodeId": B}, "gpus": [{"name": "A", "memoryTotal": 81559}, {"name": "B", "memoryTotal": 24000}]}
    ]}}
    slots = bench.executor().slots()
    assert [(slot.name, slot.device) for slot in slots] == [
        ("two-bbbbbbbb-gpu0", "cuda:0"), ("two-bbbbbbbb-gpu1", "cuda:0"), (SLOT, "cpu"), ("two-bbbbbbbb-cpu", "cpu"),
    ]
    assert slots[0].memory_bytes == 24000 * 2**20, "the smallest: which of the two it gets is for Ray to say"
    assert slots[2].memory_bytes == 8_000_000_000
    assert all(headers["Authorization"] == "Bearer secret" for headers in bench.head.headers)


def test_slots_are_asked_for_once_in_a_few_seconds(bench: Bench) -> None:
    executor = bench.executor()
    for bench.now in (0.0, 1.0, 4.9):
        executor.slots()
    assert bench.head.count("GET /api/v0/nodes") == 1
    bench.now = 5.1
    bench.head.answers["GET /api/v0/nodes"] = nodes(node(A, "one"))
    assert [slot.name for slot in executor.slots()] == [SLOT]


def test_a_cluster_without_nodes_has_none_now(bench: Bench) -> None:
    bench.head.answers["GET /api/v0/nodes"] = nodes(node(A, "head", cpus=0))
    with pytest.raises(HeadUnavailable, match="has no node that takes work"):
        bench.executor().slots()


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ((401, b"Unauthorized"), HeadRefuses, "asks for a token. Set DISTILL_RAY_TOKEN"),
        ((403, b"Forbidden"), HeadRefuses, "refuses this token. Set DISTILL_RAY_TOKEN"),
        ((404, b"not here"), HeadUnavailable, "does not answer as a Ray head does"),
        ((500, b"Traceback: no agent"), HeadUnavailable, r"in trouble \(status 500: Traceback: no agent\)"),
        ((200, b"<html>hello</html>"), HeadUnavailable, "does not answer as a Ray head does"),
        ((200, [1, 2]), HeadUnavailable, "does not answer as a Ray head does"),
        ((200, {"ray_version": 3}), HeadUnavailable, "does not answer as a Ray head does"),
        ((200, {"ray_version": "2.9.3"}), HeadRefuses, "runs Ray 2.9.3; 2.60 or later is needed"),
        ((302, b"http://127.0.0.1:1/elsewhere"), HeadRefuses, "which is not followed"),
    ],
)
def test_what_the_head_says_at_first_is_one_sentence(
    bench: Bench, answer: tuple[int, Any], kind: type[LabError], words: str
) -> None:
    bench.head.answers["GET /api/version"] = answer
    with pytest.raises(kind, match=words) as caught:
        bench.executor().slots()
    assert "secret" not in caught.value.sentence and "\n" not in caught.value.sentence
    # Who cannot be asked may have our worker at work: nobody starts a second one meanwhile.
    assert bench.executor().status(bench.folder) == "alive"


@pytest.mark.parametrize(
    "listed", [{}, {"data": {"result": {"result": [{"state": "ALIVE"}]}}}, {"data": {"result": {"result": ["one"]}}}]
)
def test_nodes_that_make_no_sense(bench: Bench, listed: dict[str, Any]) -> None:
    bench.head.answers["GET /api/v0/nodes"] = 200, listed
    with pytest.raises(HeadUnavailable, match="does not answer as a Ray head does"):
        bench.executor().slots()


def test_a_redirect_is_not_followed(bench: Bench) -> None:
    other = FakeRayHead()
    bench.head.answers["GET /api/version"] = 307, f"{other.address}/api/version".encode()
    with pytest.raises(HeadRefuses):
        bench.executor().slots()
    assert other.asked == []
    other.close()


def test_a_silent_head_is_left_alone_for_a_while(bench: Bench) -> None:
    slow = RayHead(bench.head.address, seconds=0.05, monotonic=lambda: bench.now)
    bench.head.answers["GET /api/version"] = lambda body: (_wait(), (200, {}))[1]
    with pytest.raises(HeadUnavailable, match="no answer in time"):
        slow.version()
    until = time.monotonic() + 30
    while not bench.head.asked:
        assert time.monotonic() < until, "the head was never asked"
        time.sleep(0.01)
    asked = len(bench.head.asked)
    with pytest.raises(HeadUnavailable, match="no answer in time"):
        slow.version()
    assert len(bench.head.asked) == asked
    bench.now = 6.0
    slow._seconds = 20.0
    bench.head.answers["GET /api/version"] = 200, {"ray_version": "2.60.0"}
    assert slow.version() == "2.60.0"


def _wait() -> None:
    time.sleep(5)


def test_nobody_listens(head: FakeRayHead, folder: ExperimentFolder) -> None:
    bench = Bench(head, folder)
    executor = bench.executor(DISTILL_RAY_ADDRESS="http://127.0.0.1:1")
    with pytest.raises(HeadUnavailable, match=r"does not answer \(connection refused\)"):
        executor.slots()
    with pytest.raises(Conflict):
        executor.start(folder)
    executor.end(folder, force=False)
    assert folder.stop_request.exists(), "the worker hears of it all the same"


def test_the_job_asks_for_what_the_placement_says(bench: Bench) -> None:
    executor = bench.executor(DISTILL_RAY_CPUS="1.5", DISTILL_RAY_MEMORY_GB="2")
    executor.start(bench.folder)
    body = bench.submitted()
    assert f"/api/jobs/{body['submission_id']}" == bench.job
    assert body["entrypoint_num_cpus"] == 1.5 and body["entrypoint_memory"] == 2_000_000_000
    assert body["entrypoint_label_selector"] == {"ray.io/node-id": A} and "entrypoint_num_gpus" not in body
    variables = body["runtime_env"]["env_vars"]
    assert variables["DISTILL_HOME"] == str(bench.folder.home.path)
    # So that a job that Ray begins late, for an attempt that has had its worker, leaves; no other token, no secret.
    assert variables["DISTILL_ATTEMPT_TOKEN"] == "token1"
    assert [name for name in variables if "TOKEN" in name or "DATABASE" in name] == ["DISTILL_ATTEMPT_TOKEN"]
    assert "secret" not in str(body)


@pytest.mark.parametrize(
    ("slots", "memory", "gpus", "cpus"),
    [(("two-bbbbbbbb-gpu1",), 0, 1.0, 1), (("two-bbbbbbbb-gpu0", "two-bbbbbbbb-gpu1"), 0, 2.0, 2),
     (("two-bbbbbbbb-gpu0",), 8 * 10**9, 0.24, 1), (("two-bbbbbbbb-gpu0",), 10**11, 1.0, 1)],
)
def test_gpus_are_asked_for_whole_or_by_the_memory_declared(
    bench: Bench, slots: tuple[str, ...], memory: int, gpus: float, cpus: int
) -> None:
    bench.head.answers["GET /nodes"] = 200, {"data": {"summary": [
        {"raylet": {"nodeId": B}, "gpus": [{"name": "G", "memoryTotal": 32768}] * 2}
    ]}}
    Placement("token1", 1, slots, "cuda:0", gpu_memory_bytes=memory).write(bench.folder)
    bench.executor().start(bench.folder)
    body = bench.submitted()
    assert body["entrypoint_num_gpus"] == gpus and body["entrypoint_num_cpus"] == cpus
    assert body["entrypoint_label_selector"] == {"ray.io/node-id": B}


def test_gpus_of_two_nodes_and_nodes_that_left_are_refused(bench: Bench) -> None:
    Placement("token1", 1, ("two-bbbbbbbb-gpu0", "one-aaaaaaaa-gpu0"), "cuda:0").write(bench.folder)
    with pytest.raises(LabError, match="of different nodes; allowed: those of one node"):
        bench.executor().start(bench.folder)
    Placement("token1", 1, ("old-cccccccc-cpu",), "cpu").write(bench.folder)
    with pytest.raises(HeadUnavailable, match="has left the Ray cluster"):
        bench.executor().start(bench.folder)
    assert bench.head.count("POST") == 0


def test_no_word_of_the_line_is_the_shell_s(tmp_path: Path, bench: Bench) -> None:
    evil = ExperimentFolder(tmp_path / "home; touch x" / "experiments" / "$(touch y) 'a' \"b\" `touch z`")
    evil.path.mkdir(parents=True)
    token = "t'\"; touch w #"
    Placement(token, 1, (SLOT,), "cpu").write(evil)
    python = tmp_path / "it's python"
    python.symlink_to("/bin/echo")
    executor = bench.executor(DISTILL_RAY_ROOT=str(tmp_path), DISTILL_RAY_PYTHON=str(python))
    executor.start(evil)
    line = bench.submitted()["entrypoint"]
    subprocess.run(line, shell=True, cwd=tmp_path, check=True)
    assert evil.worker_log.read_text() == f"-m distill_core.jobs.worker {evil.path}\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "home; touch x", "it's python"]
    # Another attempt holds the lease now: a job that begins late leaves at once.
    Placement("another", 2, (SLOT,), "cpu").write(evil)
    late = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert late.returncode == 3 and "is of another attempt" in late.stdout
    assert evil.worker_log.read_text().count("\n") == 1


def test_the_worker_never_sees_the_cluster_s_token(bench: Bench, tmp_path: Path) -> None:
    executor = RayExecutor(
        settings=lambda: settings_of(RayParams(), {"DISTILL_RAY_ADDRESS": bench.head.address, "DISTILL_RAY_ROOT": "/"}),
        command=(sys.executable, "-c", "import os; print('RAY_AUTH_TOKEN' in os.environ)"),
    )
    executor.start(bench.folder)
    subprocess.run(
        shlex.join(["env", "RAY_AUTH_TOKEN=x", "sh", "-c", bench.submitted()["entrypoint"]]), shell=True, check=True
    )
    assert bench.folder.worker_log.read_text() == "False\n"


def test_a_lost_answer_to_a_submission_is_no_failure(bench: Bench) -> None:
    def arrives(body: dict[str, Any]) -> tuple[int, Any]:
        bench.head.answers[f"GET {bench.job}"] = job("PENDING", ran=False)
        return 500, b"No available agent"

    bench.head.answers["POST /api/jobs/"] = arrives
    executor = bench.executor()
    executor.start(bench.folder)
    assert executor.status(bench.folder) == "alive"
    with pytest.raises(Conflict):
        # As a dispatcher that died in between would, and its successor: they find the job by its name.
        bench.executor().start(bench.folder)
    assert bench.head.count("POST") == 1


def test_a_submission_that_failed_is_told(bench: Bench) -> None:
    bench.head.answers["POST /api/jobs/"] = 500, b"No available agent"
    with pytest.raises(HeadUnavailable, match="No available agent"):
        bench.executor().start(bench.folder)


def test_the_record_of_the_same_attempt_that_is_over_makes_room(bench: Bench) -> None:
    bench.head.answers[f"GET {bench.job}"] = job("STOPPED", code=None)
    bench.head.answers[f"DELETE {bench.job}"] = 200, {"deleted": True}
    write_stamp(bench.folder.worker_stamp, attempt=1, events_offset=0)
    executor = bench.executor()
    executor.start(bench.folder)
    assert bench.head.count("DELETE") == 1 and not bench.folder.worker_stamp.exists()
    assert executor.status(bench.folder) == "alive"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (job("PENDING", ran=False), "alive"), (job("RUNNING"), "alive"), (job("SUCCEEDED", code=0), "gone"),
        (job("FAILED", code=1), "gone"), (job("STOPPED"), "gone"), (job("FAILED", ran=False), "gone"),
        (job("FAILED"), "gone"), ((404, b"no such job"), "none"), (job("DANCING"), "alive"), ((500, b""), "alive"),
    ],
)
def test_ray_s_status_without_any_sign_of_a_worker(bench: Bench, answer: tuple[int, Any], status: str) -> None:
    bench.head.answers[f"GET {bench.job}"] = answer
    assert bench.executor().status(bench.folder) == status


def test_nothing_was_ever_placed_here(bench: Bench) -> None:
    bench.folder.placement.unlink()
    assert bench.executor().status(bench.folder) == "none" and bench.head.asked == []


def test_a_job_that_waits_gives_a_sign_of_life(bench: Bench) -> None:
    """Nobody beats for a job that Ray has not begun; without a sign its lease would run out."""
    bench.head.answers[f"GET {bench.job}"] = job("PENDING", ran=False)
    executor, signs = bench.executor(), set()
    for bench.now in range(0, 121, 2):
        assert executor.status(bench.folder) == "alive"
        signs.add(bench.folder.heartbeat.read_text())
    assert 4 <= len(signs) <= 9
    bench.head.answers[f"GET {bench.job}"] = job("RUNNING")
    before = bench.folder.heartbeat.read_text()
    for bench.now in range(122, 200, 2):
        executor.status(bench.folder)
    assert bench.folder.heartbeat.read_text() == before, "from here on only its worker may"


def test_a_worker_that_ray_lost_sight_of_lives_while_its_beat_grows(bench: Bench) -> None:
    executor = bench.executor()
    write_stamp(bench.folder.worker_stamp, attempt=1, events_offset=0)
    for answer in (job("FAILED"), (404, b"the head was made anew")):
        executor = bench.executor()
        bench.head.answers[f"GET {bench.job}"] = answer
        for beat in range(4):
            write_json(bench.folder.heartbeat, {"token": "token1", "beat": beat})
            bench.now += 11.0
            assert executor.status(bench.folder) == "alive"
        bench.now += 11.0
        assert executor.status(bench.folder) == "alive", "not long enough without one"
        bench.now += 1.5
        assert executor.status(bench.folder) == "gone"


def test_silence_is_counted_while_ray_still_sees_it(bench: Bench) -> None:
    """Ray notices a lost node late; by then its worker has long been silent, and is not waited for again."""
    executor = bench.executor()
    write_stamp(bench.folder.worker_stamp, attempt=1, events_offset=0)
    write_json(bench.folder.heartbeat, {"token": "token1", "beat": 5})
    bench.head.answers[f"GET {bench.job}"] = job("RUNNING")
    for bench.now in (0.0, 5.0, 11.0):
        assert executor.status(bench.folder) == "alive"
    bench.head.answers[f"GET {bench.job}"] = job("FAILED")
    bench.now = 13.0
    assert executor.status(bench.folder) == "gone"


def test_what_is_over_stays_over_and_is_not_asked_for_again(bench: Bench) -> None:
    executor = bench.executor()
    bench.head.answers[f"GET {bench.job}"] = job("SUCCEEDED", code=0)
    assert executor.status(bench.folder) == "gone"
    bench.head.answers[f"GET {bench.job}"] = 500, b""
    bench.now = 100.0
    assert executor.status(bench.folder) == "gone" and bench.head.count(f"GET {bench.job}") == 1


def test_a_job_is_asked_for_once_a_second(bench: Bench) -> None:
    executor = bench.executor()
    bench.head.answers[f"GET {bench.job}"] = job("RUNNING")
    for bench.now in (0.0, 0.3, 0.9, 1.1, 2.0):
        executor.status(bench.folder)
    assert bench.head.count(f"GET {bench.job}") == 2


def test_a_job_that_waits_for_a_node_that_left_is_gone(bench: Bench) -> None:
    bench.head.answers[f"GET {bench.job}"] = job("PENDING", ran=False)
    executor = bench.executor()
    assert executor.status(bench.folder) == "alive"
    bench.head.answers["GET /api/v0/nodes"] = nodes(node(A, "one", state="DEAD"), node(B, "two"))
    bench.now = 6.0
    assert executor.status(bench.folder) == "gone"


def test_what_ray_says_of_a_failed_job_ends_in_the_log_once(bench: Bench) -> None:
    bench.head.answers[f"GET {bench.job}"] = job("FAILED", code=2, message="sh: 1: cd: can't cd to /lab")
    executor = bench.executor()
    for _ in range(3):
        executor.status(bench.folder)
    assert bench.folder.worker_log.read_text() == "Ray: sh: 1: cd: can't cd to /lab\n"


def test_gently_by_the_file_and_by_force_through_ray(bench: Bench) -> None:
    bench.head.answers[f"GET {bench.job}"] = job("RUNNING")
    bench.head.answers[f"POST {bench.job}/stop"] = 200, {"stopped": True}
    executor = bench.executor()
    executor.end(bench.folder, force=False)
    assert bench.folder.stop_request.exists() and bench.head.count("POST") == 0, "Ray would kill it after 3 s"
    executor.end(bench.folder, force=True)
    assert bench.head.count(f"POST {bench.job}/stop") == 1 and executor.status(bench.folder) == "alive"


def test_a_job_that_waits_is_given_up_by_force(bench: Bench) -> None:
    """Ray stops it only once it begins; its worker then finds that it has no lease."""
    bench.head.answers[f"GET {bench.job}"] = job("PENDING", ran=False)
    bench.head.answers[f"POST {bench.job}/stop"] = 200, {"stopped": True}
    executor = bench.executor()
    executor.end(bench.folder, force=True)
    assert executor.status(bench.folder) == "gone"


@pytest.mark.parametrize("answer", [job("SUCCEEDED", code=0), (404, b"")])
def test_ending_what_is_over_or_never_was_asks_for_nothing(bench: Bench, answer: tuple[int, Any]) -> None:
    bench.head.answers[f"GET {bench.job}"] = answer
    for force in (False, True):
        bench.executor().end(bench.folder, force=force)
    assert bench.head.count("POST") == 0 and not bench.folder.stop_request.exists()


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "DISTILL_RAY_ADDRESS is ''; allowed: http://HOST:PORT"),
        ({"DISTILL_RAY_ADDRESS": "ray://head:10001"}, "allowed: http://HOST:PORT"),
        ({"DISTILL_RAY_ADDRESS": "http://head:99999"}, "allowed: http://HOST:PORT"),
        ({"DISTILL_RAY_ADDRESS": "http://me:pass@head:8265"}, "without a token"),
        ({"DISTILL_RAY_ADDRESS": "http://head:8265/?a=b"}, "allowed: http://HOST:PORT"),
        ({"DISTILL_RAY_ADDRESS": "http://head", "DISTILL_RAY_TOKEN": "two words"}, "DISTILL_RAY_TOKEN holds"),
        ({"DISTILL_RAY_ADDRESS": "http://head", "DISTILL_RAY_TOKEN": "a\nb: c"}, "DISTILL_RAY_TOKEN holds"),
        ({"DISTILL_RAY_ADDRESS": "http://head", "DISTILL_RAY_PYTHON": "python"}, "allowed: an absolute path"),
        ({"DISTILL_RAY_ADDRESS": "http://head", "DISTILL_RAY_ROOT": "lab"}, "allowed: an absolute path"),
        ({"DISTILL_RAY_ADDRESS": "http://head", "DISTILL_RAY_CPUS": "none"}, "allowed: 0.1 to 4096"),
        ({"DISTILL_RAY_ADDRESS": "http://head", "DISTILL_RAY_MEMORY_GB": "nan"}, "DISTILL_RAY_MEMORY_GB is 'nan'"),
    ],
)
def test_a_wrong_setting_is_one_sentence_without_secrets(environment: dict[str, str], words: str) -> None:
    told = problem(environment)
    assert told is not None and words in told
    assert "pass" not in told and "two words" not in told


def test_settings_and_their_defaults() -> None:
    found = settings_of(RayParams(), {"DISTILL_RAY_ADDRESS": "https://head:8265/", "DISTILL_RAY_TOKEN": "abc\n"})
    assert (found.address, found.token, found.cpus, found.memory_bytes) == ("https://head:8265", "abc", 1.0, 0)
    assert found.python == sys.executable and Path(found.root, "distill_core").is_dir()
    assert "abc" not in repr(found)
    given = settings_of(RayParams(address="http://other", cpus=3, memory_gb=1), {"DISTILL_RAY_ADDRESS": "http://head"})
    assert (given.address, given.cpus, given.memory_bytes) == ("http://other", 3.0, 10**9)


def test_names_of_jobs_differ_by_attempt_and_home(tmp_path: Path) -> None:
    def name(home: str, token: str) -> str:
        return submission_id(ExperimentFolder(tmp_path / home / "experiments" / "e/1"), Placement(token, 1, (), "cpu"))

    assert len({name("a", "x"), name("a", "y"), name("b", "x")}) == 3 and name("a", "x") == name("a", "x")
    assert all(one.isalnum() or one == "-" for one in name("a", "x/../y"))
