"""Chooses the few samples of a coreset by a stated rule: pure functions of labels and the teacher's logits."""

from __future__ import annotations

import torch
from torch import Tensor

from distill_core.signature import NO_LABEL
from distill_core.training.views import generator_for

_RANDOM = 4999


def choose(
    rule: str, size: int, *, indices: Tensor, labels: Tensor, logits: Tensor | None, seed: int
) -> Tensor:
    """`size` of the indices [N], ascending; see spec.Coreset for the rules.

    labels [N,...], classes or NO_LABEL; logits [N,K] of the teacher, which every rule but random needs. Where samples
    have classes, each class gives as many as the others, as far as it has them; k-centre alone looks at no class.
    Raises ValueError for a size above N or an unknown rule.
    """
    if size > len(indices):
        raise ValueError(f"size is {size}; expected at most {len(indices)}")
    if rule == "random" or logits is None:
        order = torch.randperm(len(indices), generator=generator_for(seed, _RANDOM))
    elif rule == "herding":
        order = torch.cat([members[_herding(logits[members].double(), size)] for members in _classes(labels)])
    elif rule == "k-centre":
        order = _k_centre(logits.double(), size)
    elif rule == "uncertain":
        order = _uncertain(logits.double())
    else:
        raise ValueError(f"rule is {rule!r}; expected random, herding, k-centre or uncertain")
    if rule == "k-centre" or labels.dim() > 1 or labels.is_floating_point():
        return indices[order[:size]].sort().values
    return indices[_evenly(order, labels, size)].sort().values


def _classes(labels: Tensor) -> list[Tensor]:
    return [torch.nonzero(labels == label).flatten() for label in labels.unique().tolist()]


def _evenly(order: Tensor, labels: Tensor, size: int) -> Tensor:
    """The first `size` of an order, one of each class in turn; samples without a label are a class of their own."""
    groups = [order[labels[order] == label] for label in labels.unique().tolist() if label != NO_LABEL]
    groups += [order[labels[order] == NO_LABEL]]
    chosen: list[int] = []
    turn = 0
    while len(chosen) < size:
        chosen += [int(members[turn]) for members in groups if turn < len(members)]
        turn += 1
    return torch.tensor(chosen[:size])


def _herding(features: Tensor, most: int) -> Tensor:
    """Up to so many samples, each next one the one that keeps the mean of those chosen closest to the mean of all.

    Welling 2009, https://dl.acm.org/doi/10.1145/1553374.1553517, on the teacher's logits.
    """
    mean = features.mean(0)
    left = torch.ones(len(features), dtype=torch.bool)
    total, order = torch.zeros_like(mean), []
    for count in range(1, min(most, len(features)) + 1):
        distance = ((total + features) / count - mean).square().sum(1)
        distance[~left] = torch.inf
        chosen = int(distance.argmin())
        left[chosen] = False
        total += features[chosen]
        order.append(chosen)
    return torch.tensor(order)


def _k_centre(features: Tensor, size: int) -> Tensor:
    """Greedy k-centre from the sample nearest the mean (Sener and Savarese 2018, https://arxiv.org/abs/1708.00489)."""
    first = int((features - features.mean(0)).square().sum(1).argmin())
    order = [first]
    nearest = (features - features[first]).square().sum(1)
    # Below every distance: of samples that are all the same, each is still chosen once only.
    nearest[first] = -1.0
    while len(order) < size:
        chosen = int(nearest.argmax())
        order.append(chosen)
        nearest = torch.minimum(nearest, (features - features[chosen]).square().sum(1))
        nearest[order] = -1.0
    return torch.tensor(order)


def _uncertain(logits: Tensor) -> Tensor:
    """By the margin between the two most probable classes, smallest first (Scheffer, Decomain and Wrobel 2001)."""
    best = logits.softmax(1).topk(2, dim=1).values
    return (best[:, 0] - best[:, 1]).argsort(stable=True)
