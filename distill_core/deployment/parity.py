"""Compares an exported graph with the network it came from, over a whole test set; loads no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distill_core.deployment.session import open_session
from distill_core.signature import PADDING, Signature

# Of the largest answer, or of 1 if that is larger. Rounding stays below a tenth of it; a wrong graph is far above.
TOLERANCE = 1e-3
# Of a value in the data's own units: what adding a large mean to it may round away.
_ROUNDING = 8 * float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Parity:
    """`max_abs_diff` between answers (NaN if either side has one); `same_class` of `total` agree.

    Counted are samples; for tagging steps, without the padding of texts. Those whose two best classes are closer than
    the tolerance may change class though the parity holds. A regression's answers are compared in units of the
    standard deviation of its training labels, and agree when all values of a sample are within the tolerance.
    """

    max_abs_diff: float
    same_class: int
    total: int
    tolerance: float

    @property
    def holds(self) -> bool:
        return self.max_abs_diff <= self.tolerance


def as_inputs(
    stored: NDArray[np.generic], signature: Signature
) -> NDArray[np.float32] | NDArray[np.int64]:
    """Samples as they are stored -> what an exported graph takes: token ids int64, or raw numbers float32.

    uint8 stands for 0..1 in steps of 1/255.
    """
    if signature.kind == "text":
        return stored.astype(np.int64)
    raw = stored.astype(np.float32)
    return raw / np.float32(255) if stored.dtype == np.uint8 else raw


def in_own_units(
    answers: NDArray[np.floating], label_mean: Sequence[float], label_std: Sequence[float]
) -> NDArray[np.float64]:
    """A regression's standardised answers or labels [N,D] -> values in the data's units; without a mean as they are."""
    exact = answers.astype(np.float64)
    return exact * np.asarray(label_std) + np.asarray(label_mean) if len(label_mean) else exact


def onnx_logits(
    path: Path, inputs: NDArray[np.generic], *, signature: Signature, batch: int = 256, threads: int = 0
) -> NDArray[np.float32]:
    """What an exported graph answers to samples as they are stored [N,*shape]; 0 threads means all cores.

    Logits [N,K] or [N,L,K], of a regression values [N,D] in the data's own units.
    """
    session = open_session(path, threads=threads)
    feed = session.get_inputs()[0].name
    starts = range(0, max(len(inputs), 1), batch)
    parts = [session.run(None, {feed: as_inputs(inputs[start : start + batch], signature)})[0] for start in starts]
    return np.concatenate(parts)


def check_parity(
    path: Path,
    inputs: NDArray[np.generic],
    expected: NDArray[np.floating],
    *,
    signature: Signature,
    label_mean: Sequence[float] = (),
    label_std: Sequence[float] = (),
    batch: int = 256,
) -> Parity:
    """Run every sample as it is stored [N,*shape] and compare with the network's own answers: see `compare`.

    Raises ValueError unless there is one row of expected answers for each of at least one sample.
    """
    if not len(inputs) or len(inputs) != len(expected):
        raise ValueError(f"{len(inputs)} {signature.noun} and {len(expected)} rows of expected answers do not pair up")
    raw = onnx_logits(path, inputs, signature=signature, batch=batch)
    return compare(raw, inputs, expected, signature=signature, label_mean=label_mean, label_std=label_std)


def compare(
    raw: NDArray[np.floating],
    inputs: NDArray[np.generic],
    expected: NDArray[np.floating],
    *,
    signature: Signature,
    label_mean: Sequence[float] = (),
    label_std: Sequence[float] = (),
) -> Parity:
    """What a graph answered, `raw` as `onnx_logits` gives it, beside the network's own answers to the same samples.

    `expected`: logits [N,K] or [N,L,K]; of a regression standardised values [N,D] as the network gives them, with the
    `label_mean` and `label_std` that the graph was exported with. Raises ValueError for answers of another shape.
    """
    if raw.shape != expected.shape:
        raise ValueError(f"the graph answers {raw.shape}, expected {expected.shape}")
    answers, tolerance = raw.astype(np.float64), TOLERANCE * max(1.0, float(np.abs(expected).max()))
    if signature.task == "regression" and len(label_mean):
        mean, std = np.asarray(label_mean, dtype=np.float64), np.asarray(label_std, dtype=np.float64)
        answers = (answers - mean) / std
        tolerance += _ROUNDING * float((np.abs(mean) / std).max())
    difference = np.abs(answers - expected)
    if signature.task == "regression":
        same = (difference <= tolerance).all(axis=-1)
    else:
        # A NaN has no class: numpy's argmax would call two of them the same.
        valid = ~(np.isnan(answers).any(axis=-1) | np.isnan(expected).any(axis=-1))
        same = valid & (answers.argmax(axis=-1) == expected.argmax(axis=-1))
    if signature.task == "tagging" and signature.kind == "text":
        same = np.asarray(same)[inputs != PADDING]
    return Parity(
        max_abs_diff=float(difference.max()), same_class=int(same.sum()), total=int(same.size), tolerance=tolerance
    )
