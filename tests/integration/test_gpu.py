"""The same promises on a CUDA device: `pytest -m gpu`."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from distill_core.compression.structured import StructuredParams, prune_structured
from distill_core.event_log import EventLog, read_events
from distill_core.events import OnnxExported, RunFinished
from distill_core.executors.devices import list_devices, resolve_device, unused_gpus
from distill_core.folders import Home
from distill_core.pipeline import deep_check, run_experiment
from distill_core.pipeline.compressing import example_around
from distill_core.spec import Affine, Choice, CropFlip, parse_spec
from distill_core.training.assembly import student_cohort
from distill_core.training.cohort import Surroundings
from distill_core.training.preparation import find_device
from distill_core.training.views import alter, generator_for

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


@pytest.mark.parametrize("augmentation", [Affine(), CropFlip()])
def test_views_are_those_of_the_cpu(augmentation: Affine | CropFlip) -> None:
    pixels = torch.rand(16, 3, 8, 8)
    on_cpu, on_gpu = (alter(pixels.to(device), augmentation, generator_for(3)) for device in ("cpu", "cuda"))
    torch.testing.assert_close(on_gpu.cpu(), on_cpu, rtol=1e-4, atol=1e-4)


def test_an_experiment_runs_on_the_gpu_and_its_exports_agree(spec_data: dict, tmp_path: Path) -> None:
    home = Home(tmp_path)
    folder = home.experiment("gpu")
    log = EventLog(folder.events)
    spec = parse_spec(spec_data | {"device": "cuda"})
    ended = run_experiment(
        spec, folder, reuse={}, request={}, emit=log, should_stop=lambda: False, clock=time.time
    )
    log.close()
    assert ended.outcome == "succeeded"
    events = [event for event, _ in read_events(folder.events)]
    assert len([event for event in events if isinstance(event, RunFinished)]) == 7
    exports = [event for event in events if isinstance(event, OnnxExported)]
    assert exports
    assert all(export.max_abs_diff < 1e-3 and export.same_class == export.total for export in exports)


def test_devices_are_those_of_torch() -> None:
    *gpus, _ = list_devices()
    assert [gpu.name for gpu in gpus] == [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    assert find_device(resolve_device("auto")).type == "cuda" and not unused_gpus()


def test_channels_are_cut_on_the_gpu(spec_data: dict, tmp_path: Path) -> None:
    checked = deep_check(parse_spec(spec_data | {"device": "cuda"}), home=Home(tmp_path))
    for name in ("small-cnn", "cifar-resnet"):
        network = checked.network(Choice(name=name), seed=0).to(checked.device).eval()
        before = sum(weight.numel() for weight in network.parameters())
        cut = prune_structured(network, example_around(checked), StructuredParams(ratio=0.37))
        assert sum(weight.numel() for weight in cut.parameters()) < before


def test_a_stack_gives_what_training_one_by_one_gives(spec_data: dict, tmp_path: Path) -> None:
    _, distilled, _ = spec_data["students"]
    spec_data["students"] = [distilled | {"name": f"number {number}"} for number in range(5)]
    _compare(spec_data, tmp_path, stacked=True)


def test_a_cohort_gives_what_training_alone_gives(spec_data: dict, tmp_path: Path) -> None:
    _compare(spec_data, tmp_path, stacked=False)


def _compare(spec_data: dict, tmp_path: Path, *, stacked: bool) -> None:
    # At the usual rate rounding, which differs with the kernels, is multiplied within three epochs.
    spec_data["student_training"]["optimizer"]["learning_rate"] = 0.003
    checked = deep_check(parse_spec(spec_data | {"device": "cuda"}), home=Home(tmp_path))
    teacher = checked.network(checked.spec.teacher.architecture, seed=50).to(checked.device)
    runs = checked.plan.cohorts[0].runs
    together = student_cohort(checked, runs, teacher, Surroundings.silent())
    assert together.stacking is not None
    assert bool(together.stacking.any_stack(together.candidates)) == stacked
    together.fit()
    for candidate, run in zip(together.candidates, runs, strict=True):
        alone = student_cohort(checked, [run], teacher, Surroundings.silent())
        alone.fit()
        for name, value in alone.candidates[0].model.state_dict().items():
            torch.testing.assert_close(value, candidate.model.state_dict()[name], rtol=1e-3, atol=1e-4)
