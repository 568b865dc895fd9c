"""From the steps of a tagging to samples: each counted step is one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from distill_core.evaluation.probabilities import Labels, Logits

NOT_COUNTED = -100
"""The label of a step that has none, such as padding; losses.term calls it NO_LABEL."""


def counted_steps(logits: ArrayLike, labels: ArrayLike) -> tuple[Logits, Labels]:
    """Logits [M,K] and labels [M] of the M steps that count. Shapes: logits [N,L,K], labels int [N,L].

    Raises ValueError if they do not fit, or if no step counts.
    """
    steps, classes = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if steps.ndim != 3 or classes.shape != steps.shape[:2]:
        raise ValueError(
            f"logits have shape {steps.shape} and labels {classes.shape}; expected [N,L,K] and [N,L], one label a step"
        )
    counted = classes != NOT_COUNTED
    if not counted.any():
        raise ValueError("no step has a label; expected at least one that counts")
    return steps[counted], classes[counted]
