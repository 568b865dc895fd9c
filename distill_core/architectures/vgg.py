"""VGG networks with batch normalisation, with torchvision's names and weights."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import nn

from distill_core.architectures.pieces import IMAGE_TRAITS, Stretch, he_initialise, image_shape, named
from distill_core.architectures.pretrained import PRETRAINED_DESCRIPTION, load_pretrained
from distill_core.architectures.published import imagenet_weights
from distill_core.entries import ArchitectureEntry, Params
from distill_core.signature import Signature

_CONVOLUTIONS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3)}
_WIDTHS = (64, 128, 256, 512, 512)


class VggParams(Params):
    depth: Literal[11, 13, 16] = Field(11, description="Layers with weights: 9.2, 9.4 or 14.7 million parameters.")
    head: Literal["small", "imagenet"] = Field(
        "small",
        description="small: one linear layer on the averaged map, for small images; imagenet: the published three, "
        "which add 120 million parameters.",
    )
    pretrained: bool = Field(False, description=f"{PRETRAINED_DESCRIPTION} A small head is new as a whole.")


def build(params: VggParams, signature: Signature) -> nn.Module:
    """[B,C,H,W] -> [B,outputs]; H and W of at least 32 pixels, since five poolings halve them."""
    channels, _, _ = image_shape(signature, network="A VGG", least=32)
    layers: list[nn.Module] = []
    width = channels
    for count, wider in zip(_CONVOLUTIONS[params.depth], _WIDTHS, strict=True):
        for _ in range(count):
            layers += [nn.Conv2d(width, wider, 3, padding=1), nn.BatchNorm2d(wider), nn.ReLU(inplace=True)]
            width = wider
        layers.append(nn.MaxPool2d(2))
    small = params.head == "small"
    network = named(
        features=Stretch(*layers),
        avgpool=nn.AdaptiveAvgPool2d(1 if small else 7),
        flatten=nn.Flatten(),
        classifier=nn.Linear(width, signature.outputs) if small else _published_head(width, signature.outputs),
    )
    he_initialise(network)
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)
    if params.pretrained:
        own = ("classifier.",) if small else ("classifier.6.",)
        load_pretrained(network, imagenet_weights(f"vgg{params.depth}_bn"), first="features.0.weight", own=own)
    return network


def _published_head(width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(width * 7 * 7, 4096),
        nn.ReLU(inplace=True),
        nn.Dropout(),
        nn.Linear(4096, 4096),
        nn.ReLU(inplace=True),
        nn.Dropout(),
        nn.Linear(4096, outputs),
    )


ENTRY = ArchitectureEntry(
    name="vgg",
    title="VGG with batch norm (torchvision)",
    summary="Plain 3x3 convolutions for images of 32 pixels and more; many parameters, but simple inner maps.",
    source="https://arxiv.org/abs/1409.1556",
    params=VggParams,
    traits=IMAGE_TRAITS | {"pretrained"},
    build=build,
)
