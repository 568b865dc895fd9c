"""Small networks of every kind of input and task, with samples as a dataset stores them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from distill_core.signature import InputKind, Signature, Task

WORDS = ("<pad>", "<unknown>", "<mask>", "a", "good", "bad", "film", ".", "naïve")


class Reader(nn.Module):
    """Tokens or steps through a BiLSTM; one answer a step, or of the mean over steps that are not padding."""

    def __init__(self, signature: Signature) -> None:
        super().__init__()
        text = signature.kind == "text"
        self.words = nn.Embedding(signature.vocabulary, 6, padding_idx=0) if text else None
        self.lstm = nn.LSTM(6 if text else signature.shape[1], 5, batch_first=True, bidirectional=True)
        self.head = nn.Linear(10, signature.outputs)
        self.tags = signature.task == "tagging"

    def forward(self, inputs: Tensor) -> Tensor:
        mask = torch.ones_like(inputs[..., 0]) if self.words is None else (inputs != 0).float()
        states, _ = self.lstm(inputs if self.words is None else self.words(inputs))
        if not self.tags:
            states = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        answer: Tensor = self.head(states)
        return answer


@dataclass(frozen=True)
class Case:
    """A signature, what normalises its inputs and labels, and made-up samples."""

    signature: Signature
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    label_mean: tuple[float, ...] = ()
    label_std: tuple[float, ...] = ()

    def network(self, seed: int = 0) -> nn.Module:
        torch.manual_seed(seed)
        if self.signature.kind in ("text", "sequence"):
            return Reader(self.signature)
        size = int(np.prod(self.signature.shape))
        return nn.Sequential(
            nn.Flatten(), nn.Linear(size, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, self.signature.outputs)
        )

    def stored(self, count: int) -> NDArray[np.generic]:
        """Inputs as Samples keep them."""
        generator, shape = np.random.default_rng(3), (count, *self.signature.shape)
        if self.signature.kind == "image":
            return generator.integers(0, 256, shape, dtype=np.uint8)
        if self.signature.kind == "text":
            tokens = generator.integers(1, self.signature.vocabulary, shape).astype(np.int32)
            lengths = generator.integers(1, shape[1] + 1, (count, 1))
            return np.where(np.arange(shape[1]) < lengths, tokens, 0).astype(np.int32)
        return (generator.normal(size=shape) * 50 + 200).astype(np.float32)

    def answers(self, network: nn.Module, stored: NDArray[np.generic]) -> NDArray[np.float32]:
        """The network's own, with inputs normalised by hand."""
        if self.signature.kind == "text":
            inputs = torch.from_numpy(stored.astype(np.int64))
        else:
            raw = torch.from_numpy(stored.astype(np.float32)) / (255 if stored.dtype == np.uint8 else 1)
            per = (-1, 1, 1) if self.signature.kind == "image" else (-1,)
            inputs = (raw - torch.tensor(self.mean).view(per)) / torch.tensor(self.std).view(per)
        with torch.no_grad():
            answer: Tensor = network.eval()(inputs)
        return answer.numpy()

    def labels(self, count: int) -> NDArray[np.generic]:
        """As Samples keep them; of tagging the last step of each second sample has none."""
        generator, signature = np.random.default_rng(4), self.signature
        if signature.task == "regression":
            return generator.normal(size=(count, signature.outputs)).astype(np.float32)
        shape = (count, signature.shape[0]) if signature.task == "tagging" else (count,)
        labels = generator.integers(0, signature.outputs, shape)
        if signature.task == "tagging":
            labels[::2, -1] = -100
        return labels


def _signature(kind: InputKind, shape: tuple[int, ...], outputs: int, task: Task = "classification") -> Signature:
    vocabulary = len(WORDS) if kind == "text" else 0
    return Signature(kind=kind, shape=shape, outputs=outputs, task=task, vocabulary=vocabulary)


_FEATURES = {"mean": (200.0, 190.0, 210.0, 200.0), "std": (50.0, 45.0, 55.0, 50.0)}
CASES = {
    "image": Case(_signature("image", (3, 6, 6), 4), mean=(0.3, 0.4, 0.5), std=(0.2, 0.25, 0.3)),
    "sequence": Case(_signature("sequence", (7, 4), 3), **_FEATURES),
    "sequence-tagging": Case(_signature("sequence", (7, 4), 3, "tagging"), **_FEATURES),
    "text": Case(_signature("text", (7,), 2)),
    "text-tagging": Case(_signature("text", (7,), 4, "tagging")),
    "table": Case(_signature("table", (4,), 3), **_FEATURES),
    "regression": Case(
        _signature("table", (4,), 2, "regression"), **_FEATURES, label_mean=(2005.0, -0.02), label_std=(10.0, 0.003)
    ),
    "text-regression": Case(_signature("text", (7,), 1, "regression"), label_mean=(3.0,), label_std=(1.5,)),
}
