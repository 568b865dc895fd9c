"""torchvision's ResNets, with a stem for small images."""

from __future__ import annotations

from functools import partial
from typing import Literal

from pydantic import Field
from torch import nn

from distill_core.architectures.pieces import IMAGE_TRAITS, image_shape, named, with_channels
from distill_core.architectures.pretrained import PRETRAINED_DESCRIPTION, load_pretrained
from distill_core.architectures.published import imagenet_weights, published_network
from distill_core.entries import ArchitectureEntry, Params
from distill_core.signature import Signature


class ResNetParams(Params):
    stem: Literal["small", "imagenet"] = Field(
        "small",
        description="small: 3x3 convolution of stride 1 and no pooling, for images under about 64 pixels; "
        "imagenet: torchvision's 7x7 of stride 2 and pooling.",
    )
    pretrained: bool = Field(
        False, description=f"{PRETRAINED_DESCRIPTION} The small stem's first convolution is new in any case."
    )


def build(params: ResNetParams, signature: Signature, *, name: str) -> nn.Module:
    """[B,C,H,W] -> [B,outputs]. Children and weights are named as torchvision's."""
    channels, _, _ = image_shape(signature, network="A ResNet")
    network = published_network(name, outputs=signature.outputs)
    if params.stem == "small":
        network.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
        network.maxpool = nn.Identity()
    else:
        network.conv1 = with_channels(network.conv1, channels)
    if params.pretrained:
        own = ("fc.", "conv1.") if params.stem == "small" else ("fc.",)
        load_pretrained(network, imagenet_weights(name), first="conv1.weight", own=own)
    return named(
        conv1=network.conv1,
        bn1=network.bn1,
        relu=network.relu,
        maxpool=network.maxpool,
        layer1=network.layer1,
        layer2=network.layer2,
        layer3=network.layer3,
        layer4=network.layer4,
        avgpool=network.avgpool,
        flatten=nn.Flatten(),
        fc=network.fc,
    )


def _entry(depth: int, summary: str) -> ArchitectureEntry:
    return ArchitectureEntry(
        name=f"resnet{depth}",
        title=f"ResNet-{depth} (torchvision)",
        summary=summary,
        source="https://arxiv.org/abs/1512.03385",
        params=ResNetParams,
        traits=IMAGE_TRAITS | {"pretrained"},
        build=partial(build, name=f"resnet{depth}"),
    )


ENTRIES = (
    _entry(18, "11.2 million parameters; a heavy teacher that wants a GPU or patience."),
    _entry(34, "21.3 million parameters; a teacher for a GPU."),
    _entry(50, "23.5 million parameters in bottleneck blocks; a teacher for a GPU."),
)
