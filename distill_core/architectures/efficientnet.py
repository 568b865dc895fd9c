"""torchvision's EfficientNet-B0, with a stem for small images."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import nn

from distill_core.architectures.pieces import IMAGE_TRAITS, image_shape, named, stretch, with_channels
from distill_core.architectures.pretrained import PRETRAINED_DESCRIPTION, load_pretrained
from distill_core.architectures.published import imagenet_weights, published_network
from distill_core.entries import ArchitectureEntry, Params
from distill_core.signature import Signature


class EfficientNetParams(Params):
    stem: Literal["small", "imagenet"] = Field(
        "small",
        description="small: the first convolution has stride 1, for images under about 64 pixels; "
        "imagenet: stride 2, as published.",
    )
    pretrained: bool = Field(False, description=PRETRAINED_DESCRIPTION)


def build(params: EfficientNetParams, signature: Signature) -> nn.Module:
    """[B,C,H,W] -> [B,outputs]. Weights are named as torchvision's."""
    channels, _, _ = image_shape(signature, network="An EfficientNet")
    network = published_network("efficientnet_b0", outputs=signature.outputs)
    network.features[0][0] = with_channels(network.features[0][0], channels)
    if params.stem == "small":
        network.features[0][0].stride = (1, 1)
    if params.pretrained:
        state = imagenet_weights("efficientnet_b0")
        load_pretrained(network, state, first="features.0.0.weight", own=("classifier.",))
    return named(
        features=stretch(network.features), avgpool=network.avgpool, flatten=nn.Flatten(), classifier=network.classifier
    )


ENTRY = ArchitectureEntry(
    name="efficientnet-b0",
    title="EfficientNet-B0 (torchvision)",
    summary="4.0 million parameters in depthwise convolutions with attention to channels; accurate for its size.",
    source="https://arxiv.org/abs/1905.11946",
    params=EfficientNetParams,
    traits=IMAGE_TRAITS | {"pretrained"},
    build=build,
)
