"""Small networks of every kind of input and task, trained on nothing, for the tests of compression steps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from distill_core.architectures import REGISTRY
from distill_core.compression_step import Around, Calibration
from distill_core.deployment.onnx_export import export_onnx
from distill_core.deployment.parity import as_inputs
from distill_core.signature import Signature

SHAPES = {"image": (1, 8, 8), "sequence": (6, 4), "text": (7,), "table": (5,)}
VOCABULARY = 40


@dataclass(frozen=True)
class Case:
    """A network of one kind and task, and samples as they are stored."""

    architecture: str
    params: dict[str, Any]
    kind: str
    task: str

    @property
    def signature(self) -> Signature:
        return Signature(
            kind=self.kind, shape=SHAPES[self.kind], outputs=3, task=self.task,
            vocabulary=VOCABULARY if self.kind == "text" else 0,
        )

    @property
    def own_units(self) -> dict[str, tuple[float, ...]]:
        """Large values close together: few bits cannot hold them."""
        regression = self.task == "regression"
        return {"label_mean": (2005.0, -3.0, 0.0), "label_std": (10.0, 0.5, 1.0)} if regression else {}

    def network(self, seed: int = 0) -> nn.Module:
        entry = REGISTRY[self.architecture]
        torch.manual_seed(seed)
        return entry.build(entry.resolve(self.params), self.signature).eval()

    def stored(self, count: int) -> np.ndarray:
        generator = np.random.default_rng(3)
        if self.kind == "text":
            tokens = generator.integers(1, VOCABULARY, (count, *SHAPES["text"]))
            tokens[::2, 5:] = 0
            return tokens
        return generator.normal(0.4, 0.3, (count, *SHAPES[self.kind])).astype(np.float32)

    def inputs(self, count: int) -> Tensor:
        """As the network reads them."""
        stored = torch.from_numpy(self.stored(count))
        return stored if self.kind == "text" else (stored - 0.4) / 0.3

    def around(self) -> Around:
        return Around(signature=self.signature, example=self.inputs(2))

    def export(self, path: Path, network: nn.Module | None = None) -> None:
        width = SHAPES[self.kind][0 if self.kind == "image" else -1]
        export_onnx(
            network or self.network(), path, signature=self.signature, mean=[0.4] * width, std=[0.3] * width,
            **self.own_units,
        )

    def calibration(self, count: int = 24) -> Calibration:
        return Calibration(as_inputs(self.stored(count), self.signature), self.signature.input_name)


CASES = {
    "image-classification": Case("small-cnn", {"width": 8}, "image", "classification"),
    "image-regression": Case("tiny-cnn", {}, "image", "regression"),
    "sequence-classification": Case("mlp", {}, "sequence", "classification"),
    "sequence-tagging": Case("lstm", {}, "sequence", "tagging"),
    "sequence-regression": Case("bilstm", {"hidden": 6}, "sequence", "regression"),
    "text-classification": Case("lstm", {"embedding": 16}, "text", "classification"),
    "text-tagging": Case("gru", {"embedding": 16}, "text", "tagging"),
    "text-regression": Case("lstm", {"embedding": 8}, "text", "regression"),
    "table-classification": Case("mlp", {}, "table", "classification"),
    "table-regression": Case("mlp", {}, "table", "regression"),
}
# One export of each kind and each task; the others differ in the last layer alone.
EXPORTED = ("image-classification", "sequence-tagging", "text-classification", "table-regression")
