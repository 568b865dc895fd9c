"""A copy of a frozen network that answers the same with fewer layers: batch norms become part of what they follow."""

from __future__ import annotations

import copy

from torch import fx, nn
from torch.fx.proxy import TraceError
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def folded(network: nn.Module) -> nn.Module:
    """A copy in eval mode; its answers differ by rounding. A network whose flow cannot be traced is copied as it is.

    Whether it can depends on the architecture alone, so that a training repeats.
    """
    whole = copy.deepcopy(network).eval().requires_grad_(False)
    try:
        traced = fx.symbolic_trace(whole)
    except (TraceError, TypeError, ValueError, AttributeError, NotImplementedError):
        # What tracing raises where the flow depends on what passes: the layers then stay as they are.
        return whole
    modules = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        if node.op != "call_module" or not isinstance(modules[node.target], _NORMS):
            continue
        before = node.args[0]
        # A layer that somebody else reads too, or that runs twice, must keep its own answer.
        if before.op != "call_module" or len(before.users) > 1 or _uses(traced, before.target) > 1:
            continue
        if (merged := _merged(modules[before.target], modules[node.target])) is None:
            continue
        parent, _, name = before.target.rpartition(".")
        setattr(traced.get_submodule(parent), name, merged)
        modules[before.target] = merged
        node.replace_all_uses_with(before)
        traced.graph.erase_node(node)
    traced.delete_all_unused_submodules()
    traced.recompile()
    # Each knows the other: without this, memory of a GPU would wait for Python's collector of such rings.
    traced.graph.owning_module = None
    return traced


def _uses(traced: fx.GraphModule, target: object) -> int:
    return sum(node.op == "call_module" and node.target == target for node in traced.graph.nodes)


def _merged(layer: nn.Module, norm: nn.Module) -> nn.Module | None:
    """One layer that does what both do, None where that cannot be."""
    if getattr(norm, "running_mean", None) is None:
        return None
    if isinstance(layer, nn.Conv1d) and isinstance(norm, nn.BatchNorm1d):
        return fuse_conv_bn_eval(layer, norm)
    if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
        return fuse_conv_bn_eval(layer, norm)
    if isinstance(layer, nn.Linear) and isinstance(norm, nn.BatchNorm1d):
        return fuse_linear_bn_eval(layer, norm)
    return None
