"""Makes the taps of two networks comparable: which pairs fit, equal sizes, embeddings, learned regressors."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from distill_core.losses.term import TapShapes

_KINDS = {3: "a map", 2: "a sequence of steps", 1: "a vector"}


def paired(shapes: TapShapes | None, *, least: int = 1) -> TapShapes:
    """The shapes of a term that compares taps of the same kind, of at least so many dimensions.

    Raises ValueError, in one sentence, if there are none or if they cannot be compared.
    """
    found = known(shapes)
    if len(found.student) != len(found.teacher):
        raise ValueError(
            f"the student's layer gives {_told(found.student)} and the teacher's {_told(found.teacher)}; "
            "choose two layers of the same kind"
        )
    if len(found.student) < least:
        raise ValueError(f"both layers give {_told(found.student)}; choose layers that give maps or steps")
    return found


def known(shapes: TapShapes | None) -> TapShapes:
    """The shapes of a term that needs them. Raises ValueError, in one sentence, if they are no taps at all."""
    if shapes is None:
        raise ValueError("this term reads a layer of each network; choose both")
    for whose, shape in (("student", shapes.student), ("teacher", shapes.teacher)):
        if len(shape) not in _KINDS:
            raise ValueError(f"the {whose}'s layer gives {_told(shape)}; choose one of maps, steps or vectors")
    return shapes


def _told(shape: tuple[int, ...]) -> str:
    sizes = "×".join(str(size) for size in shape)
    return f"{_KINDS.get(len(shape), f'{len(shape)} dimensions')} ({sizes})" if shape else "a single number"


def channels(shape: tuple[int, ...]) -> int:
    """Of one sample's tap: C of (C,H,W), D of (L,D) and (D,)."""
    return shape[0] if len(shape) == 3 else shape[-1]


def pooled_alike(student_tap: Tensor, teacher_tap: Tensor) -> tuple[Tensor, Tensor]:
    """Both with the smaller H and W, or the smaller L, the larger one average-pooled.

    Shapes: two of [B,C,H,W], two of [B,L,D] or two of [B,D], with any C and D.
    """
    if student_tap.dim() == 4:
        size = (min(student_tap.shape[2], teacher_tap.shape[2]), min(student_tap.shape[3], teacher_tap.shape[3]))
        return _pooled_map(student_tap, size), _pooled_map(teacher_tap, size)
    if student_tap.dim() == 3:
        steps = min(student_tap.shape[1], teacher_tap.shape[1])
        return _pooled_steps(student_tap, steps), _pooled_steps(teacher_tap, steps)
    return student_tap, teacher_tap


def _pooled_map(tap: Tensor, size: tuple[int, int]) -> Tensor:
    return tap if tuple(tap.shape[2:]) == size else F.adaptive_avg_pool2d(tap, size)


def _pooled_steps(tap: Tensor, steps: int) -> Tensor:
    return tap if tap.shape[1] == steps else F.adaptive_avg_pool1d(tap.transpose(1, 2), steps).transpose(1, 2)


def embedding(tap: Tensor) -> Tensor:
    """[B,D]: the mean over H and W of a map [B,C,H,W], over the steps of [B,L,D]; [B,D] as it is."""
    if tap.dim() == 4:
        return tap.mean(dim=(2, 3))
    return tap.mean(dim=1) if tap.dim() == 3 else tap


def regressor(shape: tuple[int, ...], outputs: int, *, hidden: int = 0) -> nn.Module:
    """A layer that gives a batch of taps of this shape `outputs` channels, the same for every position.

    A 1x1 convolution for maps, a linear layer for steps and vectors; with `hidden` channels, three of them with ReLU.
    """

    def layer(given: int, wanted: int) -> nn.Module:
        return nn.Conv2d(given, wanted, kernel_size=1) if len(shape) == 3 else nn.Linear(given, wanted)

    if not hidden:
        return layer(channels(shape), outputs)
    return nn.Sequential(
        layer(channels(shape), hidden), nn.ReLU(), layer(hidden, hidden), nn.ReLU(), layer(hidden, outputs)
    )


def unit(vectors: Tensor, *, floor: float | Tensor = 1e-12) -> Tensor:
    """Vectors along the last dimension at length 1; those not longer than `floor` become 0.

    A dead layer gives zeros, and dividing those by a small number instead would make gradients explode.
    """
    length = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    long = length > floor
    return torch.where(long, vectors, 0) / torch.where(long, length, 1)
