"""Compression steps that break off: only their own runs are refused, whatever the step raises."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from distill_core.compression import rounding
from distill_core.events import LatencyMeasured, RunFinished
from distill_core.folders import read_json, write_json
from distill_core.pipeline import compressing
from tests.integration.pipeline_lab import PipelineLab
from tests.integration.test_compression import HALF, PRUNE, ROUND, TUNE, by_name, events, with_chains


def test_a_step_that_breaks_off_costs_nothing_but_its_own_run(
    lab: PipelineLab, spec_data: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps are plug-ins, and graphs are many: whatever one raises, what was trained is exported and measured."""
    def broken(network: torch.nn.Module, params: Any) -> torch.nn.Module:
        raise RuntimeError("a kernel of size 0")

    monkeypatch.setattr(rounding, "round_network", broken)
    assert lab.run("one", with_chains(spec_data, [ROUND, TUNE], [HALF], sensitivity=True)).outcome == "succeeded"
    names, finished = by_name(lab, "one"), events(lab, "one", RunFinished)
    refused = finished[names["4-bit weights"]]
    assert refused.state == "refused" and "broke off (RuntimeError: a kernel of size 0)" in refused.stop_rule
    assert finished[names["4-bit weights › fine-tuned (teacher)"]].state == "refused"
    assert finished[names["float16"]].state == "finished" and names["float16"] in events(lab, "one", LatencyMeasured)
    found = read_json(lab.folder("one").run(names["distilled"]).sensitivity)
    assert {curve["step"] for curve in found["curves"]} >= {"magnitude-pruning"}
    assert any("a kernel of size 0" in note for note in found["notes"])


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), MemoryError("none"), torch.OutOfMemoryError("CUDA out of memory")]
)
def test_a_full_disk_or_gpu_refuses_nothing_for_good(
    lab: PipelineLab, spec_data: dict, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(network: torch.nn.Module, params: Any) -> torch.nn.Module:
        raise error

    data = with_chains(spec_data, [ROUND])
    with monkeypatch.context() as patch, pytest.raises(type(error)):
        patch.setattr(rounding, "round_network", full)
        lab.run("one", data)
    assert lab.run("one", data).outcome == "succeeded"
    assert events(lab, "one", RunFinished)[by_name(lab, "one")["4-bit weights"]].state == "finished"


def test_what_is_refused_after_a_stop_keeps_nothing_of_before(lab: PipelineLab, spec_data: dict) -> None:
    """Its children are made of what is there."""
    data = with_chains(spec_data, [PRUNE, TUNE])
    assert lab.run("one", data).outcome == "succeeded"
    run_id = by_name(lab, "one")["50% zeros › fine-tuned (teacher)"]
    place = lab.folder("one").run(run_id)
    write_json(place.result, read_json(place.result) | {"state": "stopped"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compressing, "hold_earlier", lambda *_: 1 // 0)
        assert lab.run("one", data).outcome == "succeeded"
    finished = lab.told("one", RunFinished)[-1]
    assert (finished.run_id, finished.state) == (run_id, "refused")
    assert [path.name for path in place.path.iterdir()] == [place.result.name]


def test_what_a_killed_worker_left_beside_a_file_goes(lab: PipelineLab, spec_data: dict) -> None:
    data = with_chains(spec_data, [HALF])
    assert lab.run("one", data).outcome == "succeeded"
    place = lab.folder("one").run(by_name(lab, "one")["float16"])
    whole = place.onnx.read_bytes()
    for path in (place.result, place.onnx, place.onnx_result):
        path.unlink()
    (place.path / "making-x").mkdir()
    (place.path / "making-x" / "made.onnx").write_bytes(b"half")
    assert lab.run("one", data).outcome == "succeeded"
    assert place.onnx.read_bytes() == whole
    assert not [path for path in place.path.iterdir() if path.is_dir()]
