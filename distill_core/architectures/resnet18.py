"""torchvision's ResNet-18 from random weights, with a stem for small images."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import nn
from torchvision.models import resnet18

from distill_core.catalog import ArchitectureEntry, Params


class ResNet18Params(Params):
    stem: Literal["small", "imagenet"] = Field(
        "small",
        description="small: 3x3 convolution of stride 1 and no pooling, for images under about 64 pixels; "
        "imagenet: torchvision's 7x7 of stride 2 and pooling.",
    )


def build(params: ResNet18Params, shape: tuple[int, ...], classes: int) -> nn.Module:
    """[B,C,H,W] -> [B,classes]."""
    network = resnet18(weights=None, num_classes=classes)
    if params.stem == "small":
        network.conv1 = nn.Conv2d(shape[0], 64, 3, padding=1, bias=False)
        network.maxpool = nn.Identity()
    elif shape[0] != 3:
        network.conv1 = nn.Conv2d(shape[0], 64, 7, stride=2, padding=3, bias=False)
    return network


ENTRY = ArchitectureEntry(
    name="resnet18",
    title="ResNet-18 (torchvision)",
    summary="11.2 million parameters; a heavy teacher that wants a GPU or patience.",
    source="https://arxiv.org/abs/1512.03385",
    params=ResNet18Params,
    build=build,
)
