"""Puts a user's own weights into a network, or tells in one sentence why they do not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from distill_core.errors import NotFound, WeightsError, WeightsMismatch

T = TypeVar("T")
_NAMED = 3
_LONGEST_SHOWN = 60
# Files of before PyTorch 0.4.1 lack them; they count batches and change no answer.
_MAY_LACK = "num_batches_tracked"
# Lightning and other trainers hold the network as one of their own layers.
_DEEPEST_PREFIX = 3


@dataclass(frozen=True)
class Mismatch:
    """Where a weights file and a network differ; false if they do not.

    `wrong_shape` items are "layer.weight (64x3 in the file, 10x3 in the network)"; a tensor of whole numbers where the
    network has fractions, or the reverse, is told there too.
    """

    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    wrong_shape: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.wrong_shape)

    @property
    def sentence(self) -> str:
        """The first few of each kind by name, the rest counted; empty if all fits."""
        parts = (
            _listed(self.missing, "is missing", "are missing"),
            _listed(self.unexpected, "is unknown to the network", "are unknown to the network"),
            _listed(self.wrong_shape, "has another shape", "have another shape"),
        )
        return "; ".join(part for part in parts if part)


def load_own_weights(network: nn.Module, path: Path) -> None:
    """Overwrite all weights of the network, converted to its types and devices, or none of them.

    Raises WeightsMismatch, NotFound, WeightsError.
    """
    mismatch, names = compare(network, path)
    if mismatch:
        raise WeightsMismatch(
            f"These weights belong to another network: {mismatch.sentence}. Choose the architecture and settings that "
            "they were saved from."
        )
    state = _from(path, lambda file: {wanted: file.get_tensor(name) for wanted, name in names.items()})
    # Complete as compared above; batch norm adds the counters that old files lack.
    network.load_state_dict(state, strict=False)


def compare(network: nn.Module, path: Path) -> tuple[Mismatch, dict[str, str]]:
    """What differs, and the file's name for each of the network's tensors that can be loaded; reads no values.

    Raises NotFound, WeightsError for a damaged file.
    """
    wanted = {name: value for name, value in network.state_dict().items() if isinstance(value, Tensor)}
    shapes, fractional = _from(path, _layout)
    names = _fitting_names(wanted, shapes)
    wrong = tuple(
        f"{name} ({reason})"
        for name, tensor in wanted.items()
        if name in names and (reason := _difference(tensor, shapes[names[name]], fractional[names[name]]))
    )
    mismatch = Mismatch(
        missing=tuple(name for name in wanted if name not in names and name.rpartition(".")[2] != _MAY_LACK),
        unexpected=tuple(sorted(set(shapes) - set(names.values()))),
        wrong_shape=wrong,
    )
    return mismatch, names


def _layout(file: safe_open) -> tuple[dict[str, tuple[int, ...]], dict[str, bool]]:
    """Of each tensor its shape, and whether it holds fractions (safetensors calls these types F16, F32, BF16, ...)."""
    slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    return (
        {name: tuple(part.get_shape()) for name, part in slices.items()},
        {name: part.get_dtype().startswith(("F", "BF")) for name, part in slices.items()},
    )


def _fitting_names(wanted: Mapping[str, Tensor], found: Iterable[str]) -> dict[str, str]:
    """The file's name of each wanted tensor; a first part that all of the file's names share may be in the way."""
    best: dict[str, str] = {}
    names = {name: name for name in found}
    for _ in range(_DEEPEST_PREFIX + 1):
        fitting = {short: name for short, name in names.items() if short in wanted}
        best = fitting if len(fitting) > len(best) else best
        first = {short.partition(".")[0] for short in names}
        if len(first) != 1 or not all("." in short for short in names):
            break
        names = {short.partition(".")[2]: name for short, name in names.items()}
    return best


def _difference(tensor: Tensor, shape: tuple[int, ...], fractional: bool) -> str:
    """Why a tensor of the file cannot be copied into the network's; empty if it can."""
    if tuple(tensor.shape) != shape:
        return f"{_shape(shape)} in the file, {_shape(tuple(tensor.shape))} in the network"
    if tensor.is_floating_point() != fractional:
        return f"{'fractions' if fractional else 'whole numbers'} in the file, the other in the network"
    return ""


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(str(size) for size in shape) or "one number"


def _listed(names: tuple[str, ...], one: str, several: str) -> str:
    if not names:
        return ""
    short = (name if len(name) <= _LONGEST_SHOWN else name[: _LONGEST_SHOWN - 1] + "…" for name in names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    count = f"1 tensor {one}" if len(names) == 1 else f"{len(names):,} tensors {several}"
    return f"{count}: {', '.join(short)}{more}"


def _from(path: Path, read: Callable[[safe_open], T]) -> T:
    try:
        with safe_open(path, framework="pt") as file:
            return read(file)
    except FileNotFoundError as error:
        raise NotFound(f"There are no weights {path.stem!r} in this home folder. Upload them again.") from error
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"The weights {path.stem!r} are damaged ({error}). Upload them again.") from error
