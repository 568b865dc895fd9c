"""Wide residual networks of the published CIFAR tables."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from distill_core.architectures.pieces import IMAGE_TRAITS, he_initialise, image_shape, named
from distill_core.entries import ArchitectureEntry, Params
from distill_core.signature import Signature


class CifarWrnParams(Params):
    depth: Literal[16, 40] = Field(16, description="Layers with weights.")
    width: Literal[1, 2] = Field(2, description="Times the 16, 32 and 64 channels of the three stages.")


class PreActivationBlock(nn.Module):
    """x + f(x), each convolution behind its normalisation and ReLU.

    Where shapes differ, the shortcut is a 1x1 convolution that reads the activated input, as in the authors' code.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.relu = nn.ReLU()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.convShortcut = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False) if inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        active = self.relu(self.bn1(x))
        inner = self.conv2(self.relu(self.bn2(self.conv1(active))))
        return inner + (x if self.convShortcut is None else self.convShortcut(active))


def build(params: CifarWrnParams, signature: Signature) -> nn.Module:
    """[B,C,H,W] -> [B,outputs]. Weights are named as in the published tables' code, so that its checkpoints fit."""
    channels, _, _ = image_shape(signature, network="A wide ResNet")
    blocks = (params.depth - 4) // 6
    first, second, third = (params.width * base for base in (16, 32, 64))

    def stage(inputs: int, outputs: int, stride: int) -> nn.Sequential:
        rest = (PreActivationBlock(outputs, outputs, 1) for _ in range(blocks - 1))
        return named(layer=nn.Sequential(PreActivationBlock(inputs, outputs, stride), *rest))

    network = named(
        conv1=nn.Conv2d(channels, 16, 3, padding=1, bias=False),
        block1=stage(16, first, 1),
        block2=stage(first, second, 2),
        block3=stage(second, third, 2),
        bn1=nn.BatchNorm2d(third),
        relu=nn.ReLU(),
        avgpool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        fc=nn.Linear(third, signature.outputs),
    )
    he_initialise(network)
    return network


ENTRY = ArchitectureEntry(
    name="cifar-wrn",
    title="Wide ResNet (16-1, 16-2, 40-1, 40-2)",
    summary="Wider and shallower than ResNets of the same accuracy; 691,674 parameters as 16-2 with 10 classes.",
    source="https://arxiv.org/abs/1605.07146",
    params=CifarWrnParams,
    traits=IMAGE_TRAITS,
    build=build,
)
