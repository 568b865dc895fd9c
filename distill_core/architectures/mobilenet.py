"""torchvision's MobileNets V2 and V3, with a stem for small images."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from torch import nn

from distill_core.architectures.pieces import IMAGE_TRAITS, image_shape, named, stretch, with_channels
from distill_core.architectures.pretrained import PRETRAINED_DESCRIPTION, load_pretrained
from distill_core.architectures.published import imagenet_weights, published_network
from distill_core.entries import ArchitectureEntry, Params
from distill_core.signature import Signature

_MOMENTUM = 0.1
"""Of V3's batch normalisation. torchvision's 0.01 leaves the statistics unfinished after a short training."""


class MobileNetV2Params(Params):
    stem: Literal["small", "imagenet"] = Field(
        "small",
        description="small: the first convolution has stride 1, for images under about 64 pixels; "
        "imagenet: stride 2, as published.",
    )
    pretrained: bool = Field(False, description=PRETRAINED_DESCRIPTION)


class MobileNetV3Params(MobileNetV2Params):
    size: Literal["small", "large"] = Field("small", description="1.5 million parameters (small) or 4.2 (large).")


def build_v2(params: MobileNetV2Params, signature: Signature) -> nn.Module:
    """[B,C,H,W] -> [B,outputs]. Weights are named as torchvision's."""
    network = published_network("mobilenet_v2", outputs=signature.outputs)
    _fit(network, params, signature, weights="mobilenet_v2", own=("classifier.",))
    return named(
        features=stretch(network.features),
        avgpool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        classifier=network.classifier,
    )


def build_v3(params: MobileNetV3Params, signature: Signature) -> nn.Module:
    """[B,C,H,W] -> [B,outputs]. Weights are named as torchvision's; batch normalisation's momentum is 0.1, not 0.01."""
    name = f"mobilenet_v3_{params.size}"
    network = published_network(name, outputs=signature.outputs)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = _MOMENTUM
    _fit(network, params, signature, weights=name, own=("classifier.3.",))
    return named(
        features=stretch(network.features), avgpool=network.avgpool, flatten=nn.Flatten(), classifier=network.classifier
    )


def _fit(network: Any, params: MobileNetV2Params, signature: Signature, *, weights: str, own: tuple[str, ...]) -> None:
    """Fit the first convolution to the images, and fetch weights if wanted."""
    channels, _, _ = image_shape(signature, network="A MobileNet")
    network.features[0][0] = with_channels(network.features[0][0], channels)
    if params.stem == "small":
        network.features[0][0].stride = (1, 1)
    if params.pretrained:
        load_pretrained(network, imagenet_weights(weights), first="features.0.0.weight", own=own)


ENTRIES = (
    ArchitectureEntry(
        name="mobilenet-v2",
        title="MobileNet V2 (torchvision)",
        summary="2.2 million parameters in depthwise convolutions; a student for phones.",
        source="https://arxiv.org/abs/1801.04381",
        params=MobileNetV2Params,
        traits=IMAGE_TRAITS | {"pretrained"},
        build=build_v2,
    ),
    ArchitectureEntry(
        name="mobilenet-v3",
        title="MobileNet V3 (torchvision)",
        summary="1.5 or 4.2 million parameters; a student for phones, made for low latency.",
        source="https://arxiv.org/abs/1905.02244",
        params=MobileNetV3Params,
        traits=IMAGE_TRAITS | {"pretrained"},
        build=build_v3,
    ),
)
