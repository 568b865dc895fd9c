"""The losses against values of published implementations, and the identities their formulas imply."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from distill_core.losses import REGISTRY, cross_entropy, kd, mse_logits
from distill_core.losses.term import NO_LABEL, StepTensors

REFERENCE = json.loads((Path(__file__).parent / "reference_losses.json").read_text(encoding="utf-8"))
BATCH, CLASSES = REFERENCE["inputs"]["B"], REFERENCE["inputs"]["K"]
TOLERANCE = 1e-8


@pytest.fixture
def student_logits() -> torch.Tensor:
    rows = [[2 * math.sin(0.7 * i + 1.3 * j) for j in range(CLASSES)] for i in range(BATCH)]
    return torch.tensor(rows, dtype=torch.float64, requires_grad=True)


@pytest.fixture
def teacher_logits() -> torch.Tensor:
    rows = [[3 * math.cos(0.5 * i + 0.9 * j) for j in range(CLASSES)] for i in range(BATCH)]
    return torch.tensor(rows, dtype=torch.float64)


@pytest.fixture
def labels() -> torch.Tensor:
    return torch.tensor(REFERENCE["inputs"]["labels"])


def values(loss: str) -> list[Any]:
    """The reference values of one loss, as (parameters, value)."""
    found = [(item.get("params", {}), item["value"]) for item in REFERENCE["values"] if item["loss"] == loss]
    assert found, f"no reference value for {loss}"
    return found


def test_cross_entropy(student_logits: torch.Tensor, labels: torch.Tensor) -> None:
    ((_, expected),) = values("cross_entropy")
    assert cross_entropy(student_logits, labels).item() == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize(("params", "expected"), values("kd"))
def test_kd(
    params: dict[str, float], expected: float, student_logits: torch.Tensor, teacher_logits: torch.Tensor
) -> None:
    assert kd(student_logits, teacher_logits, **params).item() == pytest.approx(expected, abs=TOLERANCE)


def test_mse_logits(student_logits: torch.Tensor, teacher_logits: torch.Tensor) -> None:
    ((_, expected),) = values("mse_logits (mean over B*K)")
    assert mse_logits(student_logits, teacher_logits).item() == pytest.approx(expected, abs=TOLERANCE)


def test_labels_and_teacher_together(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor, labels: torch.Tensor
) -> None:
    ((params, expected),) = values("0.1*cross_entropy + 0.9*kd")
    step = StepTensors(student_logits=student_logits, teacher_logits=teacher_logits, labels=labels)
    total = torch.zeros((), dtype=torch.float64)
    for name, weight, given in (("cross-entropy", 0.1, {}), ("kd", 0.9, params)):
        entry = REGISTRY[name]
        total = total + weight * entry.build(entry.resolve(given))(step)
    assert total.item() == pytest.approx(expected, abs=TOLERANCE)


def test_soft_cross_entropy_differs_from_kd_by_the_teachers_entropy_alone(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor
) -> None:
    ((params, expected),) = values("soft_cross_entropy (T^2 inside)")
    temperature = params["temperature"]
    soft = F.softmax(teacher_logits / temperature, dim=1)
    entropy = -(soft * soft.log()).sum(dim=1).mean() * temperature**2
    total = kd(student_logits, teacher_logits, temperature=temperature) + entropy
    assert total.item() == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0, 20.0])
def test_gradient_of_kd_is_the_difference_of_probabilities(
    temperature: float, student_logits: torch.Tensor, teacher_logits: torch.Tensor
) -> None:
    kd(student_logits, teacher_logits, temperature=temperature).backward()
    student, teacher = (F.softmax(z.detach() / temperature, dim=1) for z in (student_logits, teacher_logits))
    torch.testing.assert_close(student_logits.grad, temperature * (student - teacher) / BATCH, rtol=0, atol=1e-12)


def test_kd_tends_to_centred_least_squares_as_the_temperature_grows(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor
) -> None:
    difference = (student_logits - teacher_logits).detach()
    centred = difference - difference.mean(dim=1, keepdim=True)
    limit = (centred**2).sum(dim=1).mean().item() / (2 * CLASSES)
    assert limit == pytest.approx(1.8838145446, abs=TOLERANCE)
    distances = [
        abs(kd(student_logits, teacher_logits, temperature=t).item() - limit) for t in (10.0, 100.0, 1000.0, 10000.0)
    ]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 1e-4


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_label_smoothing_is_torchs(smoothing: float, student_logits: torch.Tensor, labels: torch.Tensor) -> None:
    expected = F.cross_entropy(student_logits, labels, label_smoothing=smoothing)
    found = cross_entropy(student_logits, labels, label_smoothing=smoothing)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_samples_without_labels_do_not_count(
    smoothing: float, student_logits: torch.Tensor, labels: torch.Tensor
) -> None:
    partly = labels.clone()
    partly[[0, 2]] = NO_LABEL
    found = cross_entropy(student_logits, partly, label_smoothing=smoothing)
    expected = cross_entropy(student_logits[[1, 3]], labels[[1, 3]], label_smoothing=smoothing)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    found.backward()
    assert student_logits.grad is not None
    assert (student_logits.grad[[0, 2]] == 0).all()
    assert (student_logits.grad[[1, 3]] != 0).any()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_batch_without_any_label_teaches_nothing(smoothing: float, student_logits: torch.Tensor) -> None:
    loss = cross_entropy(student_logits, torch.full((BATCH,), NO_LABEL), label_smoothing=smoothing)
    loss.backward()
    assert loss.item() == 0
    assert student_logits.grad is not None
    assert (student_logits.grad == 0).all()


@pytest.mark.parametrize("loss", [lambda s, t: kd(s, t, temperature=4.0), mse_logits])
def test_the_teacher_receives_no_gradient(
    loss: Any, student_logits: torch.Tensor, teacher_logits: torch.Tensor
) -> None:
    teacher_logits.requires_grad_(True)
    loss(student_logits, teacher_logits).backward()
    assert teacher_logits.grad is None
    assert student_logits.grad is not None


def test_a_perfect_student_has_nothing_to_learn_from_its_teacher(teacher_logits: torch.Tensor) -> None:
    assert kd(teacher_logits, teacher_logits, temperature=4.0).item() == pytest.approx(0, abs=1e-12)
    # Softmax does not see a constant; squared error does.
    assert kd(teacher_logits + 5, teacher_logits, temperature=4.0).item() == pytest.approx(0, abs=1e-12)
    assert mse_logits(teacher_logits + 5, teacher_logits).item() == pytest.approx(25)
