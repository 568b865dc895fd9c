"""What image networks share: the check of their input, layers in running order, first convolutions, initial weights."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from torch import nn

from distill_core.signature import Signature

IMAGE_TRAITS = frozenset({"image", "classification", "regression"})


class Stretch(nn.Sequential):
    """A run of layers that only shares a prefix of names: its children are cut one by one, as if they stood outside."""


def pieces(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Paths and modules at which a network can be cut, in running order: children, and those of a Stretch."""
    for name, child in network.named_children():
        if isinstance(child, Stretch):
            yield from ((f"{name}.{inner}", module) for inner, module in child.named_children())
        else:
            yield name, child


def named(**layers: nn.Module) -> nn.Sequential:
    """Layers that are run one after another, under the names given."""
    return nn.Sequential(OrderedDict(layers))


def stretch(layers: nn.Module) -> Stretch:
    """The same children under the same names, to be cut one by one."""
    return Stretch(OrderedDict(layers.named_children()))


def image_shape(signature: Signature, *, network: str, least: int = 1) -> tuple[int, int, int]:
    """(C,H,W) of a signature; ValueError if it is not of images with both sides of at least `least` pixels."""
    if signature.kind != "image" or signature.task == "tagging":
        raise ValueError(f"{network} answers once per image; these are {signature.noun} for {signature.task}.")
    channels, height, width = signature.shape
    if min(height, width) < least:
        raise ValueError(f"{network} reads images of at least {least} x {least} pixels; these are {height} x {width}.")
    return channels, height, width


def with_channels(convolution: nn.Module, channels: int) -> nn.Conv2d:
    """The convolution itself if it reads that many channels, else a new one like it that does."""
    if not isinstance(convolution, nn.Conv2d):
        raise TypeError(f"the first layer is {type(convolution).__name__}, not a convolution")
    if convolution.in_channels == channels:
        return convolution
    return nn.Conv2d(
        channels,
        convolution.out_channels,
        convolution.kernel_size,  # type: ignore[arg-type]
        stride=convolution.stride,  # type: ignore[arg-type]
        padding=convolution.padding,  # type: ignore[arg-type]
        bias=convolution.bias is not None,
    )


def he_initialise(network: nn.Module) -> None:
    """Draw all convolutions from N(0, 2 / fan-out) (https://arxiv.org/abs/1502.01852) and zero their biases."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
