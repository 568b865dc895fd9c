"""torchvision's ConvNeXt-Tiny, with a stem for small images."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import nn

from distill_core.architectures.pieces import IMAGE_TRAITS, image_shape, named, stretch, with_channels
from distill_core.architectures.pretrained import PRETRAINED_DESCRIPTION, load_pretrained
from distill_core.architectures.published import imagenet_weights, published_network
from distill_core.entries import ArchitectureEntry, Params
from distill_core.signature import Signature


class ConvNeXtParams(Params):
    stem: Literal["small", "imagenet"] = Field(
        "small",
        description="small: 3x3 convolution of stride 1, for images under about 64 pixels; "
        "imagenet: patches of 4x4 pixels, as published.",
    )
    pretrained: bool = Field(
        False, description=f"{PRETRAINED_DESCRIPTION} The small stem's first convolution is new in any case."
    )


def build(params: ConvNeXtParams, signature: Signature) -> nn.Module:
    """[B,C,H,W] -> [B,outputs]; H and W of at least 8 pixels, with the published stem 32. Names as torchvision's."""
    small = params.stem == "small"
    channels, _, _ = image_shape(signature, network="A ConvNeXt with this stem", least=8 if small else 32)
    network = published_network("convnext_tiny", outputs=signature.outputs)
    stem = network.features[0]
    if small:
        stem[0] = nn.Conv2d(channels, 96, 3, padding=1)
    else:
        stem[0] = with_channels(stem[0], channels)
    if params.pretrained:
        own = ("classifier.2.", "features.0.0.") if small else ("classifier.2.",)
        state = imagenet_weights("convnext_tiny")
        load_pretrained(network, state, first="features.0.0.weight", own=own)
    return named(features=stretch(network.features), avgpool=network.avgpool, classifier=stretch(network.classifier))


ENTRY = ArchitectureEntry(
    name="convnext-tiny",
    title="ConvNeXt-Tiny (torchvision)",
    summary="27.8 million parameters; a strong teacher for a GPU and a long training.",
    source="https://arxiv.org/abs/2201.03545",
    params=ConvNeXtParams,
    traits=IMAGE_TRAITS | {"pretrained"},
    build=build,
)
