"""Several networks of one architecture as one: their weights stacked, one pass for all."""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from distill_core.training.stacked import Stacked, Unstackable


class StackedNetwork:
    """S networks whose parameters and buffers become views of stacked ones [S,*shape].

    The networks themselves go on as they were: what is trained here is seen there, and what is loaded there is used
    here. Only their modes are not shared.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        self.count = len(networks)
        self.all = copy.deepcopy(networks[0])
        with torch.no_grad():
            self._share([dict(network.named_parameters()) for network in networks], dict(self.all.named_parameters()))
            self._share([dict(network.named_buffers()) for network in networks], dict(self.all.named_buffers()))

    @staticmethod
    def _share(own: Sequence[dict[str, Any]], stacked: dict[str, Any]) -> None:
        for name, one in stacked.items():
            one.data = torch.stack([tensors[name].data for tensors in own])
            for number, tensors in enumerate(own):
                tensors[name].data = one.data[number]

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The stacked ones, in the order of a single network's."""
        return list(self.all.parameters())

    def __call__(self, inputs: Tensor, taps: Collection[str] = ()) -> tuple[Tensor, dict[str, Tensor]]:
        """Inputs [B,*shape] that all read -> answers [S,B,...], and what passes the named layers, [S,B,...] each.

        Raises Unstackable where a layer cannot be run for several networks at once.
        """
        seen: dict[str, Tensor] = {}
        handles = [self.all.get_submodule(name).register_forward_hook(_keep(name, seen)) for name in taps]
        try:
            answers = self.all(Stacked(inputs, self.count, "shared"))
        except (TypeError, AttributeError, RuntimeError, ValueError) as error:
            # A layer that looks closer at what it is given than torch's functions do.
            raise Unstackable(f"a layer that reads one network's tensors alone: {error}") from error
        finally:
            for handle in handles:
                handle.remove()
        if not isinstance(answers, Stacked):
            raise Unstackable("an answer that is no tensor")
        return answers.front(), seen


def _keep(name: str, seen: dict[str, Tensor]) -> Any:
    def hook(module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, tuple) and output:
            output = output[0]
        if isinstance(output, Stacked):
            # A copy, as TapReader takes: a layer that works in place would overwrite what it is given.
            seen[name] = output.front().clone()

    return hook
