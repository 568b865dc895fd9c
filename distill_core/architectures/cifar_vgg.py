"""VGG8 and VGG13 of the published CIFAR tables: one linear layer on the averaged map."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import nn

from distill_core.architectures.pieces import IMAGE_TRAITS, he_initialise, image_shape, named
from distill_core.entries import ArchitectureEntry, Params
from distill_core.signature import Signature

_CONVOLUTIONS = {8: 1, 13: 2}
"""In each of the five blocks."""
_WIDTHS = (64, 128, 256, 512, 512)
_LARGE = 64
"""Side in pixels from which the fourth block is pooled too; smaller images keep 1/8 of their side to the end."""


class CifarVggParams(Params):
    depth: Literal[8, 13] = Field(8, description="As the published tables count them: VGG8 or VGG13.")


def build(params: CifarVggParams, signature: Signature) -> nn.Module:
    """[B,C,H,W] -> [B,outputs]; H and W of at least 8 pixels. Weights are named as in the published tables' code."""
    channels, height, width = image_shape(signature, network="A CIFAR VGG", least=8)

    def block(inputs: int, outputs: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for index in range(_CONVOLUTIONS[params.depth]):
            convolution = nn.Conv2d(outputs if index else inputs, outputs, 3, padding=1)
            layers += [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]
        return nn.Sequential(*layers)

    head = nn.Linear(_WIDTHS[4], signature.outputs)
    nn.init.normal_(head.weight, std=0.01)
    nn.init.zeros_(head.bias)
    network = named(
        block0=block(channels, _WIDTHS[0]),
        pool0=nn.MaxPool2d(2),
        block1=block(_WIDTHS[0], _WIDTHS[1]),
        pool1=nn.MaxPool2d(2),
        block2=block(_WIDTHS[1], _WIDTHS[2]),
        pool2=nn.MaxPool2d(2),
        block3=block(_WIDTHS[2], _WIDTHS[3]),
        pool3=nn.MaxPool2d(2) if min(height, width) >= _LARGE else nn.Identity(),
        block4=block(_WIDTHS[3], _WIDTHS[4]),
        pool4=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        classifier=head,
    )
    he_initialise(network)
    return network


ENTRY = ArchitectureEntry(
    name="cifar-vgg",
    title="CIFAR VGG (VGG8, VGG13)",
    summary="Plain convolutions with batch norm; 3.9 million parameters as VGG8, 9.4 as VGG13.",
    source="https://arxiv.org/abs/1409.1556",
    params=CifarVggParams,
    traits=IMAGE_TRAITS,
    build=build,
)
