"""The losses against values of published implementations, and the identities their formulas imply."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from distill_core.losses import (
    REGISTRY,
    attention_transfer,
    cross_entropy,
    dist,
    dkd,
    hint,
    kd,
    label_smoothing,
    mse_logits,
    relational_angle,
    relational_distance,
    soft_cross_entropy,
    standardised_kd,
)
from distill_core.losses.reference import REFERENCE_FILE
from distill_core.losses.term import StepTensors, TapShapes

REFERENCE = json.loads(REFERENCE_FILE.read_text(encoding="utf-8"))
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


def wave(*shape: int, speed: float, start: float) -> torch.Tensor:
    """sin(speed*n + start), n running over the tensor in C order."""
    steps = torch.arange(math.prod(shape), dtype=torch.float64)
    return torch.sin(speed * steps + start).reshape(shape)


@pytest.fixture
def student_map() -> torch.Tensor:
    return wave(BATCH, 8, 4, 4, speed=0.37, start=0.1)


@pytest.fixture
def teacher_map() -> torch.Tensor:
    return wave(BATCH, 8, 4, 4, speed=0.53, start=0.9)


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
        total = total + weight * entry.build(entry.resolve(given), None)(step)
    assert total.item() == pytest.approx(expected, abs=TOLERANCE)


def test_soft_cross_entropy_is_kd_and_the_teachers_entropy(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor
) -> None:
    ((params, expected),) = values("soft_cross_entropy (T^2 inside)")
    found = soft_cross_entropy(student_logits, teacher_logits, **params).item()
    assert found == pytest.approx(expected, abs=TOLERANCE)
    temperature = params["temperature"]
    soft = F.softmax(teacher_logits / temperature, dim=1)
    entropy = -(soft * soft.log()).sum(dim=1).mean().item() * temperature**2
    assert found == pytest.approx(kd(student_logits, teacher_logits, **params).item() + entropy, abs=1e-12)


def test_hint_without_regressor(student_map: torch.Tensor, teacher_map: torch.Tensor) -> None:
    ((_, expected),) = values("hint without regressor (mean)")
    assert hint(student_map, teacher_map).item() == pytest.approx(expected, abs=TOLERANCE)


def test_attention_transfer(student_map: torch.Tensor, teacher_map: torch.Tensor) -> None:
    ((_, expected),) = values("attention_transfer, equal sizes (mean, p=2)")
    assert attention_transfer(student_map, teacher_map).item() == pytest.approx(expected, abs=TOLERANCE)


def test_attention_transfer_pools_the_larger_map(student_map: torch.Tensor) -> None:
    ((_, expected),) = values("attention_transfer, teacher_map_large (larger map average-pooled)")
    large = wave(BATCH, 8, 8, 8, speed=0.53, start=0.9)
    assert attention_transfer(student_map, large).item() == pytest.approx(expected, abs=TOLERANCE)
    assert attention_transfer(large, student_map).item() == pytest.approx(expected, abs=TOLERANCE)


def test_relations_of_samples(student_map: torch.Tensor, teacher_map: torch.Tensor) -> None:
    student, teacher = student_map.mean(dim=(2, 3)), teacher_map.mean(dim=(2, 3))
    distance, angle = relational_distance(student, teacher).item(), relational_angle(student, teacher).item()
    for name, found in (
        ("relational distance", distance),
        ("relational angle", angle),
        ("25*distance + 50*angle", 25 * distance + 50 * angle),
    ):
        ((_, expected),) = values(name)
        assert found == pytest.approx(expected, abs=TOLERANCE), name


@pytest.mark.parametrize("name", ["relational-distance", "relational-angle"])
def test_relational_entries_read_the_mean_of_a_map(
    name: str, student_map: torch.Tensor, teacher_map: torch.Tensor
) -> None:
    ((_, expected),) = values(name.replace("-", " "))
    nothing = torch.zeros(BATCH, 1, dtype=torch.float64)
    step = StepTensors(nothing, nothing, nothing, student_tap=student_map, teacher_tap=teacher_map)
    term = REGISTRY[name].build(REGISTRY[name].resolve({}), TapShapes((8, 4, 4), (8, 4, 4)))
    assert term(step).item() == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize(("part", "weights"), [("target", (1, 0)), ("non-target", (0, 1))])
def test_parts_of_dkd(
    part: str, weights: tuple[int, int], student_logits: torch.Tensor, teacher_logits: torch.Tensor,
    labels: torch.Tensor,
) -> None:
    ((params, expected),) = values(f"dkd {part} part")
    target, non_target = weights
    found = dkd(
        student_logits, teacher_logits, labels, target_weight=target, non_target_weight=non_target, **params
    )
    assert found.item() == pytest.approx(expected, abs=TOLERANCE)


def test_dkd(student_logits: torch.Tensor, teacher_logits: torch.Tensor, labels: torch.Tensor) -> None:
    ((params, expected),) = values("dkd")
    found = dkd(
        student_logits, teacher_logits, labels, target_weight=params["alpha"], non_target_weight=params["beta"],
        temperature=params["temperature"],
    )
    assert found.item() == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0])
def test_kd_is_the_parts_of_dkd_each_sample_weighted_by_the_teachers_doubt(
    temperature: float, student_logits: torch.Tensor, teacher_logits: torch.Tensor, labels: torch.Tensor
) -> None:
    for row in range(BATCH):
        student, teacher, label = (values[row : row + 1] for values in (student_logits, teacher_logits, labels))
        sure = F.softmax(teacher / temperature, dim=1)[0, label].item()
        whole = dkd(
            student, teacher, label, target_weight=1, non_target_weight=1 - sure, temperature=temperature
        )
        expected = kd(student, teacher, temperature=temperature)
        torch.testing.assert_close(whole, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("params", "expected"), values("dist"))
def test_dist(
    params: dict[str, float], expected: float, student_logits: torch.Tensor, teacher_logits: torch.Tensor
) -> None:
    found = dist(
        student_logits, teacher_logits, inter_weight=params.get("beta", 1), intra_weight=params.get("gamma", 1),
        temperature=params["tau"],
    )
    assert found.item() == pytest.approx(expected, abs=TOLERANCE)


def test_standardised_kd(student_logits: torch.Tensor, teacher_logits: torch.Tensor, labels: torch.Tensor) -> None:
    ((params, expected),) = values("kd on standardised logits: 0.1*cross_entropy + 0.9*kd")
    soft = standardised_kd(student_logits, teacher_logits, **params)
    found = 0.1 * cross_entropy(student_logits, labels) + 0.9 * soft
    assert found.item() == pytest.approx(expected, abs=TOLERANCE)


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
    found = label_smoothing(student_logits, labels, smoothing=smoothing)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


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
