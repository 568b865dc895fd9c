"""A device or folder that is not here is refused before anything is queued."""

from __future__ import annotations

from pathlib import Path

import pytest

from distill_core.errors import SpecError
from distill_core.folders import Home
from distill_core.services import Lab


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setattr("distill_core.executors.devices._gpus", list)
    return Lab(Home(tmp_path / "home"))


def test_a_gpu_on_a_machine_without_one(lab: Lab, spec_data: dict) -> None:
    with pytest.raises(SpecError, match=r"^device is 'cuda'; allowed: auto, cpu\. This machine has no other device\.$"):
        lab.check(spec_data | {"device": "cuda"})
    assert lab.check(spec_data | {"device": "cpu"}).device == "cpu"


def test_a_folder_that_is_not_there(lab: Lab, spec_data: dict, tmp_path: Path) -> None:
    spec_data["data"]["dataset"] = {"name": "image-folder", "params": {"path": str(tmp_path / "none")}}
    with pytest.raises(SpecError, match=r"allowed: a folder or file on this machine"):
        lab.check(spec_data)
    (tmp_path / "none").mkdir()
    lab.check(spec_data)
