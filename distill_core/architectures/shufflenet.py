"""torchvision's ShuffleNet V2, with a stem for small images."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import nn

from distill_core.architectures.pieces import IMAGE_TRAITS, image_shape, named, with_channels
from distill_core.architectures.pretrained import PRETRAINED_DESCRIPTION, load_pretrained
from distill_core.architectures.published import imagenet_weights, published_network
from distill_core.entries import ArchitectureEntry, Params
from distill_core.signature import Signature


class ShuffleNetParams(Params):
    width: Literal["x0.5", "x1.0"] = Field("x0.5", description="0.4 million parameters (x0.5) or 1.3 (x1.0).")
    stem: Literal["small", "imagenet"] = Field(
        "small",
        description="small: the first convolution has stride 1 and no pooling follows, for images under about 64 "
        "pixels; imagenet: stride 2 and pooling, as published.",
    )
    pretrained: bool = Field(False, description=PRETRAINED_DESCRIPTION)


def build(params: ShuffleNetParams, signature: Signature) -> nn.Module:
    """[B,C,H,W] -> [B,outputs]. Weights are named as torchvision's."""
    channels, _, _ = image_shape(signature, network="A ShuffleNet")
    name = f"shufflenet_v2_{params.width.replace('.', '_')}"
    network = published_network(name, outputs=signature.outputs)
    network.conv1[0] = with_channels(network.conv1[0], channels)
    if params.stem == "small":
        network.conv1[0].stride = (1, 1)
        network.maxpool = nn.Identity()
    if params.pretrained:
        load_pretrained(network, imagenet_weights(name), first="conv1.0.weight", own=("fc.",))
    return named(
        conv1=network.conv1,
        maxpool=network.maxpool,
        stage2=network.stage2,
        stage3=network.stage3,
        stage4=network.stage4,
        conv5=network.conv5,
        avgpool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        fc=network.fc,
    )


ENTRY = ArchitectureEntry(
    name="shufflenet-v2",
    title="ShuffleNet V2 (torchvision)",
    summary="0.4 or 1.3 million parameters; a student made for speed on processors.",
    source="https://arxiv.org/abs/1807.11164",
    params=ShuffleNetParams,
    traits=IMAGE_TRAITS | {"pretrained"},
    build=build,
)
