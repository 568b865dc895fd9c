"""How hard each term of a loss pulls: the norm of its gradient, measured now and then on the batch in hand."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

# Going back once more costs about two thirds of a step; one of so many steps a term keeps it to some two percent.
STEPS_BETWEEN = 32


def is_measured(step: int, *, steps_per_epoch: int, terms: int) -> bool:
    """Whether the gradients of a step (counted from 0) are measured; a pure function, so that resuming changes nothing.

    Always the last step of an epoch: of the first epoch, and of each that brings another 32 steps a term to their end.
    Epochs of more steps than that are all measured. A single term has nothing to be compared with.
    """
    epoch, rest = divmod(step + 1, steps_per_epoch)
    if terms < 2 or rest:
        return False
    between = STEPS_BETWEEN * terms
    return epoch == 1 or (step + 1) // between > (step + 1 - steps_per_epoch) // between


def gradient_norms(
    raw: Sequence[Tensor], weights: Sequence[float], parameters: Sequence[nn.Parameter]
) -> Tensor:
    """|| d(weight * term) / d(parameters) ||, Euclidean, over all parameters together: float64 [terms].

    Chen et al. 2018 (GradNorm, https://arxiv.org/abs/1711.02257) compare such norms, of the last shared layer alone.
    The graph stays as it is for the usual way back, and no gradient is added to the parameters. A term of weight 0, or
    one that no parameter moves, has norm 0.
    """
    found = []
    for term, weight in zip(raw, weights, strict=True):
        if weight == 0 or not term.requires_grad:
            found.append(torch.zeros((), device=term.device))
            continue
        gradients = torch.autograd.grad(term, list(parameters), retain_graph=True, allow_unused=True)
        found.append(weight * get_total_norm([one for one in gradients if one is not None]).to(term.device))
    return torch.stack(found).double()
