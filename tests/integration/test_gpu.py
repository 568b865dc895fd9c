"""The same promises on a CUDA device: `pytest -m gpu`."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from distill_core.event_log import EventLog, read_events
from distill_core.events import OnnxExported, RunFinished
from distill_core.folders import Home
from distill_core.pipeline import deep_check, run_experiment
from distill_core.spec import Affine, CropFlip, parse_spec
from distill_core.training.assembly import student_cohort
from distill_core.training.cohort import Surroundings
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


def test_a_cohort_gives_what_training_alone_gives(spec_data: dict, tmp_path: Path) -> None:
    checked = deep_check(parse_spec(spec_data | {"device": "cuda"}), home=Home(tmp_path))
    teacher = checked.network(checked.spec.teacher.architecture, seed=50).to(checked.device)
    runs = checked.plan.cohorts[0].runs
    together = student_cohort(checked, runs, teacher, Surroundings.silent())
    together.fit()
    for candidate, run in zip(together.candidates, runs, strict=True):
        alone = student_cohort(checked, [run], teacher, Surroundings.silent())
        alone.fit()
        for name, value in alone.candidates[0].model.state_dict().items():
            torch.testing.assert_close(value, candidate.model.state_dict()[name], rtol=1e-3, atol=1e-4)
