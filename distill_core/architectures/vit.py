"""Vision transformers: ViT-B/16 with torchvision's weights, and smaller ones for small images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from distill_core.architectures.pieces import IMAGE_TRAITS, image_shape, named
from distill_core.architectures.pretrained import PRETRAINED_DESCRIPTION, load_pretrained
from distill_core.architectures.published import imagenet_weights
from distill_core.entries import ArchitectureEntry, Params
from distill_core.signature import Signature

_BLOCKS = 12
_SIZES = {"tiny": (192, 3), "small": (384, 6), "base": (768, 12)}
"""Width and heads; those of DeiT (https://arxiv.org/abs/2012.12877)."""


class VitParams(Params):
    size: Literal["tiny", "small", "base"] = Field(
        "base", description="5.4, 21 or 86 million parameters in 12 blocks; base with patches of 16 is ViT-B/16."
    )
    patch: Literal[4, 8, 16] = Field(
        16, description="Side of a patch in pixels; it must divide the images' sides. 4 suits images of 32 pixels."
    )
    pretrained: bool = Field(False, description=f"{PRETRAINED_DESCRIPTION} For size base with patches of 16 only.")


class Tokens(nn.Module):
    """Map [B,D,h,w] -> tokens [B,1+h*w,D]: the class token first, a learned position added to each."""

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embedding = nn.Parameter(torch.empty(1, 1 + count, width).normal_(std=0.02))

    def forward(self, patches: Tensor) -> Tensor:
        tokens = patches.flatten(2).transpose(1, 2)
        first = self.class_token.expand(tokens.shape[0], -1, -1)
        return torch.cat([first, tokens], dim=1) + self.pos_embedding


class FirstToken(nn.Module):
    """Tokens [B,N,D] -> the class token's [B,D]."""

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens[:, 0]


def build(params: VitParams, signature: Signature) -> nn.Module:
    """[B,C,H,W] -> [B,outputs]; the side of a patch divides H and W.

    Begins as torchvision's: the last layer answers zero. The children are flat, so that it can be cut after any block;
    torchvision's names are translated when its weights are loaded.
    """
    # Takes a second to load: see published.py.
    from torchvision.models.vision_transformer import EncoderBlock

    channels, height, width = image_shape(signature, network="A vision transformer")
    side = params.patch
    if height % side or width % side:
        raise ValueError(
            f"This vision transformer cuts images into patches of {side} x {side} pixels, which do not divide "
            f"{height} x {width}; choose a smaller patch, or one that divides both sides."
        )
    if params.pretrained and (params.size, side) != ("base", 16):
        raise ValueError("Pretrained weights exist for the vision transformer of size base with patches of 16 only.")
    rows, columns = height // side, width // side
    depth, heads = _SIZES[params.size]
    patches = nn.Conv2d(channels, depth, side, stride=side)
    nn.init.trunc_normal_(patches.weight, std=math.sqrt(1 / (channels * side * side)))
    nn.init.zeros_(patches.bias)  # type: ignore[arg-type]
    head = nn.Linear(depth, signature.outputs)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    network = named(
        conv_proj=patches,
        tokens=Tokens(depth, rows * columns),
        **{f"encoder_layer_{index}": EncoderBlock(heads, depth, 4 * depth, 0.0, 0.0) for index in range(_BLOCKS)},
        ln=nn.LayerNorm(depth, eps=1e-6),
        first=FirstToken(),
        head=head,
    )
    if params.pretrained:
        state = _translated(imagenet_weights("vit_b_16"), rows, columns)
        load_pretrained(network, state, first="conv_proj.weight", own=("head.",))
    return network


def _translated(state: Mapping[str, Tensor], rows: int, columns: int) -> dict[str, Tensor]:
    """torchvision's weights under our names, with positions resized to another grid of patches."""
    renamed = {}
    for name, value in state.items():
        if name.startswith("heads."):
            continue
        if name in ("class_token", "encoder.pos_embedding"):
            name = f"tokens.{name.removeprefix('encoder.')}"
        renamed[name.removeprefix("encoder.").removeprefix("layers.")] = value
    renamed["tokens.pos_embedding"] = resized_positions(renamed["tokens.pos_embedding"], rows, columns)
    return renamed


def resized_positions(positions: Tensor, rows: int, columns: int) -> Tensor:
    """[1,1+n*n,D] -> [1,1+rows*columns,D], bicubic over the grid; the class token's stays."""
    first, grid = positions[:, :1], positions[:, 1:]
    side = math.isqrt(grid.shape[1])
    if (side, side) == (rows, columns):
        return positions
    grid = grid.transpose(1, 2).reshape(1, -1, side, side)
    grid = nn.functional.interpolate(grid, size=(rows, columns), mode="bicubic", align_corners=True)
    return torch.cat([first, grid.flatten(2).transpose(1, 2)], dim=1)


ENTRY = ArchitectureEntry(
    name="vit",
    title="Vision transformer (ViT-B/16 and smaller)",
    summary="Attention over patches; without pretrained weights it needs far more data than a CNN.",
    source="https://arxiv.org/abs/2010.11929",
    params=VitParams,
    traits=IMAGE_TRAITS | {"pretrained"},
    build=build,
)
