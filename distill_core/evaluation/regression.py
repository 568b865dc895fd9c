"""How close a regression's answers come to the true values."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distill_core.evaluation.probabilities import Logits


def r2(answers: ArrayLike, labels: ArrayLike) -> float:
    """Coefficient of determination, 1 - SSE/SST of each output, mean over the outputs; 1 is perfect.

    0 is as good as always answering the mean of these labels, and worse than that is negative, without limit. An
    output whose labels do not vary says nothing and is left out; NaN if none varies or an answer is NaN.
    Shapes: both float [N,D]; a label that is NaN does not count. Raises ValueError if they do not fit.
    """
    predicted, true, counted = _as_pair(answers, labels)
    scores = []
    for output in range(true.shape[1]):
        rows = counted[:, output]
        values, errors = true[rows, output], predicted[rows, output] - true[rows, output]
        spread = ((values - values.mean()) ** 2).sum() if rows.any() else 0.0
        if spread > 0:
            scores.append(1 - (errors**2).sum() / spread)
    return float(np.mean(scores)) if scores else float("nan")


def mse(answers: ArrayLike, labels: ArrayLike) -> float:
    """Mean squared error over all labels that count, in the labels' own unit squared.

    Labels are standardised, so the unit is the variance of the training targets. Shapes: as for `r2`.
    """
    predicted, true, counted = _as_pair(answers, labels)
    return float(((predicted - true)[counted] ** 2).mean()) if counted.any() else float("nan")


def _as_pair(answers: ArrayLike, labels: ArrayLike) -> tuple[Logits, Logits, NDArray[np.bool_]]:
    predicted, true = np.asarray(answers, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if predicted.ndim != 2 or 0 in predicted.shape:
        raise ValueError(f"answers have shape {predicted.shape}; expected [N,D] with at least one sample and one value")
    if true.shape != predicted.shape:
        raise ValueError(f"labels have shape {true.shape}, answers {predicted.shape}; expected the same")
    return predicted, true, ~np.isnan(true)
