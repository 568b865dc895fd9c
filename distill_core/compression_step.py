"""What a compression step is: one of four kinds, each a record of functions or settings; loads no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_core.errors import LabError
from distill_core.signature import Signature
from distill_core.spec import Choice

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn


class CompressionRefused(LabError):
    """A step that cannot be applied to this network: what, why and what to do, in one sentence."""


def untold(sentence: str) -> None:
    """Nobody reads the notes."""


@dataclass(frozen=True)
class Around:
    """What a step may look at beside the network itself."""

    signature: Signature
    example: Tensor
    """Two normalised inputs [2,*shape], on the network's device; token ids of texts."""
    note: Callable[[str], None] = untold
    """Keeps a sentence for the reader of the run's page."""


AfterStep = Callable[[], None]
"""Called after each step of an optimiser, without gradients."""


def no_layers(network: nn.Module, around: Around) -> Mapping[str, int]:
    return {}


def nothing_to_hold(network: nn.Module) -> list[AfterStep]:
    return []


def as_it_is(network: nn.Module, around: Around) -> nn.Module:
    return network


@dataclass(frozen=True)
class NetworkStep:
    """Changes a network.

    `apply(network, around)` gets a copy of its own in eval mode, changes it or builds another, and returns it; its
    answers for inputs of the signature keep their shape. Raises CompressionRefused.
    `hold(network)` prepares a network that `apply` made for further training, so that what the step did lasts: it may
    register torch parametrizations, which are made permanent afterwards, and returns what must be called after each
    step of the optimiser.
    `rehearse(network, around)` is tried on an untrained network before anything is launched, and refuses, as `apply`
    does, what no training could mend.
    `layers(network, around)` names the layers that can be changed alone, with how many weights each has; the parameter
    `layers` of the entry takes their names. Raises CompressionRefused where there is none for a reason.
    """

    apply: Callable[[nn.Module, Around], nn.Module]
    hold: Callable[[nn.Module], list[AfterStep]] = nothing_to_hold
    rehearse: Callable[[nn.Module, Around], nn.Module] = as_it_is
    layers: Callable[[nn.Module, Around], Mapping[str, int]] = no_layers


@dataclass(frozen=True)
class TrainingStep:
    """Trains the network further on the samples that its variant learnt from; the best epoch is kept."""

    epochs: int
    learning_rate: float
    patience: int | None
    labels_weight: float
    """Of the loss that a student trained alone minimises; 0: no labels."""
    teacher_weight: float
    """Of matching the teacher's answers; 0: without the teacher."""
    temperature: float


@dataclass(frozen=True)
class Calibration:
    """Raw inputs float32 [N,*shape], or token ids int64 [N,L], as the exported graph takes them; from training data."""

    inputs: NDArray[Any]
    input_name: str


@dataclass(frozen=True)
class FileStep:
    """Turns one ONNX file into another that takes and gives the same.

    `apply(source, target, calibration)` writes `target`, may leave nothing else beside it, and returns sentences for
    the reader of the run's page: what stayed as it was, and why. Raises CompressionRefused. `calibrates`: how many
    samples it wants.
    """

    apply: Callable[[Path, Path, Calibration], Sequence[str]]
    calibrates: int = 0


@dataclass(frozen=True)
class Series:
    """Stands for several steps, each of which makes a run of its own."""

    steps: tuple[Choice, ...]


Step = NetworkStep | TrainingStep | FileStep | Series
