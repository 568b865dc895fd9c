"""What every dataset gives: one tensor of inputs a split, and the labels."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from distill_core.signature import InputKind, Signature, Task


@dataclass(frozen=True)
class Samples:
    """Two splits of the same kind of samples.

    Training inputs are read through `train_rows`, which knows the corrections too.
    Inputs [N,*shape]: images uint8 [N,C,H,W]; sequences uint8 or float32 [N,L,F]; texts int32 [N,L], 0 is padding;
    tables float32 [N,F]. uint8 stands for 0..1 in steps of 1/255. Inputs may be memory-mapped.
    Labels: int64 [N] for classification; int64 [N,L] or NO_LABEL for tagging; float32 [N,D] for regression,
    standardised by `label_mean` and `label_std` [D].
    `mean` and `std`, of training inputs as floats: one a channel of images, one a feature of sequences and tables, none
    of texts. `class_names` are the names of the outputs. `words`: the token of each id, and
    `splitting`: how a text becomes tokens, in a sentence; of texts only.
    `notes` tells what was skipped or changed while reading, in sentences.
    """

    train_inputs: Tensor
    train_labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    kind: InputKind = "image"
    task: Task = "classification"
    words: tuple[str, ...] = ()
    splitting: str = ""
    label_mean: tuple[float, ...] = ()
    label_std: tuple[float, ...] = ()
    notes: tuple[str, ...] = field(default=())
    corrected_inputs: Tensor | None = None
    """Samples [n,*shape] that a person corrected: as if they stood behind the last of `train_inputs`.

    `train_labels` has theirs at its end. They are learnt from and never used for validation.
    """

    @property
    def corrected(self) -> int:
        """How many of the last training samples are corrections."""
        return 0 if self.corrected_inputs is None else len(self.corrected_inputs)

    def train_rows(self, indices: Tensor) -> Tensor:
        """Training inputs [m,*shape] as stored, corrections among them, at indices int64 [m]."""
        if self.corrected_inputs is None:
            return self.train_inputs[indices]
        found = self.train_inputs.new_empty((len(indices), *self.shape))
        given = indices < len(self.train_inputs)
        found[given] = self.train_inputs[indices[given]]
        found[~given] = self.corrected_inputs[indices[~given] - len(self.train_inputs)]
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one input."""
        return tuple(int(size) for size in self.train_inputs.shape[1:])

    @property
    def outputs(self) -> int:
        """Classes, or values of a regression."""
        return len(self.class_names)

    @property
    def signature(self) -> Signature:
        """What a network for these samples must fit."""
        return Signature(
            kind=self.kind, shape=self.shape, outputs=self.outputs, task=self.task, vocabulary=len(self.words)
        )


def example_inputs(signature: Signature, count: int = 2, *, device: str | torch.device = "cpu") -> Tensor:
    """Inputs as a network reads them: zeros, of texts a token and then padding."""
    if signature.kind != "text":
        return torch.zeros(count, *signature.shape, device=device)
    tokens = torch.zeros(count, *signature.shape, dtype=torch.int64, device=device)
    tokens[:, 0] = 1
    return tokens

