"""The process that measures: real graphs, real refusals, nothing half measured; and the bundle's script."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from distill_core.deployment.latency_report import parse_report
from distill_core.deployment.measure_script import measure_script
from distill_core.deployment.measuring import digest_of, probe
from distill_core.errors import Conflict
from distill_core.folders import Home, RunFolder
from distill_core.jobs import measure_latency
from distill_core.jobs.latency_record import LatencyFiles
from distill_core.jobs.latency_rows import Measurement
from distill_core.measurements import Measurements
from distill_core.processes import is_held
from distill_core.rows import RunRow
from distill_core.store.store import Store
from tests.latency_samples import exported_experiment, graph_of, holding, write_graph

QUICK = {"batches": [1, 8], "threads": [1], "repeats": 40, "warmup": 1}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def runs(home: Home) -> list[RunRow]:
    """The teacher and two students."""
    return exported_experiment(home)[:3]


@pytest.fixture
def lab(home: Home) -> Measurements:
    return Measurements(home, lambda: Store(home))


def begun(lab: Measurements, runs: list[RunRow], conditions: dict[str, object]) -> str:
    return lab.begin([(run.experiment_id, run.run_id) for run in runs], conditions)


def ended(lab: Measurements, measurement_id: str) -> Measurement:
    """Looks again until it has its outcome; the process tells no other way."""
    deadline = time.monotonic() + 200
    while (found := lab.get(measurement_id)).state == "measuring":
        assert time.monotonic() < deadline, "it never ended"
        time.sleep(0.02)
    return found


def test_models_are_measured_side_by_side_and_the_processor_is_given_back(
    lab: Measurements, runs: list[RunRow], home: Home
) -> None:
    found = ended(lab, begun(lab, runs, QUICK))
    assert (found.state, found.reason) == ("ready", "")
    assert found.report is not None and found.report.warmup == 1
    cells = Counter((row.run_id, row.batch, row.threads) for row in found.rows)
    assert cells == {(run.run_id, batch, 1): 1 for run in runs for batch in (1, 8)}
    for row in found.rows:
        assert len(row.samples_ms) == 40 and 0 < row.p50 <= row.p95 <= row.p99
        assert row.start_ms is not None and row.start_ms > 0
        if sys.platform == "linux":
            assert row.memory_bytes is not None and row.runtime_bytes is not None
            assert 10e6 < row.runtime_bytes < row.memory_bytes < 2e9
    assert not is_held(home.processor_lock) and lab.active() is None
    files = LatencyFiles(home, found.id)
    assert not files.progress.exists() and parse_report(found.report.model_dump_json().encode()) == found.report


def test_it_takes_the_processor_and_ends_on_request_with_nothing_kept(
    lab: Measurements, runs: list[RunRow], home: Home
) -> None:
    measurement_id = begun(lab, runs, {"batches": [1, 2, 4, 8, 16, 32], "repeats": 10_000})
    deadline = time.monotonic() + 200
    while not lab.get(measurement_id).doing.startswith(("start and", "latency")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert is_held(home.processor_lock), "a training that starts now waits"
    with pytest.raises(Conflict, match="A measurement is under way already"):
        begun(lab, runs, QUICK)
    lab.stop(measurement_id)
    found = ended(lab, measurement_id)
    assert (found.state, found.report) == ("stopped", None) and lab.all() == []


def test_it_waits_for_a_training_that_came_first_and_tells_its_name(
    lab: Measurements, runs: list[RunRow], home: Home
) -> None:
    with holding(home.processor_lock, home.experiment("one").worker_lock):
        measurement_id = begun(lab, runs, QUICK)
        until = time.monotonic() + 200
        while not (found := lab.get(measurement_id)).waits:
            assert found.state == "measuring" and time.monotonic() < until
            time.sleep(0.02)
        assert found.doing == "Experiment “first” (one) is at work on this processor; measuring begins at its end."
    found = ended(lab, measurement_id)
    assert found.state == "ready" and found.report is not None and not found.waits


def test_a_measurement_that_waits_can_be_stopped(lab: Measurements, runs: list[RunRow], home: Home) -> None:
    with holding(home.processor_lock):
        measurement_id = begun(lab, runs, QUICK)
        lab.stop(measurement_id)
        assert ended(lab, measurement_id).state == "stopped"


def test_a_broken_graph_is_a_sentence(lab: Measurements, runs: list[RunRow], home: Home) -> None:
    graph_of(home, runs[1]).write_bytes(b"no graph")
    found = ended(lab, begun(lab, runs, QUICK))
    assert found.state == "failed" and found.report is None
    assert "ONNX Runtime cannot load model.onnx" in found.reason and "Traceback" not in found.reason


def test_what_nobody_foresaw_becomes_a_sentence_with_an_id(
    lab: Measurements, runs: list[RunRow], home: Home, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = ended(lab, begun(lab, runs[:1], QUICK))
    files = LatencyFiles(home, found.id)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the moon is\nin the way")

    monkeypatch.setattr(measure_latency, "measure_models", fail)
    assert measure_latency.main([str(home.path), found.id]) == 0
    told = lab.get(found.id)
    assert told.state == "failed" and "the moon is in the way" in told.reason and str(files.log) in told.reason
    assert "RuntimeError" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's own peak")
def test_the_memory_told_is_that_of_the_model_alone(tmp_path: Path) -> None:
    """24 MB more of weights are 24 MB more of memory, whatever this process itself holds."""
    ballast = bytearray(200_000_000)
    small, large = (
        write_graph(tmp_path / name / "model.onnx", hidden=hidden) for name, hidden in (("a", 4), ("b", 80_000))
    )
    told = [
        probe(path, RunFolder(path.parent).test_samples, provider="CPUExecutionProvider", threads=1, batch=1,
              io_binding=False)
        for path in (small, large)
    ]
    more = told[1]["memory_bytes"] - told[0]["memory_bytes"]
    weights = large.stat().st_size - small.stat().st_size
    assert 0.9 * weights < more < 4 * weights
    assert told[0]["memory_bytes"] < len(ballast), "not what whoever starts it holds"


# The bundle's script ---------------------------------------------------------------------------


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """What the script needs of a bundle."""
    folder = tmp_path / "bundle"
    write_graph(folder / "model.onnx", hidden=16)
    (folder / "measure.py").write_text(measure_script(), encoding="utf-8")
    return folder


def execute(bundle: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Alone: -I leaves our checkout off the path."""
    return subprocess.run(
        [sys.executable, "-I", str(bundle / "measure.py"), *arguments], capture_output=True, text=True, check=False,
        cwd=bundle.parent,
    )


def test_the_script_holds_nothing_of_ours_and_nothing_twice() -> None:
    tree = ast.parse(measure_script())
    imports = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imports |= {(node.module or "").partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imports - sys.stdlib_module_names == {"numpy", "onnxruntime"}
    names = [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    names += [
        name.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets
        for name in ast.walk(target) if isinstance(name, ast.Name)
    ]
    assert [name for name, times in Counter(names).items() if times > 1] == []
    assert ast.get_docstring(tree) and "distill_core" not in measure_script()


def test_the_script_prints_a_table_and_writes_what_the_lab_takes_in(bundle: Path) -> None:
    out = bundle.parent / "pi.json"
    done = execute(
        bundle, "--batch", "1", "4", "--repeats", "30", "--machine", "my “Pi”", "--io-binding", "--out", str(out)
    )
    assert done.returncode == 0, done.stderr
    assert "p50 ms" in done.stdout and str(out) in done.stdout and "[4/4] done" in done.stderr
    told = parse_report(out.read_bytes())
    assert told.machine == "my “Pi”" and [cell.batch for cell in told.cells] == [1, 4]
    assert told.models[0].digest == digest_of(bundle / "model.onnx")
    assert all(cell.io_binding and len(cell.samples_ms) == 30 and cell.memory_bytes for cell in told.cells)
    assert json.loads(out.read_text())["versions"].keys() == {"python", "onnxruntime", "numpy"}


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--batch", "0"], 2, "'0'; allowed: a whole number from 1 to 4096"),
        (["--threads", "-1"], 2, "from 0 to 1024"), (["--provider", "Nope"], 2, "invalid choice"),
        (["--bundle", "nowhere"], 1, "Not measured: "),
    ],
)
def test_the_script_tells_bad_input(bundle: Path, arguments: list[str], code: int, sentence: str) -> None:
    done = execute(bundle, *arguments)
    assert done.returncode == code and sentence in done.stderr and "Traceback" not in done.stderr
