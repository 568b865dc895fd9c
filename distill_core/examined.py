"""What examining the networks of an experiment found out, as its folder keeps it: one file a question; no torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from distill_core.events import Role
from distill_core.rows import RunRow

VERSION = 1
"""Raised when files of an earlier form can no longer be read as they are; they are then examined anew."""
MOST_NETWORKS = 4
"""Trained networks of one seed that are examined side by side; int8 files come on top."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Network(_Frozen):
    """One network that was examined, and how far it was trained by then."""

    run_id: str
    role: Role
    name: str
    seed: int
    best_epoch: int
    stopped_epoch: int
    of: str = ""
    """Of an int8 file: the id of the network it was made from."""
    made_here: bool = False
    """An int8 file that was made for this examination alone, and was not kept."""


class Examined(_Frozen):
    """What is common to all parts. `absent` says in a sentence why there is nothing; `notes` how far it goes."""

    part: ClassVar[str]
    version: int = VERSION
    digest: str
    """Names the networks' weights and the version, so that a worker can tell whether it did this already."""
    seed: int
    networks: tuple[Network, ...]
    samples: int = 0
    """Test samples that were looked at, the same for all networks."""
    seconds: float = 0.0
    """How long it took."""
    absent: str = ""
    notes: tuple[str, ...] = ()

    def network(self, run_id: str) -> Network:
        """Raises KeyError."""
        found = {one.run_id: one for one in self.networks}
        return found[run_id]


class Curve(_Frozen):
    """One network under one disturbance; the first value is at strength 0, the samples as they are."""

    run_id: str
    kind: str
    strengths: tuple[float, ...]
    values: tuple[float | None, ...]
    """Accuracy 0..1, of a regression R²; None: not a finite number."""


class Robustness(Examined):
    """`counted`: answers behind each accuracy; 0 of a regression, whose R² is no share."""

    part: ClassVar[str] = "robustness"
    metric: str = "accuracy"
    counted: int = 0
    curves: tuple[Curve, ...] = ()


class Pair(_Frozen):
    """Linear CKA of layers of the teacher (rows) with layers of a student (columns), in running order."""

    teacher: str
    student: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    """None for a layer that gives the same for every sample."""


class Similarity(Examined):
    part: ClassVar[str] = "similarity"
    pairs: tuple[Pair, ...] = ()


class Cloud(_Frozen):
    """The samples in the plane: points [N][2], in the order of the part's `labels`, centred, of mean square 1."""

    run_id: str
    method: str
    """pca or tsne"""
    points: tuple[tuple[float, float], ...]
    explained: float | None = None
    """Of pca: the share of the variance that the plane holds."""


class Maps(Examined):
    """Clouds turned and mirrored to lie as the teacher's, as far as they can."""

    part: ClassVar[str] = "maps"
    layers: dict[str, str] = {}
    """The layer that was read, by run id."""
    rows: tuple[int, ...] = ()
    """Rows of the test set."""
    labels: tuple[float, ...] = ()
    """Classes; of a regression the first value, standardised."""
    clouds: tuple[Cloud, ...] = ()
    neighbours: dict[str, float] = {}
    """By run id: share of the 10 nearest neighbours, in all dimensions of the layer, that have the sample's class."""


class Look(_Frozen):
    """Where one network looked for its own answer."""

    run_id: str
    answer: int
    confidence: float
    heat: str = ""
    """PNG in base64, grey, 8 bits: 255 where it looked most; the size of the picture. Empty: nowhere."""


class Subject(_Frozen):
    """One test sample: its picture as PNG in base64, and the looks of the part's networks."""

    row: int
    label: int
    picture: str
    looks: tuple[Look, ...]


class Attention(Examined):
    part: ClassVar[str] = "attention"
    layers: dict[str, str] = {}
    """Layer and size of its map, by run id, such as "6 (4 × 4)"."""
    missing: dict[str, str] = {}
    """By run id a sentence on why there is no map."""
    subjects: tuple[Subject, ...] = ()


class LinePoint(_Frozen):
    """Weights (1-a) alone + a distilled; the second pair with batch-norm statistics measured anew, where there are."""

    a: float
    loss: float | None
    accuracy: float | None
    loss_anew: float | None = None
    accuracy_anew: float | None = None


class LossLine(Examined):
    part: ClassVar[str] = "loss-line"
    alone: str = ""
    distilled: str = ""
    """Run ids of both ends."""
    points: tuple[LinePoint, ...] = ()


PARTS: tuple[type[Examined], ...] = (Robustness, Similarity, Maps, Attention, LossLine)


def is_stale(found: Examined, runs: Iterable[RunRow]) -> bool:
    """Whether one of the networks was trained further, or anew, since it was examined."""
    now = {run.run_id: (run.best_epoch, run.stopped_epoch) for run in runs}
    return any(
        one.run_id in now and now[one.run_id] != (one.best_epoch, one.stopped_epoch) for one in found.networks
    )
