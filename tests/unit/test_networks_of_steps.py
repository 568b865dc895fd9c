"""Recurrent networks and the small transformer: sizes, padding, pooling, and an order that can be cut."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from distill_core.architectures import REGISTRY
from distill_core.architectures.recurrent import StepPooling, masked_mean
from distill_core.signature import Signature

NAMES = ("lstm", "bilstm", "gru", "text-transformer")
ROWS = Signature(kind="sequence", shape=(8, 8), outputs=10)
TEXT = Signature(kind="text", shape=(12,), outputs=3, vocabulary=40)


def build(name: str, signature: Signature, **params: Any) -> nn.Module:
    torch.manual_seed(0)
    entry = REGISTRY[name]
    return entry.build(entry.resolve(params), signature).eval()


@pytest.mark.parametrize(
    ("name", "params", "count"),
    [("bilstm", {}, 39_178), ("lstm", {}, 1_834), ("gru", {"bidirectional": True}, 2 * 3 * 32 * (8 + 32 + 2) + 650)],
)
def test_sizes_are_those_of_the_recipes(name: str, params: dict[str, Any], count: int) -> None:
    assert sum(parameter.numel() for parameter in build(name, ROWS, **params).parameters()) == count


@pytest.mark.parametrize(
    ("name", "params"),
    [("lstm", {}), ("lstm", {"pooling": "mean", "layers": 2}), ("gru", {}), ("text-transformer", {})],
)
def test_padding_changes_no_answer(name: str, params: dict[str, Any]) -> None:
    tokens = torch.randint(1, 40, (4, 12))
    tokens[:, 5:] = 0
    longer, shorter = build(name, TEXT, **params), build(name, Signature(**{**vars(TEXT), "shape": (5,)}), **params)
    held = longer.state_dict()
    shorter.load_state_dict({key: value[:5] if key.endswith("places") else value for key, value in held.items()})
    with torch.no_grad():
        torch.testing.assert_close(longer(tokens), shorter(tokens[:, :5]))
        assert not torch.allclose(longer(tokens), longer(tokens.roll(1, 1)), atol=1e-4), "the order of words counts"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("task", ["classification", "tagging", "regression"])
def test_a_text_without_words_has_an_answer(name: str, task: Any) -> None:
    network = build(name, Signature(**{**vars(TEXT), "task": task}))
    with torch.no_grad():
        answers = network(torch.zeros(2, 12, dtype=torch.int64))
    assert answers.shape == ((2, 12, 3) if task == "tagging" else (2, 3))
    assert torch.isfinite(answers).all()


def test_pooling_takes_the_steps_that_count() -> None:
    steps = torch.arange(24.0).view(2, 3, 4)
    mask = torch.tensor([[True, True, False], [True, False, False]])
    assert torch.equal(masked_mean(steps, mask), torch.stack([(steps[0, 0] + steps[0, 1]) / 2, steps[1, 0]]))
    assert torch.equal(masked_mean(steps, torch.zeros_like(mask)), torch.zeros(2, 4))
    last = StepPooling("last")
    assert torch.equal(last(steps), steps[:, 2])
    assert torch.equal(last(steps, mask), torch.stack([steps[0, 1], steps[1, 0]]))
    both = StepPooling("last", both_ways=True)
    assert torch.equal(both(steps, mask)[0], torch.cat([steps[0, 1, :2], steps[0, 0, 2:]]))


def test_only_networks_that_read_both_ways_know_what_comes() -> None:
    tagging = Signature(kind="sequence", shape=(8, 8), outputs=4, task="tagging")
    first, second = torch.randn(2, 8, 8)
    second = torch.cat([first[:5], second[5:]])
    for name, params, knows in (("lstm", {}, False), ("bilstm", {}, True), ("gru", {}, False),
                                ("gru", {"bidirectional": True}, True), ("text-transformer", {}, True)):  # fmt: skip
        network = build(name, tagging, **params)
        with torch.no_grad():
            same = torch.allclose(network(first[None])[0, :5], network(second[None])[0, :5], atol=1e-6)
        assert same is not knows


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("task", ["classification", "tagging"])
def test_children_stand_in_the_order_in_which_they_run(name: str, task: Any) -> None:
    network = build(name, Signature(kind="sequence", shape=(8, 8), outputs=4, task=task), dropout=0.5)
    steps = torch.randn(3, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(nn.Sequential(*network.children())(steps), network(steps))


@pytest.mark.parametrize("name", NAMES)
def test_padding_is_never_trained(name: str) -> None:
    network = build(name, TEXT).train()
    tokens = torch.randint(1, 40, (4, 12))
    tokens[:, 6:] = 0
    network(tokens).square().sum().backward()
    table = next(module for module in network.modules() if isinstance(module, nn.Embedding))
    assert table.weight.grad is not None
    assert torch.count_nonzero(table.weight.grad[0]) == 0
    assert torch.count_nonzero(table.weight.grad[1:]) > 0


@pytest.mark.parametrize("name", NAMES)
def test_what_does_not_fit_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(ValueError, match="reads sequences and texts, not images"):
        build(name, Signature(kind="image", shape=(1, 8, 8), outputs=2))
    with pytest.raises(ValueError, match="vocabulary"):
        build(name, Signature(kind="text", shape=(8,), outputs=2))


def test_a_width_that_the_heads_cannot_share_is_refused() -> None:
    with pytest.raises(ValueError, match="width 50 is not a multiple of 4 heads; choose, say, 48"):
        build("text-transformer", ROWS, width=50)
