"""The command `tools`: lists the other tools, and writes an experiment into them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from distill_core.cli import main, tools
from distill_core.folders import Home
from distill_core.store.store import Store
from tests.store_samples import small_spec, whole_story, write_events


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("DISTILL_HOME", str(tmp_path / "home"))
    for name in ("MLFLOW_TRACKING_URI", "DISTILL_WANDB"):
        monkeypatch.delenv(name, raising=False)
    return Home(tmp_path / "home")


@pytest.fixture
def experiment(home: Home) -> str:
    store = Store(home)
    store.create(small_spec("Small"), experiment_id="abc1", created_at=1.0)
    write_events(home, "abc1", *whole_story())
    store.transition("abc1", expected={"queued"}, to="cancelled", at=2.0)
    return "abc1"


def test_tools_are_listed_with_how_to_look_or_to_switch_on(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tools", "--json"]) == 0
    tools = {tool["name"]: tool for tool in json.loads(capsys.readouterr().out)}
    assert tools["tensorboard"]["on"] and tools["tensorboard"]["look"].startswith("tensorboard --logdir ")
    assert not tools["mlflow"]["on"] and "MLFLOW_TRACKING_URI" in tools["mlflow"]["why_off"]
    assert main(["tools"]) == 0
    assert "TensorBoard" in capsys.readouterr().out


def test_an_older_experiment_is_written_once_into_what_is_on(home: Home, experiment: str) -> None:
    assert main(["tools", "abc"]) == 0
    folder = home.experiment(experiment)
    sizes = {path: path.stat().st_size for path in folder.exported("tensorboard").rglob("*tfevents*")}
    assert len(sizes) == 5 and all(sizes.values())
    assert main(["tools", "abc1"]) == 0
    assert sizes == {path: path.stat().st_size for path in folder.exported("tensorboard").rglob("*tfevents*")}


def test_what_cannot_be_written_is_one_sentence(
    home: Home, experiment: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["tools", "nobody"]) == 2
    assert "begins with 'nobody'; `list` tells the ids" in capsys.readouterr().err
    monkeypatch.setattr(tools, "start_exporting", lambda folder, name: subprocess.Popen(["false"]))
    assert main(["tools", experiment]) == 1
    assert "Not everything has reached TensorBoard; " in capsys.readouterr().err
    lock = home.experiment(experiment).export("tensorboard", "lock")
    monkeypatch.setattr(tools, "is_held", lambda path: path == lock)
    assert main(["tools", experiment]) == 1
    assert "TensorBoard is being written by the running experiment" in capsys.readouterr().err
