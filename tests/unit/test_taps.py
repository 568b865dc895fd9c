"""Inner layers: which a network has, which is chosen where none is named, and reading that leaves no trace."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from distill_core.architectures import REGISTRY
from distill_core.datasets.samples import example_inputs
from distill_core.losses.term import TapParams
from distill_core.signature import Signature
from distill_core.spec import Choice
from distill_core.training.taps import TapReader, UnknownTap, chosen_taps, list_taps

IMAGES = Signature(kind="image", shape=(1, 8, 8), outputs=10)
LARGER = Signature(kind="image", shape=(3, 32, 32), outputs=7)
STEPS = Signature(kind="sequence", shape=(8, 5), outputs=10)
TAGS = Signature(kind="sequence", shape=(8, 5), outputs=10, task="tagging")
TEXTS = Signature(kind="text", shape=(6,), outputs=2, vocabulary=40)
ROWS = Signature(kind="table", shape=(10,), outputs=1, task="regression")


def build(name: str, signature: Signature, **params: Any) -> nn.Module:
    entry, checked = REGISTRY.resolve(Choice(name=name, params=params))
    torch.manual_seed(0)
    network = entry.build(checked, signature)
    assert isinstance(network, nn.Module)
    return network


def test_taps_of_a_small_cnn_stand_in_running_order_with_the_shape_of_one_sample() -> None:
    taps = list_taps(build("tiny-cnn", IMAGES, width=4), IMAGES)
    assert taps == {
        "0": (4, 8, 8), "1": (4, 8, 8), "2": (4, 4, 4), "3": (8, 4, 4), "4": (8, 4, 4), "5": (8, 2, 2), "6": (32,),
    }, "all but the answer"


def test_of_recurrent_layers_the_steps_are_taken() -> None:
    taps = list_taps(build("lstm", STEPS, hidden=16), STEPS)
    assert taps["recurrent.cell"] == taps["recurrent"] == (8, 16)
    assert list(taps.values())[-1] == (16,), "the pooled vector; the answer itself is none"
    tags = list_taps(build("bilstm", TAGS, hidden=16), TAGS)
    assert tags["recurrent"] == (8, 32)
    assert (8, 10) not in tags.values()


def test_of_texts_the_embedding_is_a_tap() -> None:
    for name in ("lstm", "text-transformer"):
        taps = list_taps(build(name, TEXTS), TEXTS)
        assert taps["embedding"] == (6, 64)
        assert (2,) not in taps.values()
    assert list_taps(build("text-transformer", TEXTS), TEXTS)["layer1"] == (6, 64)


@pytest.mark.parametrize(("name", "signature"), [("mlp", ROWS), ("resnet18", LARGER), ("mobilenet-v2", LARGER)])
def test_the_answer_is_no_tap_under_any_of_its_names(name: str, signature: Signature) -> None:
    network = build(name, signature).eval()
    taps = list_taps(network, signature)
    assert taps
    inputs = torch.randn(2, *signature.shape)
    with torch.no_grad(), TapReader(network, taps).reading() as seen:
        answer = network(inputs)
    assert not [tap for tap, value in seen.items() if value.shape == answer.shape and torch.equal(value, answer)]


def test_a_hidden_layer_as_wide_as_the_answer_is_a_tap() -> None:
    taps = list_taps(build("mlp", IMAGES, hidden=10), IMAGES)
    assert list(taps.values())[-1] == (10,) and len(taps) == 3


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("tiny-cnn", IMAGES), ("small-cnn", IMAGES), ("resnet18", LARGER), ("lstm", STEPS), ("bilstm", TAGS),
        ("lstm", TEXTS), ("text-transformer", TEXTS), ("mlp", ROWS),
    ],
)
def test_what_is_read_has_the_shape_that_was_told(name: str, signature: Signature) -> None:
    network = build(name, signature)
    taps = list_taps(network, signature)
    with TapReader(network, taps).reading() as seen:
        network(example_inputs(signature))
    assert {tap: tuple(value.shape[1:]) for tap, value in seen.items()} == taps


class Twice(nn.Module):
    """Uses one layer twice, on sizes that differ, as bottleneck blocks do with their ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.relu, self.second, self.head = nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 9), nn.Linear(9, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        answer: Tensor = self.head(self.relu(self.second(self.relu(self.first(inputs)))))
        return answer


def test_a_layer_that_runs_twice_is_told_and_read_where_it_runs_last() -> None:
    signature = Signature(kind="table", shape=(5,), outputs=2)
    network = Twice()
    assert list_taps(network, signature) == {"first": (7,), "second": (9,), "relu": (9,)}
    with TapReader(network, ["relu"]).reading() as seen:
        network(torch.randn(3, 5))
    assert seen["relu"].shape == (3, 9)


def test_listing_changes_nothing_in_the_network() -> None:
    network = build("small-cnn", IMAGES).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    list_taps(network, IMAGES)
    assert network.training and next(network.parameters()).device.type == "cpu"
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not hooks_of(network)


def hooks_of(network: nn.Module) -> list[str]:
    return [name for name, module in network.named_modules() if module._forward_hooks]


def test_a_reader_leaves_no_hooks_behind_even_when_the_network_fails() -> None:
    network = build("tiny-cnn", IMAGES)
    reader = TapReader(network, ["2", "5"])
    with reader.reading():
        assert hooks_of(network) == ["2", "5"]
    assert not hooks_of(network)
    with pytest.raises(RuntimeError), reader.reading():
        network(torch.zeros(2, 3, 8, 8))
    assert not hooks_of(network)
    with reader.reading() as seen:
        network(torch.zeros(2, 1, 8, 8))
        network(torch.ones(3, 1, 8, 8))
    assert {name: len(value) for name, value in seen.items()} == {"2": 3, "5": 3}, "the last pass"


def test_a_tap_is_the_layers_own_output_though_the_next_works_in_place() -> None:
    """A convolution's map has negative values; its in-place ReLU would overwrite them."""
    network = build("tiny-cnn", IMAGES)
    inputs = torch.randn(4, 1, 8, 8)
    with TapReader(network, ["0", "1"]).reading() as seen:
        network(inputs)
    torch.testing.assert_close(seen["0"], network[0](inputs))
    assert seen["0"].min() < 0 <= seen["1"].min()
    seen["0"].sum().backward()
    assert network[0].weight.grad is not None, "a student's tap teaches the layers below it"


SPATIAL = {"conv": (4, 8, 8), "late": (8, 2, 2), "pool": (8, 1, 1), "flat": (8,)}


@pytest.mark.parametrize(
    ("traits", "taps", "expected"),
    [
        ({"map"}, SPATIAL, "late"),
        ({"embedding"}, SPATIAL, "flat"),
        ({"map"}, {"steps": (8, 16), "pooled": (16,)}, "steps"),
        ({"map"}, {"first": (7,), "second": (9,)}, "second"),
    ],
)
def test_the_last_layer_that_fits_is_chosen(traits: set[str], taps: dict[str, Any], expected: str) -> None:
    assert chosen_taps(TapParams(), traits, taps, SPATIAL)[0] == expected


def test_a_named_layer_is_taken_and_an_unknown_one_is_told_with_those_there_are() -> None:
    chosen = TapParams(student_tap="conv", teacher_tap="flat")
    assert chosen_taps(chosen, {"map"}, SPATIAL, SPATIAL) == ("conv", "flat")
    with pytest.raises(UnknownTap, match="the teacher has no layer 'x'; it has conv, late, pool, flat") as refused:
        chosen_taps(TapParams(teacher_tap="x"), {"map"}, SPATIAL, SPATIAL)
    assert (refused.value.whose, refused.value.wanted) == ("teacher", "x")
    with pytest.raises(UnknownTap, match="the student has no layer ''; it has none to read"):
        chosen_taps(TapParams(), {"map"}, {}, SPATIAL)
