"""Sweeps from the command line with the real dispatcher, worker, preview and training."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
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

    def json(self, *arguments: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "distill_core", *arguments, "--json"], text=True, capture_output=True, check=False,
            env=os.environ | {"DISTILL_HOME": str(self.home.path)}, timeout=600,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def terminal(tmp_path: Path, spec_data: dict[str, Any], with_catalogue: Callable[[Home], Home]) -> Terminal:
    base = spec_data | {"students": [spec_data["students"][1] | {"name": "student"}]}
    axes = [{"field": "temperature", "values": [1, 4]}, {"field": "teacher_share", "values": [0.5, 1]}]
    (tmp_path / "grid.json").write_text(json.dumps({"name": "a map", "base": base, "axes": axes}))
    widths = [{"name": "tiny-cnn", "params": {"width": width}} for width in (2, 4)]
    search = {
        "name": "a search", "base": base, "objectives": ["accuracy", "latency", "size"],
        "axes": [{"field": "student", "values": widths}, {"field": "temperature", "low": 1, "high": 8}],
        "method": {"kind": "optuna", "trials": 4, "batch": 2},
    }
    (tmp_path / "search.json").write_text(json.dumps(search))
    with_catalogue(Home(tmp_path / "home"))
    return Terminal(tmp_path)


def test_a_map_is_forecast_trained_opened_and_extended_without_training_twice(terminal: Terminal) -> None:
    grid = str(terminal.folder / "grid.json")
    forecast = terminal.json("sweep", "run", grid, "--dry-run")
    assert (forecast["runs"], forecast["reused"], forecast["experiments"]) == (11, 0, 1)
    assert forecast["seconds"] > 0 and [one["parameters"] for one in forecast["networks"]] == [666]

    found = terminal.json("sweep", "run", grid)
    assert found["row"]["state"] == "finished" and [one["state"] for one in found["trials"]] == ["finished"] * 4
    store = Store(terminal.home)
    (experiment_id,) = found["row"]["experiment_ids"]
    view = store.experiment(experiment_id)
    by_name = {(run.name, run.seed): run for run in view.runs}
    for one in found["trials"]:
        for seed in one["seeds"]:
            run, alone = by_name[one["name"], seed["seed"]], by_name["alone", seed["seed"]]
            assert seed["test"] == run.accuracy and seed["gain"] == pytest.approx(run.accuracy - alone.accuracy)
    # Of validation it is the best epoch's, as the curve has it.
    points, _ = store.live_points(experiment_id)
    best = {
        point[0]: point[3] for point in points
        if point[1] == next(run.best_epoch for run in view.runs if run.run_id == point[0])
    }
    (first, *_) = found["trials"]
    assert [one["validation"] for one in first["seeds"]] == [
        best[by_name[first["name"], seed].run_id] for seed in (0, 1)
    ]
    assert first["latency_p50_ms"] == found["trials"][3]["latency_p50_ms"] > 0

    again = terminal.json("sweep", "run", grid, "--dry-run")
    assert (again["runs"], again["reused"]) == (11, 11)

    sweep_id = found["row"]["sweep_id"]
    assert terminal.json("sweep", "extend", sweep_id, "--values", "temperature=2", "--seeds", "2")["state"] == "running"
    longer = terminal.json("sweep", "follow", sweep_id)
    assert [len(one["seeds"]) for one in longer["trials"]] == [3] * 6
    assert [one["seeds"][:2] for one in longer["trials"][:4]] == [one["seeds"] for one in found["trials"]]
    runs = [run for one in longer["row"]["experiment_ids"] for run in store.experiment(one).runs]
    trained = [run for run in runs if run.state == "finished"]
    # A teacher, and six variants and the student alone on three seeds, each once.
    assert len(trained) == len({run.run_id for run in trained}) == 1 + 7 * 3
    assert {row.state for row in store.experiments()} <= ENDED


def test_a_search_tells_asks_and_finds_a_front(terminal: Terminal) -> None:
    found = terminal.json("sweep", "run", str(terminal.folder / "search.json"))
    assert found["row"]["state"] == "finished" and len(found["trials"]) == 4
    assert len(found["row"]["experiment_ids"]) == 2, "two rounds of two"
    assert found["front"] and all(one["latency_p50_ms"] and one["size_bytes"] for one in found["trials"])
    teachers = [run for one in found["row"]["experiment_ids"] for run in Store(terminal.home).experiment(one).teachers]
    assert [run.state for run in teachers] == ["finished", "reused"]
