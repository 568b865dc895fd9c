"""Structured pruning: whole channels, neurons and hidden units are cut out, so that the network becomes smaller."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from distill_core.compression.layers import unknown_layer
from distill_core.compression.recurrent_units import (
    keep_units,
    kept_of,
    recurrent_pair,
    silence_units,
    strongest_units,
)
from distill_core.compression_step import Around, CompressionRefused, NetworkStep
from distill_core.entries import CompressionEntry, Params
from distill_core.signature import INPUT_KINDS, TASKS

if TYPE_CHECKING:
    from torch_pruning.dependency import Group

_log = logging.getLogger(__name__)
# Of the largest answer: what rounding may differ by when the same sums are taken over fewer terms.
_TOLERANCE = 1e-3


class StructuredParams(Params):
    ratio: float = Field(0.5, gt=0, lt=1, description="Share of the channels, neurons or hidden units that is cut.")
    scope: Literal["layer", "global"] = Field(
        "layer", description="layer: the same share of each; global: the least important of all layers together."
    )
    importance: Literal["l2", "l1", "batch-norm"] = Field(
        "l2", description="l2, l1: the norm of all weights of a channel; batch-norm: the scale of its normalisation."
    )
    round_to: int = Field(1, ge=1, le=64, description="What stays is rounded up to a multiple; int8 likes 8 or 16.")
    layers: tuple[str, ...] = Field((), description="Only these layers; none named: all.")


@dataclass(frozen=True)
class _Channels:
    """Channels that can only be cut together, in all layers that make or read them, and how much each matters."""

    layer: str
    """The first layer that makes them; residual connections tie others to it."""
    group: Group
    names: frozenset[str]
    """All layers that make them."""
    importance: Tensor
    """[C]"""


def prune_structured(network: nn.Module, around: Around, params: StructuredParams) -> nn.Module:
    """The network with channels, neurons or hidden units cut; raises CompressionRefused."""
    if recurrent_pair(network) is not None:
        return _prune_recurrent(network, around, params)
    before = copy.deepcopy(network)
    network.requires_grad_(True)
    with _refusing(network):
        found = _cuttable(network, around, params.importance)
        chosen = _chosen(found, params)
        cuts = _least_important(chosen, params)
        read = _cut(found, cuts)
        same = _same_answers(_without(before, read, network), network, around)
    if not same:
        raise _tangled()
    return network


@contextmanager
def _refusing(network: nn.Module) -> Iterator[None]:
    """Whatever a general graph tool stumbles over in layers that it does not know is a refusal."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (
        RuntimeError, ValueError, LookupError, TypeError, AttributeError, AssertionError, ArithmeticError,
    ) as error:
        _log.info("channels of %s cannot be cut", type(network).__name__, exc_info=error)
        raise _tangled() from error


def _tangled() -> CompressionRefused:
    return CompressionRefused(
        "Channels cannot be cut out of this network: attention heads, channel shuffles or splits tie them together. "
        "Prune single weights instead (magnitude pruning), or choose a plain CNN, an MLP or an LSTM."
    )


def _prune_recurrent(network: nn.Module, around: Around, params: StructuredParams) -> nn.Module:
    pair = recurrent_pair(network)
    assert pair is not None
    cell, reader = pair
    (name,) = [name for name, module in network.named_modules() if module is cell]
    if params.layers and params.layers != (name,):
        raise unknown_layer(next(layer for layer in params.layers if layer != name), [name])
    if params.importance == "batch-norm":
        raise _no_scales()
    keep = kept_of(cell.hidden_size, params.ratio, params.round_to)
    if keep < 1:
        raise _vanishes(name, cell.hidden_size)
    units = strongest_units(cell, keep, norm=1 if params.importance == "l1" else 2)
    before = copy.deepcopy(network)
    silenced = recurrent_pair(before)
    assert silenced is not None
    silence_units(*silenced, units)
    keep_units(cell, reader, units)
    if not _same_answers(before, network, around):
        raise _tangled()
    return network


def _cuttable(network: nn.Module, around: Around, importance: str) -> list[_Channels]:
    """Every set of channels that are cut together, except those of the answer, in the network's order."""
    import torch_pruning

    if any(isinstance(module, nn.MultiheadAttention) for module in network.modules()):
        raise ValueError("attention heads share their channels")
    names, found = {module: name for name, module in network.named_modules()}, list[_Channels]()
    order = list(names.values())
    graph = torch_pruning.DependencyGraph()
    with torch.enable_grad(), warnings.catch_warnings():
        # Of parameters that belong to no layer, such as the scales of a ConvNeXt: they are cut along.
        warnings.simplefilter("ignore")
        graph.build_dependency(network, example_inputs=around.example)
    answers = _answering_layer(network, around)
    for group in graph.get_all_groups(ignored_layers=[answers]):
        modules = [item.dep.target.module for item in group if graph.is_out_channel_pruning_fn(item.dep.handler)]
        made = [names[one] for one in modules if isinstance(one, nn.Conv2d | nn.Linear)]
        if any(isinstance(one, nn.Conv2d) and 1 < one.groups < one.out_channels for one in modules):
            raise ValueError("grouped convolutions share their channels")
        scores = _measure(importance)(group)
        # None where nothing in the group has what is measured: no normalisation, say.
        if scores is not None:
            found.append(_Channels(min(made, key=order.index), group, frozenset(made), scores.detach()))
    return sorted(found, key=lambda channels: order.index(channels.layer))


def _measure(importance: str) -> Any:
    import torch_pruning

    if importance == "batch-norm":
        return torch_pruning.importance.BNScaleImportance()
    return torch_pruning.importance.GroupMagnitudeImportance(p=1 if importance == "l1" else 2)


@torch.no_grad()
def _answering_layer(network: nn.Module, around: Around) -> nn.Module:
    """The layer with weights that runs last."""
    ran: list[nn.Module] = []
    hooks = [
        module.register_forward_hook(lambda module, inputs, output: ran.append(module))
        for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    try:
        network(around.example)
    finally:
        for hook in hooks:
            hook.remove()
    return ran[-1]


def _chosen(found: list[_Channels], params: StructuredParams) -> list[_Channels]:
    layers = params.layers
    if not found:
        if params.importance == "batch-norm":
            raise _no_scales()
        raise CompressionRefused("This network is one layer, which gives the answer; there is nothing to cut.")
    for name in layers:
        if not any(name in channels.names for channels in found):
            raise unknown_layer(name, [channels.layer for channels in found])
    return [channels for channels in found if not layers or channels.names & set(layers)]


def _no_scales() -> CompressionRefused:
    return CompressionRefused("This network has no batch normalisation whose scales could tell; choose l2 or l1.")


def _vanishes(layer: str, channels: int, remedy: str = "Cut less, or leave the layer out.") -> CompressionRefused:
    return CompressionRefused(f"Nothing would be left of layer {layer} with its {channels} channels. {remedy}")


def _least_important(chosen: list[_Channels], params: StructuredParams) -> dict[str, list[int]]:
    """Places of the channels to cut, by the layer that names them. Refuses to leave nothing of a layer."""
    kept = {channels.layer: kept_of(len(channels.importance), params.ratio, params.round_to) for channels in chosen}
    remedy = "Cut less, or leave the layer out."
    if params.scope == "global":
        everything = torch.cat([channels.importance for channels in chosen])
        count = round(params.ratio * len(everything))
        limit = everything.sort().values[count - 1] if count else everything.min() - 1
        for channels in chosen:
            stays, all_of_it = int((channels.importance > limit).sum()), len(channels.importance)
            kept[channels.layer] = kept_of(all_of_it, 1 - stays / all_of_it, params.round_to) if stays else 0
        remedy = "Cut less, or the same share of each layer."
    cuts = {}
    for channels in chosen:
        count = len(channels.importance)
        if kept[channels.layer] < 1:
            raise _vanishes(channels.layer, count, remedy)
        order = channels.importance.argsort(stable=True)
        cuts[channels.layer] = sorted(order[: count - kept[channels.layer]].tolist())
    if not any(cuts.values()):
        raise CompressionRefused("So small a share is less than one channel of any layer; cut more, or round to 1.")
    return cuts


def _cut(found: list[_Channels], cuts: Mapping[str, list[int]]) -> dict[nn.Module, set[int]]:
    """Cut in place; tells which columns of each layer that reads the channels are gone, in the old numbering."""
    import torch_pruning

    readers = (torch_pruning.prune_conv_in_channels, torch_pruning.prune_linear_in_channels)
    read: dict[nn.Module, set[int]] = {}
    for channels in found:
        gone = set(cuts.get(channels.layer, ()))
        for item in channels.group:
            # The groups were listed while nothing was cut, each with all its channels.
            if item.dep.handler in readers:
                places = [place for place, root in zip(item.idxs, item.root_idxs, strict=True) if root in gone]
                read.setdefault(item.dep.target.module, set()).update(places)
    for channels in found:
        if cuts.get(channels.layer):
            channels.group.prune(cuts[channels.layer])
    return read


@torch.no_grad()
def _without(before: nn.Module, read: Mapping[nn.Module, set[int]], network: nn.Module) -> nn.Module:
    """The uncut network in which nothing reads the channels that were cut."""
    names = {module: name for name, module in network.named_modules()}
    for module, columns in read.items():
        weight = before.get_submodule(names[module]).weight
        assert isinstance(weight, Tensor)
        weight[:, sorted(columns)] = 0.0
    return before


@torch.no_grad()
def _same_answers(silenced: nn.Module, network: nn.Module, around: Around) -> bool:
    """Whether cutting did what it should: the answers are those of the network in which nothing reads what was cut."""
    # TF32 rounds each layer by more than what is told apart here, and not alike for other numbers of channels.
    with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, allow_tf32=False):
        expected, answers = silenced(around.example), network(around.example)
    if expected.shape != answers.shape:
        return False
    if any(isinstance(module, nn.LayerNorm) for module in network.modules()):
        # It takes the mean over all channels, also over those that nothing reads.
        return bool(torch.isfinite(answers).all())
    return bool((expected - answers).abs().max() <= _TOLERANCE * max(1.0, float(expected.abs().max())))


def _layers(network: nn.Module, around: Around) -> dict[str, int]:
    if (pair := recurrent_pair(network)) is not None:
        name = next(name for name, module in network.named_modules() if module is pair[0])
        return {name: sum(weight.numel() for weight in pair[0].parameters())}
    network.requires_grad_(True)
    with _refusing(network):
        cuttable = _cuttable(network, around, "l2")
    return {
        channels.layer: sum(
            parameter.numel() for name in channels.names for parameter in network.get_submodule(name).parameters()
        )
        for channels in cuttable
    }


def build(params: StructuredParams) -> NetworkStep:
    def apply(network: nn.Module, around: Around) -> nn.Module:
        return prune_structured(network, around, params)

    def rehearse(network: nn.Module, around: Around) -> nn.Module:
        # Whether a layer loses everything when all are ranked together is told by trained weights alone.
        return prune_structured(network, around, params.model_copy(update={"scope": "layer"}))

    return NetworkStep(apply, rehearse=rehearse, layers=_layers)


ENTRY = CompressionEntry(
    name="structured-pruning", title="Structured pruning",
    summary="The least important channels, neurons or hidden units are cut out: less to store and less to compute.",
    source="Fang et al. 2023, https://arxiv.org/abs/2301.12900; Li et al. 2016, https://arxiv.org/abs/1608.08710",
    params=StructuredParams, traits=frozenset({"network", *INPUT_KINDS, *TASKS}), label="{ratio:.0%} cut",
    strength="ratio", strengths=(0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9), build=build,
)
