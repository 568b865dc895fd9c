"""Each rule chooses the samples that its definition names, on cases small enough to do by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from distill_core.signature import NO_LABEL
from distill_core.training.coreset import choose


def line(*places: float) -> Tensor:
    """Logits [N,2] on a line: distances are those of the numbers."""
    return torch.tensor([[place, 0.0] for place in places])


def chosen(rule: str, size: int, logits: Tensor, labels: Tensor | None = None, *, seed: int = 0) -> list[int]:
    """Places of the chosen samples; indices are a hundred more."""
    count = len(logits)
    labels = torch.zeros(count, dtype=torch.long) if labels is None else labels
    found = choose(rule, size, indices=torch.arange(count) + 100, labels=labels, logits=logits, seed=seed)
    return [index - 100 for index in found.tolist()]


def test_herding_keeps_the_mean() -> None:
    # The mean is 4: 5 is nearest; then 5 and 1 (mean 3); then 5, 1 and 10 (5.3) rather than 5, 1 and 0 (2).
    logits = line(0, 10, 5, 1)
    assert [chosen("herding", size, logits) for size in (1, 2, 3, 4)] == [[2], [2, 3], [1, 2, 3], [0, 1, 2, 3]]


def test_herding_keeps_the_mean_of_each_class() -> None:
    logits = line(0, 4, 8, 100, 104, 120)
    labels = torch.tensor([0, 0, 0, 1, 1, 1])
    # Class 0 has its mean at 4, class 1 at 108, to which 104 is nearest.
    assert chosen("herding", 2, logits, labels) == [1, 4]


def test_k_centre_takes_the_farthest_next() -> None:
    logits = line(0, 1, 4, 9, 10)
    # From 4, nearest the mean 4.8: 10 is 6 away, then 0 is 4 away, then 1 and 9 are 1 away: the first of them.
    assert [chosen("k-centre", size, logits) for size in (1, 2, 3, 4)] == [[2], [2, 4], [0, 2, 4], [0, 1, 2, 4]]
    same = torch.ones(4, 2)
    assert chosen("k-centre", 4, same) == [0, 1, 2, 3], "samples that are all the same, each once"


def test_k_centre_halves_the_largest_gap_of_random_points() -> None:
    points = torch.randn(200, 5, generator=torch.Generator().manual_seed(0))

    def radius(places: list[int]) -> float:
        return torch.cdist(points, points[places]).amin(1).max().item()

    greedy = radius(chosen("k-centre", 20, points))
    random = [radius(chosen("random", 20, points, seed=seed)) for seed in range(10)]
    assert greedy < min(random)


def test_uncertain_takes_where_the_best_two_are_closest() -> None:
    logits = torch.tensor([[5.0, 0, 0], [1, 0.9, 0], [0, 3, 2.5], [2, 2, 2], [9, 0, 8]])
    margins = logits.softmax(1).topk(2, 1).values
    margins = margins[:, 0] - margins[:, 1]
    assert margins.argsort().tolist() == [3, 1, 2, 4, 0]
    assert [chosen("uncertain", size, logits) for size in (1, 2, 3)] == [[3], [1, 3], [1, 2, 3]]


@pytest.mark.parametrize("rule", ["random", "herding", "uncertain"])
def test_classes_give_as_many_each_as_far_as_they_have_them(rule: str) -> None:
    labels = torch.tensor([0] * 50 + [1] * 30 + [2] * 3)
    logits = torch.randn(83, 3, generator=torch.Generator().manual_seed(1))

    def counts(size: int) -> list[int]:
        return labels[chosen(rule, size, logits, labels)].bincount(minlength=3).tolist()

    assert counts(9) == [3, 3, 3]
    assert counts(23) == [10, 10, 3]
    assert counts(70) == [37, 30, 3]


@pytest.mark.parametrize("rule", ["random", "herding", "uncertain"])
def test_samples_without_a_label_count_as_one_class(rule: str) -> None:
    labels = torch.tensor([0] * 5 + [NO_LABEL] * 20)
    logits = torch.randn(25, 2, generator=torch.Generator().manual_seed(1))
    found = labels[chosen(rule, 8, logits, labels)]
    assert (found == 0).sum() == 4 and (found == NO_LABEL).sum() == 4


def test_random_depends_on_the_seed_alone() -> None:
    labels = torch.arange(60) % 3
    first, second = (chosen("random", 9, line(*range(60)), labels, seed=seed) for seed in (0, 1))
    assert first == chosen("random", 9, line(*range(60, 0, -1)), labels) and first != second
    assert first == sorted(set(first))
    tags = torch.zeros(10, 4, dtype=torch.long)
    found = choose("random", 4, indices=torch.arange(10), labels=tags, logits=None, seed=0)
    assert len(found.unique()) == 4


def test_too_many_or_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="expected at most 3"):
        chosen("herding", 4, line(1, 2, 3))
    with pytest.raises(ValueError, match="expected random, herding"):
        chosen("best", 2, line(1, 2, 3))
