"""The losses of inner layers and weights: what they see and do not see, dead layers, other sizes, no match."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from distill_core.losses import (
    REGISTRY,
    attention_transfer,
    correlation,
    parameter_distance,
    relational_angle,
    relational_distance,
    similarity_preserving,
    vid,
)
from distill_core.losses.taps import embedding, pooled_alike, regressor
from distill_core.losses.term import StepTensors, TapShapes

BATCH = 4
Relation = Callable[[Tensor, Tensor], Tensor]
RELATIONS: list[Relation] = [relational_distance, relational_angle, similarity_preserving, correlation]
every_relation = pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: relation.__name__)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@every_relation
def test_relations_survive_rotation_and_scale_and_see_disorder(relation: Relation) -> None:
    embeddings = normal(8, 3)
    turned = 7 * embeddings @ torch.linalg.qr(normal(5, 3, seed=1))[0].t()
    assert turned.shape == (8, 5)
    assert relation(turned, embeddings).item() == pytest.approx(0, abs=1e-12)
    assert relation(turned.flip(0), embeddings).item() > 1e-3


@every_relation
@pytest.mark.parametrize("dead", [slice(0, 8), slice(0, 1), slice(2, 5)], ids=["all", "one", "some"])
def test_gradients_of_dead_layers_stay_small(relation: Relation, dead: slice) -> None:
    embeddings = normal(8, 6).float()
    embeddings[dead] = 0
    embeddings.requires_grad_()
    loss = relation(embeddings, normal(8, 4, seed=1).float())
    loss.backward()
    assert torch.isfinite(loss)
    assert embeddings.grad is not None
    assert embeddings.grad.abs().max() < 100


def test_samples_that_differ_by_rounding_have_no_direction() -> None:
    embeddings = normal(8, 6).float()
    embeddings[1] = embeddings[0] + 1e-7
    embeddings.requires_grad_()
    relational_angle(embeddings, normal(8, 4, seed=1).float()).backward()
    assert embeddings.grad is not None
    assert embeddings.grad.abs().max() < 1


@every_relation
def test_a_batch_of_one_has_no_relations(relation: Relation) -> None:
    embeddings = normal(1, 3).requires_grad_()
    loss = relation(embeddings, normal(1, 4, seed=1))
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-15)


def test_correlation_nears_the_gaussian_kernel() -> None:
    student, teacher = (F.normalize(normal(6, 3, seed=seed), dim=1) for seed in (0, 1))
    kernels = [torch.exp(-0.4 * torch.cdist(points, points) ** 2) for points in (student, teacher)]
    exact = (kernels[0] - kernels[1]).square().mean().item()
    assert correlation(student, teacher, gamma=0.4, order=10).item() == pytest.approx(exact, abs=1e-8)
    grams = (student @ student.t(), teacher @ teacher.t())
    second = [math.exp(-0.8) * (1 + 0.8 * gram + 0.32 * gram**2) for gram in grams]
    close(correlation(3 * student, teacher), (second[0] - second[1]).square().mean())


def test_similarity_preserving_is_the_formula() -> None:
    student, teacher = normal(BATCH, 3, 2, 2), normal(BATCH, 5, 3, 3, seed=1)
    grams = [F.normalize(tap.flatten(1) @ tap.flatten(1).t(), dim=1) for tap in (student, teacher)]
    close(similarity_preserving(student, teacher), torch.dist(*grams) ** 2 / BATCH**2)


def test_attention_is_the_same_whatever_the_channels_and_the_scale() -> None:
    tap = normal(BATCH, 3, 4, 4)
    wide = torch.cat([3 * tap, 3 * tap], dim=1)
    assert attention_transfer(tap, wide).item() == pytest.approx(0, abs=1e-20)
    assert attention_transfer(tap, wide.flip(2)).item() > 1e-4


def test_attention_over_steps_is_that_over_a_map_one_row_high() -> None:
    student, teacher = normal(BATCH, 3, 1, 8), normal(BATCH, 5, 1, 6, seed=1)
    steps = [tap.squeeze(2).transpose(1, 2) for tap in (student, teacher)]
    close(attention_transfer(*steps), attention_transfer(student, teacher))


def test_vid_is_a_normal_density() -> None:
    student, teacher, variance = normal(BATCH, 3, 2, 2), normal(BATCH, 3, 2, 2, seed=1), torch.tensor([0.5, 1, 4.0])
    density = torch.distributions.Normal(student, variance.double().sqrt()[:, None, None])
    expected = -density.log_prob(teacher).mean() - math.log(2 * math.pi) / 2
    close(vid(student, teacher, variance=variance.double()), expected)


def test_the_learned_variance_of_vid_never_reaches_zero() -> None:
    shapes = TapShapes(student=(3,), teacher=(3,))
    term = REGISTRY["vid"].build(REGISTRY["vid"].resolve({"variance": 2.0}), shapes)
    step = StepTensors(normal(2, 2), None, torch.zeros(2), student_tap=torch.ones(2, 3), teacher_tap=torch.zeros(2, 3))
    with torch.no_grad():
        for parameter in term.regressor.parameters():
            parameter.zero_()
        assert term(step).item() == pytest.approx(math.log(2) / 2)
        term.raw_variance.fill_(-1000)
        assert term(step).item() == pytest.approx(math.log(1e-5) / 2)


def test_parameter_distance_is_the_formula() -> None:
    student = {"a.weight": torch.tensor([1.0, 2.0]), "head.weight": torch.tensor([3.0]), "new": torch.tensor([2.0])}
    teacher = {"a.weight": torch.tensor([0.0, 4.0]), "head.weight": torch.tensor([3.0, 1.0]), "steps": torch.tensor(7)}
    assert parameter_distance(student, teacher, l2=0.1).item() == pytest.approx((1 + 4) / 2 + 0.1 / 2 * (9 + 4))
    assert parameter_distance(student, teacher, l2=0.0).item() == pytest.approx(2.5)
    assert parameter_distance(teacher, teacher).item() == 0


def test_parameter_distance_of_strangers_is_refused() -> None:
    with pytest.raises(ValueError, match="no weight of the student"):
        parameter_distance({"a": torch.ones(2)}, {"a": torch.ones(3), "b": torch.ones(2)})


@pytest.mark.parametrize(
    ("student", "teacher", "pooled"),
    [
        ((2, 8, 8), (3, 4, 4), ((2, 4, 4), (3, 4, 4))),
        ((2, 4, 8), (3, 8, 4), ((2, 4, 4), (3, 4, 4))),
        ((7, 2), (5, 3), ((5, 2), (5, 3))),
        ((2,), (3,), ((2,), (3,))),
    ],
)
def test_the_larger_tap_is_pooled(
    student: tuple[int, ...], teacher: tuple[int, ...], pooled: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    found = pooled_alike(normal(BATCH, *student), normal(BATCH, *teacher))
    assert tuple(tuple(tap.shape[1:]) for tap in found) == pooled


def test_pooling_is_the_mean_of_what_lies_there() -> None:
    large = normal(1, 1, 4, 4)
    close(pooled_alike(large, normal(1, 1, 2, 2))[0][0, 0, 1, 0], large[0, 0, 2:, :2].mean())
    steps = normal(1, 6, 2)
    close(pooled_alike(steps, normal(1, 3, 2))[0][0, 1], steps[0, 2:4].mean(dim=0))


def test_embeddings_are_means_over_places() -> None:
    tap = normal(2, 3, 4, 5)
    close(embedding(tap)[1, 2], tap[1, 2].mean())
    close(embedding(tap[0])[1, 2], tap[0, 1, :, 2].mean())
    close(embedding(tap[0, 0]), tap[0, 0])


@pytest.mark.parametrize("hidden", [0, 6])
@pytest.mark.parametrize(("shape", "wanted"), [((2, 4, 4), (5, 4, 4)), ((7, 2), (7, 5)), ((2,), (5,))])
def test_a_regressor_changes_channels_alone(shape: tuple[int, ...], wanted: tuple[int, ...], hidden: int) -> None:
    layers = regressor(shape, 5, hidden=hidden)
    assert tuple(layers(torch.zeros(BATCH, *shape)).shape[1:]) == wanted
