"""The ResNets of the published CIFAR tables: 8 to 110 layers, and the four times wider 8x4 and 32x4."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from distill_core.architectures.pieces import IMAGE_TRAITS, he_initialise, image_shape, named
from distill_core.entries import ArchitectureEntry, Params
from distill_core.signature import Signature

_WIDTHS = {1: (16, 16, 32, 64), 4: (32, 64, 128, 256)}
"""Of the stem and the three stages. The wide one's stem has 32 channels, not 64, in the published tables."""


class CifarResNetParams(Params):
    depth: Literal[8, 14, 20, 32, 44, 56, 110] = Field(20, description="Layers with weights.")
    width: Literal[1, 4] = Field(
        1, description="1: stages of 16, 32 and 64 channels; 4: four times as many, as in resnet8x4 and resnet32x4."
    )


class BasicBlock(nn.Module):
    """relu(f(x) + shortcut(x)), with f two 3x3 convolutions; the shortcut is a 1x1 convolution where shapes differ."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        inner = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(inner)) + self.downsample(x))


def build(params: CifarResNetParams, signature: Signature) -> nn.Module:
    """[B,C,H,W] -> [B,outputs]. Weights are named as in the published tables' code, so that its checkpoints fit."""
    channels, _, _ = image_shape(signature, network="A CIFAR ResNet")
    stem, *widths = _WIDTHS[params.width]
    blocks = (params.depth - 2) // 6

    def stage(inputs: int, outputs: int, stride: int) -> nn.Sequential:
        rest = (BasicBlock(outputs, outputs, 1) for _ in range(blocks - 1))
        return nn.Sequential(BasicBlock(inputs, outputs, stride), *rest)

    network = named(
        conv1=nn.Conv2d(channels, stem, 3, padding=1, bias=False),
        bn1=nn.BatchNorm2d(stem),
        relu=nn.ReLU(),
        layer1=stage(stem, widths[0], 1),
        layer2=stage(widths[0], widths[1], 2),
        layer3=stage(widths[1], widths[2], 2),
        avgpool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        fc=nn.Linear(widths[2], signature.outputs),
    )
    he_initialise(network)
    return network


ENTRY = ArchitectureEntry(
    name="cifar-resnet",
    title="CIFAR ResNet (8 to 110 layers, 8x4, 32x4)",
    summary="The usual teachers and students of published tables; 272,474 parameters with 20 layers and 10 classes.",
    source="https://arxiv.org/abs/1512.03385",
    params=CifarResNetParams,
    traits=IMAGE_TRAITS,
    build=build,
)
