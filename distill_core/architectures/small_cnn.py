"""A three-layer CNN with batch normalisation: the teacher of the digits presets."""

from __future__ import annotations

from pydantic import Field
from torch import nn

from distill_core.architectures.pieces import IMAGE_TRAITS, image_shape
from distill_core.entries import ArchitectureEntry, Params
from distill_core.signature import Signature


class SmallCnnParams(Params):
    width: int = Field(
        16, ge=2, le=512, description="Channels of the first convolution; the others have 2 and 4 times as many."
    )
    dropout: float = Field(
        0.2, ge=0, lt=1, description="Share of features dropped before the last layer while training."
    )


def build(params: SmallCnnParams, signature: Signature) -> nn.Module:
    """[B,C,H,W] -> [B,outputs]; H and W of at least 4 pixels."""
    channels, height, width = image_shape(signature, network="The small CNN", least=4)
    w = params.width

    def block(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]

    return nn.Sequential(
        *block(channels, w),
        *block(w, 2 * w),
        nn.MaxPool2d(2),
        *block(2 * w, 4 * w),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(params.dropout),
        nn.Linear(4 * w * (height // 4) * (width // 4), signature.outputs),
    )


ENTRY = ArchitectureEntry(
    name="small-cnn",
    title="Small CNN (3 convolutions, batch norm)",
    summary="A sound teacher for small grey images; 25,978 parameters on the digits.",
    source="measured for the digits presets",
    params=SmallCnnParams,
    traits=IMAGE_TRAITS,
    build=build,
)
