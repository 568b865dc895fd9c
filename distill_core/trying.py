"""Runs the exported networks of an experiment on one sample that a person chose, drew, uploaded or typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Source = Literal["drawn", "upload", "camera", "test", "typed"]


@dataclass(frozen=True, eq=False)
class Sample:
    """One input as an exported graph takes it, without the batch, and where it came from.

    `inputs`: images float32 [C,H,W] in 0..1, sequences float32 [L,F], tables float32 [F] in the data's own units, texts
    token ids int64 [L]. `test_index` is the sample's row in the experiment's test set, None for any other source (also
    of a test sample that was changed, such as a table whose numbers were edited: its source is "typed").
    `text`: what was typed, or the words of a text of the test set; empty for all other kinds.
    """

    inputs: NDArray[np.generic]
    source: Source
    test_index: int | None
    text: str = ""


@dataclass(frozen=True, eq=False)
class Answer:
    """What one exported run answered to a sample, and the milliseconds of that very call.

    `output` float32: logits [K], of a tagging [L,K]; of a regression values [D] in the data's own units.
    """

    run_id: str
    output: NDArray[np.float32]
    milliseconds: float
