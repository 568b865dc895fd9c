"""Where the files of one trained network lie within its experiment's folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunFolder:
    """The files of one trained network."""

    path: Path

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint.safetensors"

    @property
    def checkpoint_before(self) -> Path:
        """The one before, for when the newest is damaged."""
        return self.path / "checkpoint-before.safetensors"

    def best(self, epoch: int) -> Path:
        """The best network so far, of this epoch, while the training goes on."""
        return self.path / f"best-{epoch:06d}.safetensors"

    def bests(self) -> list[Path]:
        return sorted(self.path.glob("best-*.safetensors"))

    @property
    def model(self) -> Path:
        return self.path / "model.safetensors"

    @property
    def result(self) -> Path:
        return self.path / "result.json"

    @property
    def test_logits(self) -> Path:
        return self.path / "test_logits.npy"

    @property
    def epoch_answers(self) -> Path:
        """Logits on a few test samples at the ends of epochs: see evaluation.epoch_answers."""
        return self.path / "epoch_answers.safetensors"

    @property
    def onnx(self) -> Path:
        return self.path / "model.onnx"

    @property
    def test_samples(self) -> Path:
        """A few test inputs with the exported graph's expected answers."""
        return self.path / "test_samples.npz"

    @property
    def onnx_result(self) -> Path:
        return self.path / "onnx.json"

    @property
    def latency(self) -> Path:
        return self.path / "latency.json"

    @property
    def compression(self) -> Path:
        """Of a compressed run: its sizes and what its step left."""
        return self.path / "compression.json"

    @property
    def sensitivity(self) -> Path:
        """What accuracy each strength of each compression step costs this network."""
        return self.path / "sensitivity.json"
