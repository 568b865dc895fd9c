"""Parameters, MACs and bytes of small networks, against counts made by hand."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from distill_core.deployment.profile import profile
from distill_core.signature import Signature

DIGITS = Signature(kind="image", shape=(1, 8, 8), outputs=10)


def cnn() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3), nn.Flatten(), nn.Linear(128, 10),
    )


class Recurrent(nn.Module):
    """Reads an image row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 16, batch_first=True)
        self.last = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.lstm(x[:, 0])
        return self.last(states.mean(1))


def test_counts_by_hand() -> None:
    found = profile(cnn(), signature=DIGITS)
    assert found.parameters == 16 * 9 + 2 * 16 + 32 * 16 * 9 + 32 + 128 * 10 + 10
    assert found.macs == 16 * 9 * 64 + 32 * 16 * 9 * 4 + 1280


def test_size_is_that_of_the_file(tmp_path: Path) -> None:
    model = cnn()
    safetensors.torch.save_file(model.state_dict(), tmp_path / "model.safetensors")
    assert profile(model, signature=DIGITS).size_bytes == (tmp_path / "model.safetensors").stat().st_size


@pytest.mark.parametrize("training", [True, False])
def test_model_is_left_as_it_was(training: bool) -> None:
    model = cnn().train(training)
    before = copy.deepcopy(model.state_dict())
    profile(model, signature=DIGITS)
    assert all(module.training is training for module in model.modules())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(value.device.type == "cpu" for value in model.state_dict().values())
    assert not any(module._forward_hooks for module in model.modules())


def test_recurrent_layers_are_not_counted_as_nothing() -> None:
    assert profile(Recurrent(), signature=DIGITS).macs == 8 * 4 * 16 * (8 + 16) + 160


def test_shared_and_frozen_weights() -> None:
    shared = nn.Linear(64, 64, bias=False)
    model = nn.Sequential(nn.Flatten(), shared, nn.ReLU(), shared)
    found = profile(model, signature=DIGITS)
    assert found.parameters == 64 * 64
    assert 64 * 64 * 4 <= found.size_bytes < 2 * 64 * 64 * 4
    assert found.macs == 2 * 64 * 64
    assert profile(model.requires_grad_(False), signature=DIGITS).parameters == 64 * 64


class Tagger(nn.Module):
    """Tokens to a class each."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 6, padding_idx=0)
        self.head = nn.Linear(6, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        answer: Tensor = self.head(self.words(tokens))
        return answer


def test_texts_are_profiled_at_full_length() -> None:
    found = profile(Tagger(), signature=Signature(kind="text", shape=(9,), outputs=3, task="tagging", vocabulary=50))
    assert found.parameters == 50 * 6 + 6 * 3 + 3
    # Looking a word up multiplies nothing.
    assert found.macs == 9 * 6 * 3


def test_rows_of_a_table_are_profiled() -> None:
    signature = Signature(kind="table", shape=(7,), outputs=2, task="regression")
    assert profile(nn.Linear(7, 2), signature=signature).macs == 14
