"""Nothing mixes a device's tensors with the processor's, or reads a number from it at each step: on a pretended GPU."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from distill_core.entries import GeneratorEntry, LossEntry
from distill_core.events import EpochEnded, Noted
from distill_core.folders import Home
from distill_core.signature import InputKind, Task
from distill_core.spec import parse_spec
from distill_core.training.assembly import student_cohort
from distill_core.training.cohort import Surroundings
from distill_core.training.preparation import deep_check
from tests.contracts import test_generators as generating
from tests.contracts.loss_steps import ENTRIES, parts, tensors, term_of
from tests.integration.pipeline_lab import PipelineLab
from tests.pretended_device import CUDA, MixedDevices, There, pretended


def test_the_pretended_device_refuses_what_a_gpu_refuses() -> None:
    with pretended() as pretence:
        one = torch.ones(2, 3).to("cuda")
        assert one.device == CUDA and (one + 1).device == CUDA and torch.zeros(2, device=CUDA).device == CUDA
        assert one[torch.tensor([0])].device == CUDA, "CUDA takes indices of the processor"
        for mixed in (lambda: one + torch.ones(3), lambda: torch.ones(4, 3)[one.long()[:, 0]],
                      lambda: nn.Linear(3, 2)(one), lambda: torch.cat([one, torch.ones(2, 3)])):
            with pytest.raises(MixedDevices):
                mixed()
        with pytest.raises(TypeError, match="cuda"):
            one.numpy()
        assert pretence.reads == 0
        assert float(one.sum()) == 6 and pretence.reads == 1
        assert one.cpu().tolist() == [[1.0] * 3] * 2 and pretence.reads == 1


def _fields(value: Any) -> dict[str, Any]:
    return {one.name: getattr(value, one.name) for one in fields(value)}


def _there(value: Tensor) -> Tensor:
    return value.detach().to(CUDA).requires_grad_(value.requires_grad)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_loss_is_computed_on_the_device(entry: LossEntry) -> None:
    step, term = tensors(entry), term_of(entry)
    here = float(term(step).detach())
    with pretended() as pretence:
        if isinstance(term, nn.Module):
            term.to(CUDA)
        moved: dict[str, Any] = {
            name: {key: _there(one) for key, one in value.items()} if isinstance(value, dict) else _there(value)
            for name, value in _fields(step).items() if isinstance(value, Tensor | dict)
        }
        step = replace(step, **moved)
        loss = term(step)
        loss.backward()
        assert pretence.reads == 0, "each would make the processor wait for the device at every step"
        assert loss.cpu().item() == pytest.approx(here, rel=1e-5)
        assert any(isinstance(one.grad, There) for one in parts(step)[0])


@pytest.mark.parametrize(("entry", "kind", "task"), generating.CASES)
def test_variants_are_made_on_the_device(entry: GeneratorEntry, kind: InputKind, task: Task) -> None:
    here = generating.make(entry, generating.originals(kind, task))
    with pretended():
        given = generating.originals(kind, task)
        given = replace(given, **{name: getattr(given, name).to(CUDA) for name in ("inputs", "labels", "pool")})
        made = generating.make(entry, given)
        for name, value in _fields(here).items():
            if isinstance(value, Tensor):
                found = getattr(made, name)
                assert isinstance(found, There), name
                torch.testing.assert_close(found.cpu(), value, equal_nan=True)


def _spec(data: dict, **changes: object) -> dict:
    """Four students that are stacked, one whose hint learns, one on variants, and what becomes of one that is cut."""
    alone, distilled, _ = data["students"]
    hint = {"loss": {"name": "hint", "params": {"student_tap": "4", "teacher_tap": "10"}}, "weight": 1.0}
    cut = {"name": "structured-pruning", "params": {"ratio": 0.25}}
    tune = {"name": "fine-tuning", "params": {"epochs": 2, "temperature": 2.0}}
    return data | {
        "students": [
            alone, distilled,
            *(distilled | {"name": f"T={value}", "terms": [_kd(value)]} for value in (1.0, 8.0)),
            distilled | {"name": "hinted", "terms": [*distilled["terms"], hint]},
            distilled | {"name": "mixed", "generator": {"name": "mixup"}, "generated_share": 0.5},
        ],
        "compression": {"chains": [{"of": "distilled", "steps": [cut, tune]}]}, "seeds": [0], **changes,
    }


def _kd(temperature: float) -> dict:
    return {"loss": {"name": "kd", "params": {"temperature": temperature}}, "weight": 1.0}


def test_an_experiment_on_the_device_comes_out_as_on_the_processor(spec_data: dict, tmp_path: Path) -> None:
    labs = {device: PipelineLab(tmp_path / device) for device in ("cpu", "cuda")}
    # At the usual rate rounding, which differs with the order in memory, is multiplied within three epochs.
    spec_data["student_training"]["optimizer"]["learning_rate"] = 0.003
    labs["cpu"].run("one", _spec(spec_data, device="cpu"))
    with pretended():
        assert labs["cuda"].run("one", _spec(spec_data, device="cuda")).outcome == "succeeded"
    here, there = (
        [(event.epoch, event.train_loss, event.validation_nll) for event in lab.told("one", EpochEnded)]
        for lab in labs.values()
    )
    assert len(here) == len(there) and np.allclose(here, there, rtol=1e-3)
    assert [event.text for event in labs["cpu"].told("one", Noted)] == [
        event.text for event in labs["cuda"].told("one", Noted)
    ]


@pytest.mark.parametrize("fixed_views", [4, None])
def test_no_step_waits_for_the_device(fixed_views: int | None, spec_data: dict, tmp_path: Path) -> None:
    spec_data["student_views"]["fixed_views"] = fixed_views
    reads = []
    for steps in (2, 7):
        data = _spec(spec_data, device="cuda")
        data["student_training"] = data["student_training"] | {"epochs": 1, "steps_per_epoch": steps}
        with pretended() as pretence:
            checked = deep_check(parse_spec(data), home=Home(tmp_path))
            teacher = checked.network(checked.spec.teacher.architecture, seed=50).to(checked.device).eval()
            for cohort in checked.plan.cohorts:
                student_cohort(checked, cohort.runs, teacher, Surroundings.silent()).fit()
            reads.append(pretence.reads)
    assert reads[0] == reads[1] and not math.isnan(reads[0])
