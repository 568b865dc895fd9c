"""Reads the answers that a run's folder keeps, beside the true values of the test data; loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_core.errors import LabError, NotFound
from distill_core.folders import ExperimentFolder


class DamagedAnswers(LabError):
    """The saved answers of a run cannot be read."""


@dataclass(frozen=True, eq=False)
class SavedAnswers:
    """What one network answered to the whole test data. Shapes: both float [N,D]; true is NaN where not known."""

    predicted: NDArray[np.float64]
    true: NDArray[np.float64]


def saved_answers(folder: ExperimentFolder, run_id: str) -> SavedAnswers | None:
    """A regression's answers and true values, standardised; None until the run has been tested.

    Raises DamagedAnswers.
    """
    places = folder.run(run_id).test_logits, folder.test_labels
    if not all(path.exists() for path in places):
        return None
    predicted, true = (_read(path) for path in places)
    if predicted.ndim != 2 or predicted.shape != true.shape:
        raise DamagedAnswers(
            f"The saved answers of run {run_id[:60]} have shape {predicted.shape} and the true values {true.shape}; "
            "expected the same, a row a sample and a column a value. Run the experiment again."
        )
    return SavedAnswers(predicted=predicted, true=true)


def _read(path: Path) -> NDArray[np.float64]:
    try:
        return np.load(path, allow_pickle=False).astype(np.float64)
    except (OSError, ValueError, EOFError) as error:
        raise DamagedAnswers(f"The file {path} cannot be read ({error}). Run the experiment again.") from error


def mapped_answers(path: Path) -> NDArray[Any]:
    """An array as it is stored, left on the disk until it is used. Raises NotFound, DamagedAnswers."""
    try:
        found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise NotFound(f"The file {path} is gone. Run the experiment again.") from error
    except (OSError, ValueError, EOFError) as error:
        raise DamagedAnswers(f"The file {path} cannot be read ({error}). Run the experiment again.") from error
    return found
