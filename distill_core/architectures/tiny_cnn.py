"""A two-layer CNN without normalisation: the student of the digits presets."""

from __future__ import annotations

from pydantic import Field
from torch import nn

from distill_core.architectures.pieces import IMAGE_TRAITS, image_shape
from distill_core.entries import ArchitectureEntry, Params
from distill_core.signature import Signature


class TinyCnnParams(Params):
    width: int = Field(8, ge=1, le=512, description="Channels of the first convolution; the second has twice as many.")


def build(params: TinyCnnParams, signature: Signature) -> nn.Module:
    """[B,C,H,W] -> [B,outputs]; H and W of at least 4 pixels."""
    channels, height, width = image_shape(signature, network="The tiny CNN", least=4)
    w = params.width
    return nn.Sequential(
        nn.Conv2d(channels, w, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(w, 2 * w, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2 * w * (height // 4) * (width // 4), signature.outputs),
    )


ENTRY = ArchitectureEntry(
    name="tiny-cnn",
    title="Tiny CNN (2 convolutions)",
    summary="A student small enough to need help; 1,898 parameters on the digits.",
    source="measured for the digits presets",
    params=TinyCnnParams,
    traits=IMAGE_TRAITS,
    build=build,
)
