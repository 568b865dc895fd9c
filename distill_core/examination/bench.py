"""What is examined: the networks of one seed, side by side, and the test samples they are shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from distill_core.datasets.samples import Samples
from distill_core.examined import Network
from distill_core.signature import Signature
from distill_core.training.normaliser import Normaliser


@dataclass(frozen=True)
class Examinee:
    """One network. `ask` takes raw inputs [N,*shape] (see Normaliser.raw) and gives its answers [N,...,K] on the CPU.

    `model` is in eval mode on the bench's device; None where there is only an ONNX file.
    """

    facts: Network
    ask: Callable[[Tensor], Tensor]
    model: nn.Module | None = None


@dataclass(frozen=True)
class Bench:
    """Everything that a part of the examination needs. `macs`: multiplications of all networks for one sample."""

    examinees: tuple[Examinee, ...]
    data: Samples
    device: torch.device
    seed: int
    digest: str
    macs: int
    learnt: Tensor
    """Training samples as stored that the students learnt from: what batch-norm statistics are measured with."""
    pair: tuple[str, str] | None = None
    """Run ids of the student alone and the distilled one of the same network, start and seed; None: not both."""
    go_on: Callable[[], bool] = lambda: True
    """Called after each unit of work: another one is done. False: stop, and give nothing."""

    @property
    def signature(self) -> Signature:
        return self.data.signature

    @property
    def normalise(self) -> Normaliser:
        return Normaliser(self.data, self.device)

    @property
    def networks(self) -> tuple[Examinee, ...]:
        """Those whose layers can be read."""
        return tuple(one for one in self.examinees if one.model is not None)

    @property
    def three(self) -> tuple[Examinee, ...]:
        """The teacher, the student alone and the best distilled one, where there are: what is seen side by side."""
        mine = [one for one in self.networks if self.pair is None or one.facts.run_id in self.pair]
        return (*(one for one in self.networks if one.facts.role == "teacher"), *(
            one for one in mine if one.facts.role != "teacher"
        ))[:3]

    def find(self, run_id: str) -> Examinee | None:
        return next((one for one in self.examinees if one.facts.run_id == run_id), None)

    def rows(self, most: int) -> Tensor:
        """Up to so many rows of the test set, evenly spread: the same for whoever asks for as many."""
        total = len(self.data.test_labels)
        return torch.from_numpy(np.linspace(0, total - 1, min(most, total)).round().astype(np.int64))

    def affordable(self, passes: int, *, most: int, least: int = 100) -> int:
        """How many samples so many passes through all networks should take, by what they multiply alone.

        By the clock it would be another number on each machine, and at each try.
        """
        allowed = _MOST_MACS * (_GPU if self.device.type != "cpu" else 1)
        return max(least, min(most, allowed // max(1, passes * self.macs)))

    def common(self, *, samples: int = 0, **more: Any) -> dict[str, Any]:
        """The fields that every part has."""
        return {
            "digest": self.digest, "seed": self.seed, "samples": samples,
            "networks": tuple(one.facts for one in self.examinees), **more,
        }


# Half a minute or so of two cores; what GPUs do in the same time.
_MOST_MACS, _GPU = 6 * 10**11, 50
