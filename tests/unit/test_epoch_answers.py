"""Which test samples and epochs are remembered, their file, and that remembering changes no training."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from distill_core.evaluation.epoch_answers import (
    EpochAnswers,
    kept_epochs,
    read_epoch_answers,
    watched_rows,
    write_epoch_answers,
)
from distill_core.folders import Home
from distill_core.presets import find_preset
from distill_core.spec import parse_spec
from distill_core.training.assembly import student_cohort
from distill_core.training.cohort import Surroundings
from distill_core.training.preparation import deep_check


@given(st.lists(st.integers(0, 11), max_size=700))
def test_every_class_is_watched_alike_while_its_samples_last(labels: list[int]) -> None:
    rows = watched_rows(np.array(labels, np.int64), outputs=12)
    assert len(rows) == min(len(labels), 100)
    assert (np.diff(rows) > 0).all() and all(0 <= row < len(labels) for row in rows)
    taken = {label: sum(labels[row] == label for row in rows) for label in set(labels)}
    most = max(taken.values(), default=0)
    for label, count in taken.items():
        assert count >= most - 1 or count == labels.count(label)


def test_the_same_labels_give_the_same_rows_and_many_classes_more_of_them() -> None:
    labels = np.random.default_rng(0).integers(0, 100, 5000)
    rows = watched_rows(labels, outputs=100)
    assert rows.tolist() == watched_rows(labels.copy(), outputs=100).tolist()
    assert len(rows) == 200 and np.bincount(labels[rows], minlength=100).tolist() == [2] * 100
    assert len(watched_rows(np.arange(1000).repeat(50), outputs=1000)) * 40 * 1000 * 4 <= 8 * 2**20


@pytest.mark.parametrize("total", [1, 2, 7, 40, 41, 200, 10_000])
def test_epochs_are_kept_evenly_from_the_first_to_the_last(total: int) -> None:
    kept = sorted(kept_epochs(total))
    assert kept[0] == 1 and kept[-1] == total and len(kept) == min(total, 40)
    gaps = np.diff(kept)
    assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1


def test_a_file_comes_back_and_a_damaged_one_is_none(tmp_path: Path) -> None:
    path = tmp_path / "answers.safetensors"
    assert read_epoch_answers(path) is None
    logits = np.random.default_rng(0).normal(size=(3, 5, 4)).astype(np.float32)
    write_epoch_answers(path, EpochAnswers(np.array([1, 4, 9]), np.array([0, 2, 5, 7, 8]), logits))
    found = read_epoch_answers(path)
    assert found is not None
    assert found.epochs.tolist() == [1, 4, 9] and found.samples.tolist() == [0, 2, 5, 7, 8]
    assert np.array_equal(found.logits, logits)
    whole = path.read_bytes()
    for damaged in (whole[:50], whole[:-8], b""):
        path.write_bytes(damaged)
        assert read_epoch_answers(path) is None
    write_epoch_answers(path, EpochAnswers(np.array([1]), np.array([0, 2]), logits))
    assert read_epoch_answers(path) is None, "its parts do not fit together"


def test_remembering_changes_no_training(spec_data: dict[str, Any], tmp_path: Path) -> None:
    torch.set_num_threads(1)
    spec_data["student_training"]["patience"] = 1
    spec_data["student_training"]["epochs"] = 60
    checked = deep_check(parse_spec(spec_data), home=Home(tmp_path))

    def trained(*, watched: bool) -> list[Any]:
        teacher = checked.network(checked.spec.teacher.architecture, seed=50)
        cohort = student_cohort(checked, checked.plan.cohorts[0].runs, teacher, Surroundings.silent())
        for candidate in cohort.candidates:
            assert candidate.diary is not None
            candidate.diary = candidate.diary if watched else None
        cohort.fit()
        return cohort.candidates

    with_diary, without = trained(watched=True), trained(watched=False)
    for one, other in zip(with_diary, without, strict=True):
        assert one.progress.epoch == other.progress.epoch < 60
        state = copy.deepcopy(other.model.state_dict())
        assert all(torch.equal(value, state[name]) for name, value in one.model.state_dict().items())
        place = checked.home.experiment("x").run(one.run.run_id)
        one.diary.write(place)
        kept = read_epoch_answers(place.epoch_answers)
        assert kept is not None and kept.epochs[-1] == one.progress.epoch, "the last, where patience ended it"


def test_only_classifications_are_watched(tmp_path: Path) -> None:
    checked = deep_check(find_preset("diabetes-regression").spec, home=Home(tmp_path))
    teacher = checked.network(checked.spec.teacher.architecture, seed=0)
    cohort = student_cohort(checked, checked.plan.cohorts[0].runs, teacher, Surroundings.silent())
    assert all(candidate.diary is None for candidate in cohort.candidates)
