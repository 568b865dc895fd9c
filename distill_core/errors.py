"""Every failure a user can meet, each as one sentence: what is wrong, what is allowed, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from distill_core.language import sayable

_LONGEST_VALUE = 60


class Listing(str):
    """Several values in words, shown without quotes."""


@dataclass(frozen=True)
class Problem:
    """One wrong field of a spec. `field` is a dotted path such as `students.0.terms.1.weight`."""

    field: str
    value: Any
    allowed: str
    remedy: str = ""

    def __str__(self) -> str:
        shown = str(self.value) if isinstance(self.value, (int, float, Listing)) else repr(self.value)
        if len(shown) > _LONGEST_VALUE:
            shown = shown[: _LONGEST_VALUE - 1] + "…"
        sentence = sayable(f"{self.field} is {shown}; allowed: {self.allowed}.")
        return f"{sentence} {self.remedy}" if self.remedy else sentence

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"value": repr(self.value)[:_LONGEST_VALUE], "sentence": str(self)}


class LabError(Exception):
    """Base of all errors that a page or the command line shows as a sentence."""

    @property
    def sentence(self) -> str:
        return str(self)


class SpecError(LabError):
    """A spec that cannot run, with every problem found, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(str(problem) for problem in self.problems))


class UnknownName(LabError):
    """A name no registry knows."""

    def __init__(self, kind: str, name: str, known: Sequence[str]) -> None:
        self.kind, self.name, self.known = kind, name, tuple(known)
        close = get_close_matches(name, self.known, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(known)}."
        super().__init__(f"There is no {kind} named {name[:_LONGEST_VALUE]!r}; {hint}")


class DataError(LabError):
    """A dataset that cannot be read or is too small for what is asked of it."""


class WeightsUnavailable(LabError):
    """Pretrained weights that this machine lacks and cannot fetch; the sentence says which file to place where."""


class WeightsError(LabError):
    """An uploaded file that holds no weights that can be used."""


class WeightsMismatch(WeightsError):
    """Weights that belong to another network than the one they shall be loaded into."""


class DeviceError(LabError):
    """A device that this machine does not have."""


class Diverged(LabError):
    """A loss became NaN or infinite; the last good weights are kept."""


class ExportError(LabError):
    """A network that cannot be turned into an ONNX graph, or a graph that cannot be run."""


class NotFound(LabError):
    """An experiment, run or file that is not there."""


class Conflict(LabError):
    """A change that the present state does not allow, such as stopping a finished experiment."""


class HelperUnavailable(LabError):
    """The background helper process did not answer."""


class DamagedFile(LabError):
    """A file of the home folder that tells less than it should, which nothing else can make up for."""


class HomeUnusable(LabError):
    """The home folder cannot be made or written."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(
            f"The home folder {path} cannot be made or written ({reason}). Set DISTILL_HOME to a folder that you can "
            "write."
        )
