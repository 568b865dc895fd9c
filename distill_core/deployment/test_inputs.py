"""The inputs of a test set, kept once for all experiments that use it, for pages to show and ask with; no torch."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_core.deployment.parity import as_inputs, in_own_units
from distill_core.deployment.samples_file import Facts, read_test_samples
from distill_core.errors import NotFound
from distill_core.folders import ExperimentFolder, read_json, write_bytes
from distill_core.signature import Signature

LARGEST_BYTES = 32 * 2**20


@dataclass(frozen=True, eq=False)
class TestInputs:
    """Samples of a test set: `inputs` [M,*shape] as stored or as a graph takes them, and their `rows` [M] in the set.

    `labels` [M] or [M,L] int64, of a regression [M,D] in the data's own units. `total`: samples in the whole set.
    `shipped_only` if these are no more than the few samples that a bundle holds.
    """

    __test__ = False  # for pytest, which takes the name for a test's

    inputs: NDArray[np.generic]
    labels: NDArray[np.generic]
    rows: NDArray[np.int64]
    total: int
    shipped_only: bool = False

    def place_of(self, row: int) -> int | None:
        """Where a row of the test set stands among these; None if it was not kept."""
        place = int(np.searchsorted(self.rows, row))
        return place if place < len(self.rows) and self.rows[place] == row else None

    def input_of(self, place: int, signature: Signature) -> NDArray[np.generic]:
        """One sample as an exported graph takes it, without the batch."""
        return as_inputs(self.inputs[place], signature)


def name_of_test_inputs(dataset: str, fingerprint: str) -> str:
    """What the kept inputs of a data set's version are called: 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps([dataset, fingerprint]).encode()).hexdigest()[:16]


def evenly(total: int, most: int) -> NDArray[np.int64]:
    """At most so many rows, evenly spread from the first to the last."""
    return np.unique(np.linspace(0, total - 1, min(most, total)).round().astype(np.int64))


def write_test_inputs(
    path: Path, inputs: NDArray[np.generic], labels: NDArray[np.generic], *, label_mean: Sequence[float] = (),
    label_std: Sequence[float] = (), largest_bytes: int = LARGEST_BYTES,
) -> None:
    """Keep a test set's inputs [N,*shape] as they are stored, evenly thinned to `largest_bytes`; labels as networks see
    them, of a regression standardised by `label_mean` and `label_std`. Raises OSError.
    """
    rows = evenly(len(inputs), max(1, largest_bytes // max(inputs[0].nbytes, 1)))
    chosen = labels[rows]
    if len(label_mean):
        chosen = in_own_units(chosen.astype(np.float64), label_mean, label_std).astype(np.float32)
    buffer = io.BytesIO()
    # Not compressed: it is read while someone waits.
    np.savez(
        buffer, allow_pickle=False, inputs=np.asarray(inputs[rows]), labels=chosen, rows=rows,
        total=np.array(len(inputs)),
    )
    write_bytes(path, buffer.getvalue())


def read_test_inputs(path: Path) -> TestInputs | None:
    """None where none were kept, or the file is damaged: then a bundle's few samples do."""
    try:
        with np.load(path, allow_pickle=False) as held:
            return TestInputs(
                inputs=held["inputs"], labels=held["labels"], rows=held["rows"], total=int(held["total"]),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def place_of_test_inputs(folder: ExperimentFolder, dataset: str) -> Path | None:
    """Where the test inputs of an experiment lie, or would; None until its data were loaded."""
    try:
        origin: dict[str, Any] = read_json(folder.origin)
        return folder.home.test_inputs(name_of_test_inputs(dataset, origin["fingerprint"]))
    except (OSError, ValueError, KeyError):
        return None


def shipped_inputs(samples: Path, *, total: int) -> tuple[Facts, TestInputs]:
    """What a graph's own few test samples tell, which are spread evenly over a test set of `total`.

    Raises NotFound where they are gone or damaged.
    """
    try:
        facts, arrays = read_test_samples(samples)
        inputs, labels = arrays["x"], arrays["y"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise NotFound(
            f"The test samples of run {samples.parent.name} are gone or damaged; export the run again on the "
            "experiment's page."
        ) from error
    return facts, TestInputs(
        inputs=inputs, labels=labels, rows=evenly(total, len(inputs)), total=total, shipped_only=True
    )
