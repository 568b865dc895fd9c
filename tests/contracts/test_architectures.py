"""Every architecture keeps the same promises."""

from __future__ import annotations

import copy

import pytest
import torch
from safetensors.torch import load, save

from distill_core.architectures import REGISTRY
from distill_core.catalog import ArchitectureEntry
from distill_core.losses import cross_entropy

SHAPES = {"digits": (1, 8, 8), "cifar": (3, 32, 32)}
PARAMETERS = {
    ("small-cnn", "digits"): 25_978,
    ("tiny-cnn", "digits"): 1_898,
    ("mlp", "digits"): 2_410,
    ("strided-cnn", "cifar"): 26_974,
    ("resnet9", "cifar"): 412_954,
    ("resnet18", "cifar"): 11_173_962,
}


@pytest.fixture(params=[entry.name for entry in REGISTRY])
def entry(request: pytest.FixtureRequest) -> ArchitectureEntry:
    return REGISTRY[request.param]


@pytest.fixture(params=list(SHAPES))
def shape(request: pytest.FixtureRequest) -> tuple[int, ...]:
    return SHAPES[request.param]


def build(entry: ArchitectureEntry, shape: tuple[int, ...], seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return entry.build(entry.resolve({}), shape, 10)


def test_it_maps_images_to_logits(entry: ArchitectureEntry, shape: tuple[int, ...]) -> None:
    network = build(entry, shape).eval()
    for batch in (1, 2):
        logits = network(torch.rand(batch, *shape))
        assert logits.shape == (batch, 10)
        assert torch.isfinite(logits).all()


def test_samples_do_not_meet_in_eval_mode(entry: ArchitectureEntry, shape: tuple[int, ...]) -> None:
    network = build(entry, shape).eval()
    images = torch.rand(3, *shape)
    with torch.no_grad():
        torch.testing.assert_close(network(images)[1:2], network(images[1:2]), rtol=1e-4, atol=1e-5)


def test_the_seed_alone_determines_the_weights(entry: ArchitectureEntry) -> None:
    first, second, other = (build(entry, SHAPES["digits"], seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_the_state_survives_safetensors(entry: ArchitectureEntry) -> None:
    network = build(entry, SHAPES["digits"])
    stored = load(save({name: value.contiguous() for name, value in network.state_dict().items()}))
    twin = build(entry, SHAPES["digits"], seed=9)
    twin.load_state_dict(stored)
    assert all(torch.equal(value, twin.state_dict()[name]) for name, value in network.state_dict().items())


def test_a_few_steps_lower_its_loss(entry: ArchitectureEntry) -> None:
    network = build(entry, SHAPES["digits"]).train()
    images, labels = torch.rand(16, *SHAPES["digits"]), torch.arange(16) % 10
    before = copy.deepcopy(network.state_dict())
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    losses = []
    for _ in range(8):
        loss = cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    moved = {name for name, value in network.named_parameters() if not torch.equal(value, before[name])}
    assert moved == {name for name, _ in network.named_parameters()}, "every parameter takes part"


@pytest.mark.parametrize(("name", "data"), list(PARAMETERS))
def test_parameter_counts_are_those_of_the_published_recipes(name: str, data: str) -> None:
    network = build(REGISTRY[name], SHAPES[data])
    assert sum(parameter.numel() for parameter in network.parameters()) == PARAMETERS[name, data]
