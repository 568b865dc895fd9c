"""MobileNet V2 at half width, as in the published CIFAR tables."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from distill_core.architectures.pieces import IMAGE_TRAITS, Stretch, he_initialise, image_shape, named
from distill_core.entries import ArchitectureEntry, Params
from distill_core.signature import Signature

_STAGES = ((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, blocks and stride: table 2 of the paper, the second stage's stride 1 for small images."""
_LAST = 1280


class CifarMobileNetParams(Params):
    width: float = Field(0.5, ge=0.1, le=2, description="Times the paper's channels; the published tables use 0.5.")


class InvertedResidual(nn.Module):
    """Expand by a 1x1 convolution, filter each channel, project back; x is added where shapes agree."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.conv = nn.Sequential(
            nn.Conv2d(inputs, inner, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, inner, 3, stride=stride, padding=1, groups=inner, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.adds else self.conv(x)


def build(params: CifarMobileNetParams, signature: Signature) -> nn.Module:
    """[B,C,H,W] -> [B,outputs]. Weights are named as in the published tables' code, so that its checkpoints fit.

    It differs from the paper as that code does: ReLU in place of ReLU6, and an expansion layer in the first block too.
    """
    channels, _, _ = image_shape(signature, network="A CIFAR MobileNet")
    width = int(32 * params.width)
    stem = nn.Sequential(
        nn.Conv2d(channels, width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
    )
    stages = []
    for expansion, base, count, stride in _STAGES:
        outputs = int(base * params.width)
        blocks = []
        for index in range(count):
            blocks.append(InvertedResidual(width, outputs, stride=1 if index else stride, expansion=expansion))
            width = outputs
        stages.append(nn.Sequential(*blocks))
    last = max(_LAST, int(_LAST * params.width))
    head = nn.Linear(last, signature.outputs)
    nn.init.normal_(head.weight, std=0.01)
    nn.init.zeros_(head.bias)
    network = named(
        conv1=stem,
        blocks=Stretch(*stages),
        conv2=nn.Sequential(nn.Conv2d(width, last, 1, bias=False), nn.BatchNorm2d(last), nn.ReLU()),
        avgpool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        classifier=nn.Sequential(head),
    )
    he_initialise(network)
    return network


ENTRY = ArchitectureEntry(
    name="cifar-mobilenet-v2",
    title="CIFAR MobileNet V2 (half width)",
    summary="The thin MobileNet of published tables; 697,546 parameters at width 0.5 with 10 classes.",
    source="https://arxiv.org/abs/1801.04381",
    params=CifarMobileNetParams,
    traits=IMAGE_TRAITS,
    build=build,
)
