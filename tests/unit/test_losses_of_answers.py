"""The losses of answers where labels are missing or mixed, and what the terms of logits do not see."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from distill_core.losses import cross_entropy, dist, dkd, squared_error, standardised_kd
from distill_core.losses.term import NO_LABEL

BATCH, CLASSES = 4, 5
plain_dkd = partial(dkd, target_weight=1.0, non_target_weight=2.0, temperature=3.0)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def logits() -> Tensor:
    return normal(BATCH, CLASSES).requires_grad_()


@pytest.fixture
def teacher_logits() -> Tensor:
    return 3 * normal(BATCH, CLASSES, seed=1)


LABELS = torch.tensor([1, 4, 0, 2])
PARTNERS = torch.tensor([2, 4, 3, 1])


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_samples_without_labels_do_not_count(smoothing: float, logits: Tensor) -> None:
    partly = LABELS.clone()
    partly[[0, 2]] = NO_LABEL
    found = cross_entropy(logits, partly, label_smoothing=smoothing)
    close(found, cross_entropy(logits[[1, 3]], LABELS[[1, 3]], label_smoothing=smoothing))
    found.backward()
    assert logits.grad is not None
    assert (logits.grad[[0, 2]] == 0).all()
    assert (logits.grad[[1, 3]] != 0).any()


def test_dkd_leaves_out_samples_without_labels(logits: Tensor, teacher_logits: Tensor) -> None:
    partly = LABELS.clone()
    partly[[0, 2]] = NO_LABEL
    close(plain_dkd(logits, teacher_logits, partly), plain_dkd(logits[[1, 3]], teacher_logits[[1, 3]], LABELS[[1, 3]]))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_batch_without_any_label_teaches_nothing(smoothing: float, logits: Tensor, teacher_logits: Tensor) -> None:
    none = torch.full((BATCH,), NO_LABEL)
    loss = cross_entropy(logits, none, label_smoothing=smoothing) + plain_dkd(logits, teacher_logits, none)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None and (logits.grad == 0).all()


SHARE = torch.tensor([1.0, 0.0, 0.25, 0.75], dtype=torch.float64)


def test_mixed_samples_learn_both_labels_by_their_share(logits: Tensor) -> None:
    own, partner = (F.cross_entropy(logits, labels, reduction="none") for labels in (LABELS, PARTNERS))
    expected = (SHARE * own + (1 - SHARE) * partner).mean()
    close(cross_entropy(logits, LABELS, partner_labels=PARTNERS, share=SHARE), expected)
    close(cross_entropy(logits, LABELS, partner_labels=PARTNERS, share=SHARE.float()), expected)


def test_dkd_of_mixed_samples_is_the_mean_over_both_labels(logits: Tensor, teacher_logits: Tensor) -> None:
    half = torch.full((BATCH,), 0.5, dtype=torch.float64)
    found = plain_dkd(logits, teacher_logits, LABELS, partner_labels=PARTNERS, share=half)
    close(found, sum(plain_dkd(logits, teacher_logits, labels) for labels in (LABELS, PARTNERS)) / 2)


def test_a_missing_part_of_a_mixed_sample_is_left_out(logits: Tensor) -> None:
    own, partner = LABELS.clone(), PARTNERS.clone()
    own[2], partner[3] = NO_LABEL, NO_LABEL
    first, second = (
        F.cross_entropy(logits, labels, reduction="none", ignore_index=NO_LABEL) for labels in (own, partner)
    )
    weighed = first[0] + second[1] + 0.75 * second[2] + 0.75 * first[3]
    close(cross_entropy(logits, own, partner_labels=partner, share=SHARE), weighed / 3.5)


def test_half_a_mixture_is_refused(logits: Tensor) -> None:
    with pytest.raises(ValueError, match="both partner_labels and share"):
        cross_entropy(logits, LABELS, share=SHARE)


def test_squared_error_counts_known_values_alone() -> None:
    predictions = torch.tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True)
    targets = torch.tensor([[0.0, math.nan], [1.0, 2.0]])
    loss = squared_error(predictions, targets)
    loss.backward()
    assert loss.item() == pytest.approx((1 + 4 + 9) / 3)
    assert predictions.grad is not None
    torch.testing.assert_close(predictions.grad, torch.tensor([[2 / 3, 0], [4 / 3, 2.0]]))


def test_squared_error_of_nothing_is_nothing() -> None:
    predictions = torch.ones(2, 1, requires_grad=True)
    loss = squared_error(predictions, torch.full((2, 1), math.nan))
    loss.backward()
    assert loss.item() == 0
    assert predictions.grad is not None and (predictions.grad == 0).all()


def test_mixed_values_pull_as_their_mixture_does() -> None:
    targets, partners = normal(BATCH, 2, seed=2), normal(BATCH, 2, seed=3)
    gradients = []
    for mixture in (True, False):
        predictions = normal(BATCH, 2).requires_grad_()
        if mixture:
            mixed = SHARE[:, None] * targets + (1 - SHARE[:, None]) * partners
            F.mse_loss(predictions, mixed).backward()
        else:
            squared_error(predictions, targets, partner_labels=partners, share=SHARE).backward()
        assert predictions.grad is not None
        gradients.append(predictions.grad)
    close(*gradients)


def test_two_standardised_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="three classes"):
        standardised_kd(normal(BATCH, 2), normal(BATCH, 2, seed=1), temperature=2.0)


def test_standardised_kd_sees_neither_size_nor_offset(logits: Tensor, teacher_logits: Tensor) -> None:
    first = standardised_kd(logits, teacher_logits, temperature=2.0)
    second = standardised_kd(5 * logits + 3, teacher_logits, temperature=2.0)
    torch.testing.assert_close(first, second, rtol=0, atol=1e-6)


def test_dist_is_nothing_for_probabilities_in_step(teacher_logits: Tensor) -> None:
    weights = {"inter_weight": 1.0, "intra_weight": 1.0, "temperature": 1.0}
    calm = teacher_logits / 3
    assert dist(calm, calm, **weights).item() == pytest.approx(0, abs=1e-6)
    assert dist(-calm, calm, **weights).item() > 1
