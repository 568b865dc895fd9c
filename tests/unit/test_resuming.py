"""A cohort killed anywhere goes on from its last checkpoint to the very weights of one that nobody disturbed."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from distill_core.events import EpochEnded, Event
from distill_core.folders import Home, RunFolder
from distill_core.spec import parse_spec
from distill_core.training.assembly import student_cohort
from distill_core.training.candidate import Candidate
from distill_core.training.cohort import Cohort, Surroundings
from distill_core.training.preparation import Checked, deep_check

EPOCHS, STEPS_PER_EPOCH, RUNS = 3, 6, 3


class Killed(BaseException):
    """kill -9: nothing that the process would still do gets done."""


def cohort_in(
    checked: Checked, folder: Path, *, kill_at_step: int = -1, kill_at_event: int = -1, checkpoint_seconds: float = 0
) -> tuple[Cohort, list[EpochEnded]]:
    steps, told = itertools.count(), list[EpochEnded]()

    def before_step() -> bool:
        if next(steps) == kill_at_step:
            raise Killed
        return False

    def emit(event: Event) -> None:
        assert isinstance(event, EpochEnded)
        told.append(event)
        if len(told) == kill_at_event:
            raise Killed

    around = Surroundings(
        emit=emit, should_stop=before_step, clock=lambda: 0.0, folder_of=lambda run_id: RunFolder(folder / run_id),
        on_end=lambda candidate: None, on_progress=lambda done, total: None, checkpoint_seconds=checkpoint_seconds,
    )
    teacher = checked.network(checked.spec.teacher.architecture, seed=50)
    return student_cohort(checked, checked.plan.cohorts[0].runs, teacher, around), told


def weights(cohort: Cohort) -> list[dict[str, Tensor]]:
    return [copy.deepcopy(candidate.model.state_dict()) for candidate in cohort.candidates]


def assert_goes_on(checked: Checked, folder: Path, **kill: int) -> None:
    whole, expected = cohort_in(checked, folder / "whole")
    whole.fit()
    killed, first = cohort_in(checked, folder / "killed", **kill)
    with pytest.raises(Killed):
        killed.fit()
    resumed, second = cohort_in(checked, folder / "killed")
    resumed.fit()
    assert all(candidate.progress.stop for candidate in resumed.candidates), "every run ends"
    for one, other in zip(weights(whole), weights(resumed), strict=True):
        for name in one:
            assert torch.equal(one[name], other[name]), name
    for one, other in zip(whole.candidates, resumed.candidates, strict=True):
        assert one.diary is not None and other.diary is not None
        one.diary.write(RunFolder(folder / "a"))
        other.diary.write(RunFolder(folder / "b"))
        written = RunFolder(folder / "a").epoch_answers.read_bytes()
        assert written == RunFolder(folder / "b").epoch_answers.read_bytes(), "the same answers by epoch"
    # What was told twice is told alike; nothing is left out.
    by_epoch = {(event.run_id, event.epoch): (event.train_loss, event.validation_nll) for event in expected}
    assert {(event.run_id, event.epoch) for event in (*first, *second)} == set(by_epoch)
    assert all(by_epoch[event.run_id, event.epoch] == (event.train_loss, event.validation_nll) for event in second)


@pytest.fixture
def digits(spec_data: dict[str, Any], tmp_path: Path) -> Checked:
    torch.set_num_threads(1)
    return deep_check(parse_spec(spec_data), home=Home(tmp_path))


@pytest.mark.parametrize("step", [1, 5, 6, 7, 12, 17])
def test_killed_before_a_step(digits: Checked, tmp_path: Path, step: int) -> None:
    assert_goes_on(digits, tmp_path, kill_at_step=step)


@pytest.mark.parametrize("event", [1, 2, 3, 5, 9])
def test_killed_in_the_validation_after_an_epoch(digits: Checked, tmp_path: Path, event: int) -> None:
    """The checkpoint is of the epoch's last step, its validation is lacking."""
    assert event <= EPOCHS * RUNS
    assert_goes_on(digits, tmp_path, kill_at_event=event)


@pytest.mark.parametrize(
    "optimizer",
    [{"kind": "adamw", "learning_rate": 0.01}, {"kind": "sgd", "learning_rate": 0.05, "momentum": 0.9}],
    ids=lambda optimizer: optimizer["kind"],
)
def test_images_lie_channels_last_and_resume_alike(
    spec_data: dict[str, Any], tmp_path: Path, optimizer: dict[str, Any]
) -> None:
    """A checkpoint must not mix up how weights and their moments lie: of several colours, and with crops."""
    torch.set_num_threads(1)
    pixels = np.random.default_rng(0)
    for name in ("train/a", "train/b", "test/a", "test/b"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(24):
            image = pixels.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(image).save(tmp_path / "images" / name / f"{number}.png")
    wide = {"name": "strided-cnn", "params": {}}
    spec_data["data"] = {"dataset": {"name": "image-folder", "params": {"path": str(tmp_path / "images")}}}
    views = {"augmentation": {"kind": "crop-flip"}, "fixed_views": None}
    spec_data["teacher"] |= {"architecture": wide, "views": views}
    spec_data["teacher"]["training"] |= {"batch_size": 16}
    spec_data["student_views"] = views
    spec_data["student_training"] |= {"optimizer": optimizer, "batch_size": 16}
    for student in spec_data["students"]:
        student["architecture"] = wide
    checked = deep_check(parse_spec(spec_data), home=Home(tmp_path))
    cohort, _ = cohort_in(checked, tmp_path / "look")
    assert any(_lies_channels_last(candidate) for candidate in cohort.candidates), "or this test tests nothing"
    assert_goes_on(checked, tmp_path, kill_at_step=10)


def _lies_channels_last(candidate: Candidate) -> bool:
    return any(
        parameter.ndim == 4 and not parameter.is_contiguous() for parameter in candidate.model.parameters()
    )


def test_checkpoints_are_written_as_often_as_asked(
    digits: Checked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    save: Callable[[Candidate, RunFolder], None] = Candidate.save_checkpoint
    monkeypatch.setattr(
        Candidate, "save_checkpoint",
        lambda self, folder, fence: (saved.append(self.progress.step), save(self, folder, fence=fence)),
    )
    cohort_in(digits, tmp_path / "often")[0].fit()
    assert saved == [step for step in range(1, 1 + EPOCHS * STEPS_PER_EPOCH) for _ in range(RUNS)]
    saved.clear()
    cohort_in(digits, tmp_path / "never", checkpoint_seconds=1.0)[0].fit()
    assert saved == []
