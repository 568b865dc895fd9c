"""ShuffleNets V1 and V2 of the published CIFAR tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from distill_core.architectures.pieces import IMAGE_TRAITS, image_shape, named
from distill_core.entries import ArchitectureEntry, Params
from distill_core.signature import Signature

_STEM = 24
_GROUPS = 3
_V1_STAGES = ((240, 4), (480, 8), (960, 4))
_V2_WIDTHS = {"x0.5": (48, 96, 192, 1024), "x1.0": (116, 232, 464, 1024)}
_V2_BLOCKS = (4, 8, 4)


class CifarShuffleNetV1Params(Params):
    pass


class CifarShuffleNetV2Params(Params):
    width: Literal["x0.5", "x1.0"] = Field("x1.0", description="x1.0 is the published tables' ShuffleV2.")


class Shuffle(nn.Module):
    """[B,C,H,W] with the channels of all groups taken in turn."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (self.groups, -1)).transpose(1, 2).flatten(1, 2)


class BlockV1(nn.Module):
    """Grouped 1x1 convolution, shuffle, 3x3 of each channel, grouped 1x1; stride 2 appends the pooled input."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        made = outputs - inputs if stride == 2 else outputs
        inner = made // 4
        # The stem's 24 channels are too few to be grouped (section 3.2 of the paper).
        groups = 1 if inputs == _STEM else _GROUPS
        self.conv1 = nn.Conv2d(inputs, inner, 1, groups=groups, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.shuffle = Shuffle(groups)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, groups=inner, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, made, 1, groups=_GROUPS, bias=False)
        self.bn3 = nn.BatchNorm2d(made)
        self.relu = nn.ReLU()
        self.pool = nn.AvgPool2d(3, stride=2, padding=1) if stride == 2 else None

    def forward(self, x: Tensor) -> Tensor:
        inner = self.shuffle(self.relu(self.bn1(self.conv1(x))))
        # ReLU behind the 3x3 convolution is the published tables' code, not the paper's.
        inner = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(inner)))))
        return self.relu(inner + x if self.pool is None else torch.cat([inner, self.pool(x)], dim=1))


class BlockV2(nn.Module):
    """Half of the channels pass, the other half is convolved; then all are shuffled."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.conv1 = nn.Conv2d(half, half, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(half)
        self.conv2 = nn.Conv2d(half, half, 3, padding=1, groups=half, bias=False)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv3 = nn.Conv2d(half, half, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(half)
        self.relu = nn.ReLU()
        self.shuffle = Shuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        kept, inner = x.chunk(2, dim=1)
        inner = self.relu(self.bn1(self.conv1(inner)))
        inner = self.relu(self.bn3(self.conv3(self.bn2(self.conv2(inner)))))
        return self.shuffle(torch.cat([kept, inner], dim=1))


class DownBlockV2(nn.Module):
    """Two branches of stride 2 that read all channels, joined and shuffled."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half = outputs // 2
        self.conv1 = nn.Conv2d(inputs, inputs, 3, stride=2, padding=1, groups=inputs, bias=False)
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv2 = nn.Conv2d(inputs, half, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv3 = nn.Conv2d(inputs, half, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(half)
        self.conv4 = nn.Conv2d(half, half, 3, stride=2, padding=1, groups=half, bias=False)
        self.bn4 = nn.BatchNorm2d(half)
        self.conv5 = nn.Conv2d(half, half, 1, bias=False)
        self.bn5 = nn.BatchNorm2d(half)
        self.relu = nn.ReLU()
        self.shuffle = Shuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        left = self.relu(self.bn2(self.conv2(self.bn1(self.conv1(x)))))
        right = self.bn4(self.conv4(self.relu(self.bn3(self.conv3(x)))))
        right = self.relu(self.bn5(self.conv5(right)))
        return self.shuffle(torch.cat([left, right], dim=1))


def _stages(
    plan: Iterable[tuple[int, int]], first: Callable[[int, int], nn.Module], later: Callable[[int], nn.Module]
) -> tuple[list[nn.Sequential], int]:
    """A stage for each (channels, blocks) of the plan, and the channels of the last; a first block halves the map."""
    width, stages = _STEM, []
    for outputs, count in plan:
        stages.append(nn.Sequential(first(width, outputs), *(later(outputs) for _ in range(count - 1))))
        width = outputs
    return stages, width


def build_v1(params: CifarShuffleNetV1Params, signature: Signature) -> nn.Module:
    """[B,C,H,W] -> [B,outputs], 3 groups. Weights are named as in the published tables' code."""
    channels, _, _ = image_shape(signature, network="A CIFAR ShuffleNet")
    stages, width = _stages(_V1_STAGES, lambda i, o: BlockV1(i, o, 2), lambda o: BlockV1(o, o, 1))
    return named(
        conv1=nn.Conv2d(channels, _STEM, 1, bias=False),
        bn1=nn.BatchNorm2d(_STEM),
        relu=nn.ReLU(),
        layer1=stages[0],
        layer2=stages[1],
        layer3=stages[2],
        avgpool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        linear=nn.Linear(width, signature.outputs),
    )


def build_v2(params: CifarShuffleNetV2Params, signature: Signature) -> nn.Module:
    """[B,C,H,W] -> [B,outputs]. Weights are named as in the published tables' code."""
    channels, _, _ = image_shape(signature, network="A CIFAR ShuffleNet")
    *widths, last = _V2_WIDTHS[params.width]
    stages, width = _stages(zip(widths, _V2_BLOCKS, strict=True), DownBlockV2, BlockV2)
    return named(
        conv1=nn.Conv2d(channels, _STEM, 1, bias=False),
        bn1=nn.BatchNorm2d(_STEM),
        relu=nn.ReLU(),
        layer1=stages[0],
        layer2=stages[1],
        layer3=stages[2],
        conv2=nn.Conv2d(width, last, 1, bias=False),
        bn2=nn.BatchNorm2d(last),
        relu2=nn.ReLU(),
        avgpool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        linear=nn.Linear(last, signature.outputs),
    )


ENTRIES = (
    ArchitectureEntry(
        name="cifar-shufflenet-v1",
        title="CIFAR ShuffleNet V1",
        summary="Grouped 1x1 convolutions and shuffled channels; 862,768 parameters with 10 classes.",
        source="https://arxiv.org/abs/1707.01083",
        params=CifarShuffleNetV1Params,
        traits=IMAGE_TRAITS,
        build=build_v1,
    ),
    ArchitectureEntry(
        name="cifar-shufflenet-v2",
        title="CIFAR ShuffleNet V2",
        summary="Split and shuffled channels; 1,263,278 parameters at x1.0 with 10 classes.",
        source="https://arxiv.org/abs/1807.11164",
        params=CifarShuffleNetV2Params,
        traits=IMAGE_TRAITS,
        build=build_v2,
    ),
)
