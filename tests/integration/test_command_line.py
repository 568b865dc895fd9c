"""The command line from a spec to a bundle, with the real dispatcher, worker and training."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from distill_core.folders import Home
from distill_core.store.store import Store
from distill_core.store.transitions import ENDED

# Whole experiments, each with processes of its own.
pytestmark = pytest.mark.timeout(900)


class Terminal:
    """Runs commands in a home of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, Home(folder / "home")
        self._environment = os.environ | {"DISTILL_HOME": str(self.home.path)}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "distill_core", *arguments], env=self._environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=600)
        return process.returncode, out, err

    def json(self, *arguments: str) -> Any:
        code, out, err = self.run(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A shell starts background jobs with SIGINT ignored, and what the tests start there would inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def terminal(tmp_path: Path, spec_data: dict[str, Any], with_catalogue: Callable[[Home], Home]) -> Terminal:
    with_catalogue(Home(tmp_path / "home"))
    (tmp_path / "spec.json").write_text(json.dumps(spec_data))
    return Terminal(tmp_path)


def test_run_reuse_export_and_reindex(terminal: Terminal) -> None:
    spec = str(terminal.folder / "spec.json")
    code, out, err = terminal.run("run", spec, "--json")
    assert code == 0, err
    first = json.loads(out)
    assert first["state"] == "succeeded" and 0 < first["seconds"] < 200
    assert len(first["runs"]) == 7 and all(run["state"] == "finished" for run in first["runs"])
    assert {verdict["student"] for verdict in first["verdicts"]} == {"distilled", "distilled, all"}
    assert err.startswith("Experiment ") and "Teacher" in err and "succeeded" in err, "progress goes to standard error"

    # Beside it, TensorBoard's files were written.
    folder, until = terminal.home.experiment(first["experiment_id"]), time.monotonic() + 200
    while len([*folder.exported("tensorboard").rglob("*tfevents*")]) < 7:
        assert time.monotonic() < until, folder.export("tensorboard", "log").read_text()
        time.sleep(0.1)

    # Another temperature trains only the students that have it.
    second = terminal.json("run", spec, "--set", "students.1.terms.1.loss.params.temperature=2")
    states = {(run["name"], run["seed"]): run["state"] for run in second["runs"]}
    trained = {key for key, state in states.items() if state == "finished"}
    assert trained == {("distilled", 0), ("distilled", 1)} and set(states.values()) == {"finished", "reused"}
    figures = {run["run_id"]: run["accuracy"] for run in first["runs"]}
    assert all(figures[run["run_id"]] == run["accuracy"] for run in second["runs"] if run["state"] == "reused")

    # A run that was not exported is, on demand, and nothing is trained for it.
    name = second["experiment_id"]
    run = next(run for run in second["runs"] if run["seed"] == 1 and run["name"] == "distilled")
    assert run["onnx"] is None
    bundle = terminal.folder / "bundle"
    told = terminal.json("export", f"{name}/{run['run_id']}", "--out", str(bundle))
    assert told["path"] == str(bundle) and (bundle / "model.onnx").exists()
    assert subprocess.run([sys.executable, str(bundle / "run.py")], capture_output=True, check=False).returncode == 0
    shown = terminal.json("show", name)
    assert shown["state"] == "succeeded" and shown["seconds"] > second["seconds"]
    code, _, err = terminal.run("export", run["run_id"], "--out", str(bundle))
    assert code == 1 and "not an empty folder" in err

    terminal.home.database.rename(terminal.folder / "old.sqlite")
    assert terminal.json("reindex") == {"experiments": 2, "problems": []}
    assert terminal.json("show", name) == shown


def test_what_fails_exits_with_1_and_says_why(terminal: Terminal) -> None:
    code, out, err = terminal.run(
        "run", str(terminal.folder / "spec.json"), "--set", "student_training.batch_size=60000", "--json"
    )
    assert code == 1 and "batch_size is 60000" in err and "Traceback" not in err
    assert json.loads(out)["state"] == "failed"


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_terminal_leaves_the_work_going(terminal: Terminal) -> None:
    waiting = terminal.start("run", str(terminal.folder / "spec.json"), "--set", "student_training.epochs=200")
    store = Store(terminal.home)
    until = time.monotonic() + 180
    while not store.in_states({"running"}):
        assert time.monotonic() < until
        time.sleep(0.05)
    waiting.send_signal(signal.SIGINT)
    _, err = waiting.communicate(timeout=60)
    name = store.experiments()[0].experiment_id
    assert waiting.returncode == 130 and f"cancel {name}" in err and "Traceback" not in err
    assert store.state(name) == "running"
    assert terminal.json("cancel", name[:6])["state"] == "stopping"
    while store.state(name) not in ENDED:
        assert time.monotonic() < until + 60
        time.sleep(0.05)
    assert store.state(name) == "cancelled"
    # The dispatcher that is up may have begun it before its state is told.
    assert terminal.json("resume", name)["state"] in ("queued", "starting", "running")
    terminal.run("cancel", name)


def test_the_dashboard_tells_its_address_as_json_and_nothing_else(terminal: Terminal) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = terminal.start("ui", "--json", "--no-browser", "--port", str(port))
    assert process.stdout is not None
    told = ""
    for line in process.stdout:
        told += line
        if line == "}\n":
            break
    assert json.loads(told) == {"url": f"http://127.0.0.1:{port}/", "experiment_id": None}
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=10) as answer:
        assert answer.status == 200
    process.send_signal(signal.SIGTERM)
    rest, err = process.communicate(timeout=30)
    assert (process.returncode, rest) == (0, "") and "Traceback" not in err
