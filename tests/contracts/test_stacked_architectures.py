"""Every network trains in a stack as by itself, or tells what stands in the way."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from distill_core.entries import ArchitectureEntry
from distill_core.training.stacked import Unstackable
from distill_core.training.stacked_network import StackedNetwork
from tests.contracts.test_architectures import REGISTRY, TRAINED, build, inputs_of, loss_of

COUNT, STEPS, BATCH = 3, 2, 4
MOST_TRAINED, MOST_BUILT = 500_000, 5_000_000
"""Parameters: larger networks are only asked, and the largest, which nobody stacks on a processor, not even that."""
ONE_BY_ONE = {"bilstm", "gru", "lstm", "text-transformer", "vit", "convnext-tiny", "shufflenet-v2"}
"""Those that no rule of stacks covers; all others must be stackable, so that one that is lost is noticed."""
CASES = [case for case in TRAINED if case.values[1].task == "classification"]


def trained_alone(network: nn.Module, inputs: Any, signature: Any) -> nn.Module:
    network = copy.deepcopy(network).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, nesterov=True, fused=True)
    for _ in range(STEPS):
        torch.manual_seed(3)
        optimizer.zero_grad()
        loss_of(network(inputs), signature).backward()
        optimizer.step()
    return network


def trained_together(networks: list[nn.Module], inputs: Any, signature: Any) -> None:
    stack = StackedNetwork(networks)
    stack.all.train()
    optimizer = torch.optim.SGD(stack.parameters, lr=0.01, momentum=0.9, nesterov=True, fused=True)
    for _ in range(STEPS):
        torch.manual_seed(3)
        optimizer.zero_grad()
        answers, _ = stack(inputs)
        torch.stack([loss_of(one, signature) for one in answers]).sum().backward()
        optimizer.step()


@pytest.mark.parametrize(("entry", "signature"), CASES)
def test_stacked_training_is_that_of_each_alone(entry: ArchitectureEntry, signature: Any) -> None:
    torch.set_num_threads(1)
    first = build(entry, signature)
    size = sum(value.numel() for value in first.parameters())
    if size > MOST_BUILT:
        pytest.skip("its cost keeps it out of every stack on a processor")
    networks = [first.double(), *(build(entry, signature, seed=seed).double() for seed in range(1, COUNT))]
    inputs = inputs_of(signature, BATCH)
    inputs = inputs.double() if inputs.is_floating_point() else inputs
    # A network that is cut from another is as that one.
    refused = entry.name in ONE_BY_ONE or ("cut" in entry.traits and signature.kind in ("sequence", "text"))
    if refused:
        with pytest.raises(Unstackable) as trouble:
            StackedNetwork(networks)(inputs)
        assert trouble.value.what
        return
    if size > MOST_TRAINED:
        with torch.no_grad():
            expected = [network.eval()(inputs) for network in networks]
            stack = StackedNetwork(networks)
            stack.all.eval()
            torch.testing.assert_close(stack(inputs)[0], torch.stack(expected), rtol=1e-10, atol=1e-10)
        return
    alone = [trained_alone(network, inputs, signature) for network in networks]
    trained_together(networks, inputs, signature)
    for own, stacked in zip(alone, networks, strict=True):
        for name, value in own.state_dict().items():
            torch.testing.assert_close(stacked.state_dict()[name], value, rtol=1e-10, atol=1e-10)


def test_the_list_names_networks_that_there_are() -> None:
    assert {entry.name for entry in REGISTRY} >= ONE_BY_ONE
