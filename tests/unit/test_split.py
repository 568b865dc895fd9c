"""Who may see which sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from distill_core.datasets import REGISTRY
from distill_core.datasets.samples import Samples
from distill_core.errors import DataError, SpecError
from distill_core.losses.term import NO_LABEL
from distill_core.spec import Choice, Data
from distill_core.training.split import split_data, transfer_set


@pytest.fixture(scope="module")
def digits() -> Samples:
    entry, params = REGISTRY.resolve(Choice(name="digits"))
    return entry.load(params, Path())


def asked(**changes: object) -> Data:
    return Data(dataset=Choice(name="digits"), **changes)


def counts(labels: torch.Tensor) -> list[int]:
    return np.bincount(labels.numpy(), minlength=10).tolist()


def test_digits_are_split_by_writer(digits: Samples) -> None:
    assert (len(digits.train_labels), len(digits.test_labels)) == (1157, 640)


def test_validation_is_stratified_and_nobody_learns_from_it(digits: Samples) -> None:
    split = split_data(digits, asked(validation_fraction=0.1, student_labels=100))
    share = np.array(counts(digits.train_labels[split.validation])) / np.array(counts(digits.train_labels))
    assert np.allclose(share, 0.1, atol=0.01)
    learned = set(split.teacher.tolist())
    for seed in range(5):
        for kind in ("labelled", "all"):
            learned |= set(
                transfer_set(digits, split, asked(student_labels=100), seed=seed, kind=kind).indices.tolist()
            )
    assert not learned & set(split.validation.tolist())


def test_students_know_a_balanced_subset_of_the_teachers_labels_that_changes_with_the_seed(digits: Samples) -> None:
    spec = asked(student_labels=100, teacher_labels=500)
    split = split_data(digits, spec)
    sets = [transfer_set(digits, split, spec, seed=seed, kind="labelled") for seed in (0, 0, 1)]
    assert counts(sets[0].labels) == [10] * 10
    assert set(sets[0].indices.tolist()) <= set(split.teacher.tolist())
    assert torch.equal(sets[0].indices, sets[1].indices)
    assert not torch.equal(sets[0].indices, sets[2].indices)


def test_unlabelled_samples_hide_their_labels(digits: Samples) -> None:
    spec = asked(teacher_labels=200)
    split = split_data(digits, spec)
    transfer = transfer_set(digits, split, spec, seed=3, kind="all")
    shown = transfer.labels != NO_LABEL
    assert (int(shown.sum()), len(transfer.indices)) == (200, len(split.learn))
    assert torch.equal(transfer.labels[shown], digits.train_labels[transfer.indices[shown]])


def test_no_student_sees_a_withheld_class_not_even_in_validation(digits: Samples) -> None:
    spec = asked(withheld_classes=("3",))
    split = split_data(digits, spec)
    seen = [transfer_set(digits, split, spec, seed=0, kind=kind).indices for kind in ("labelled", "all")]
    for indices in (*seen, split.student_validation):
        assert counts(digits.train_labels[indices])[3] == 0
    assert counts(digits.train_labels[split.teacher])[3] > 90, "the teacher knows it"


def few(labels: list[int], names: tuple[str, ...] = ("a", "b", "c")) -> Samples:
    images = torch.zeros(len(labels), 1, 4, 4, dtype=torch.uint8)
    return Samples(
        train_inputs=images,
        train_labels=torch.tensor(labels),
        test_inputs=images,
        test_labels=torch.tensor(labels),
        class_names=names,
        mean=(0.0,),
        std=(1.0,),
    )


@pytest.mark.parametrize(
    ("labels", "spec", "sentence"),
    [
        ([0, 0, 0], {}, "1 class"),
        ([0, 0, 1], {}, "'b' has 1 training image"),
        ([0, 0, 1, 1], {"withheld_classes": ("z",)}, "data.withheld_classes is 'z'; allowed: a, b, c"),
        ([0, 0, 1, 1, 2, 2], {"withheld_classes": ("a", "b")}, "at most 1 of 3 classes"),
        ([0, 0, 0, 1, 1, 1], {"teacher_labels": 90}, "data.teacher_labels is 90; allowed: 2 to 4"),
        ([0, 0, 0, 1, 1, 1, 2, 2], {"student_labels": 2}, "data.student_labels is 2; allowed: 3 to 5"),
    ],
)
def test_what_cannot_be_split_is_one_sentence(labels: list[int], spec: dict, sentence: str) -> None:
    data, wanted = few(labels), asked(**spec)
    with pytest.raises((DataError, SpecError), match=r".+") as caught:
        transfer_set(data, split_data(data, wanted), wanted, seed=0, kind="labelled")
    assert sentence in str(caught.value)
