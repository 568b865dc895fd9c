"""torchvision's SqueezeNets, with a stem for small images and answers of either sign."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import nn

from distill_core.architectures.pieces import IMAGE_TRAITS, image_shape, named, stretch, with_channels
from distill_core.architectures.pretrained import PRETRAINED_DESCRIPTION, load_pretrained
from distill_core.architectures.published import imagenet_weights, published_network
from distill_core.entries import ArchitectureEntry, Params
from distill_core.signature import Signature

_LEAST = {"1.0": 21, "1.1": 17}
"""Sides in pixels below which nothing is left for the last pooling of the published stem."""


class SqueezeNetParams(Params):
    version: Literal["1.0", "1.1"] = Field("1.1", description="1.1 needs less than half the computation of 1.0.")
    stem: Literal["small", "imagenet"] = Field(
        "small",
        description="small: 3x3 convolution of stride 1, for images under about 64 pixels; "
        "imagenet: stride 2 (7x7 in version 1.0), as published.",
    )
    pretrained: bool = Field(
        False, description=f"{PRETRAINED_DESCRIPTION} The small stem's first convolution is new in version 1.0."
    )


def build(params: SqueezeNetParams, signature: Signature) -> nn.Module:
    """[B,C,H,W] -> [B,outputs]. Weights are named as torchvision's.

    Unlike the published network no ReLU stands behind the last convolution, so that answers can be negative: as logits
    to imitate and as values of a regression.
    """
    small = params.stem == "small"
    least = 8 if small else _LEAST[params.version]
    channels, _, _ = image_shape(signature, network=f"SqueezeNet {params.version} with this stem", least=least)
    name = f"squeezenet{params.version.replace('.', '_')}"
    network = published_network(name, outputs=signature.outputs)
    own = ["classifier."]
    if small and params.version == "1.0":
        network.features[0] = nn.Conv2d(channels, 96, 3, padding=1)
        own.append("features.0.")
    else:
        network.features[0] = with_channels(network.features[0], channels)
        if small:
            network.features[0].stride, network.features[0].padding = (1, 1), (1, 1)
    if params.pretrained:
        load_pretrained(network, imagenet_weights(name), first="features.0.weight", own=tuple(own))
    network.classifier[2] = nn.Identity()
    return named(features=stretch(network.features), classifier=stretch(network.classifier), flatten=nn.Flatten())


ENTRY = ArchitectureEntry(
    name="squeezenet",
    title="SqueezeNet (torchvision)",
    summary="0.73 million parameters and no batch normalisation: small in bytes, but slow to train.",
    source="https://arxiv.org/abs/1602.07360",
    params=SqueezeNetParams,
    traits=IMAGE_TRAITS | {"pretrained"},
    build=build,
)
