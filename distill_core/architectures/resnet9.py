"""ResNet-9: the small residual network of fast CIFAR-10 training."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from distill_core.architectures.pieces import IMAGE_TRAITS, image_shape
from distill_core.entries import ArchitectureEntry, Params
from distill_core.signature import Signature


class ResNet9Params(Params):
    width: int = Field(16, ge=2, le=256, description="Channels of the first convolution; the last has 8 times as many.")
    logit_scale: float = Field(0.25, gt=0, le=10, description="Factor on the logits, which keeps early training calm.")


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """x + f(x), with f two convolutions of the same width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = convolution(width, width)
        self.second = convolution(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x))


class ScaledLinear(nn.Linear):
    """A linear layer whose outputs are multiplied by a constant."""

    def __init__(self, inputs: int, outputs: int, *, scale: float) -> None:
        super().__init__(inputs, outputs)
        self.scale = scale

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) * self.scale


def build(params: ResNet9Params, signature: Signature) -> nn.Module:
    """[B,C,H,W] -> [B,outputs]; H and W of at least 8 pixels."""
    channels, _, _ = image_shape(signature, network="A ResNet-9", least=8)
    w = params.width
    return nn.Sequential(
        convolution(channels, w),
        convolution(w, 2 * w, stride=2),
        Residual(2 * w),
        convolution(2 * w, 4 * w, stride=2),
        convolution(4 * w, 8 * w, stride=2),
        Residual(8 * w),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        ScaledLinear(8 * w, signature.outputs, scale=params.logit_scale),
    )


ENTRY = ArchitectureEntry(
    name="resnet9",
    title="ResNet-9",
    summary="83% on CIFAR-10 in minutes on a CPU; 412,954 parameters at width 16, 103,954 at width 8.",
    source="https://arxiv.org/abs/1512.03385",
    params=ResNet9Params,
    traits=IMAGE_TRAITS,
    build=build,
)
