"""Random masking: squares of an image, steps, words or features are taken away."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from distill_core.entries import GeneratorEntry, Params
from distill_core.generators.drawing import pool_mean, real_tokens, some_of, squares
from distill_core.generators.variants import Originals, VariantMaker, Variants
from distill_core.signature import MASK


class MaskingParams(Params):
    share: float = Field(
        0.25, gt=0, le=0.9,
        description="How much is masked: of an image's area, a sequence's steps, a text's words or a row's features.",
    )
    patches: int = Field(
        1, ge=1, le=64, description="Of images only: squares that the masked area is divided into; they may overlap."
    )


def build(params: MaskingParams) -> VariantMaker:
    """Labels stay: of tagging also those of masked steps, which the others must tell.

    Squares: DeVries and Taylor 2017, https://arxiv.org/abs/1708.04552, who mask one, partly outside; words: Tang et al.
    2019, https://arxiv.org/abs/1903.12136. What is masked becomes the mean of the pool, a word the mask's token.
    """

    def make(originals: Originals, generator: torch.Generator) -> Variants:
        return Variants(inputs=_masked(originals, params, generator), labels=originals.labels)

    return make


def _masked(originals: Originals, params: MaskingParams, generator: torch.Generator) -> Tensor:
    inputs = originals.inputs
    if originals.signature.kind == "text":
        hidden = some_of(real_tokens(inputs), params.share, generator).to(inputs.device)
        return inputs.masked_fill(hidden, MASK)
    mean = pool_mean(originals.pool, inputs)
    if originals.signature.kind == "image":
        height, width = inputs.shape[2:]
        masks = squares(
            len(inputs), height, width, share=params.share, patches=params.patches, generator=generator
        )
        return torch.where(torch.stack(masks).any(0).to(inputs.device), mean, inputs)
    hidden = some_of(torch.ones(inputs.shape[:2], dtype=torch.bool), params.share, generator).to(inputs.device)
    return torch.where(hidden[..., None] if originals.signature.kind == "sequence" else hidden, mean, inputs)


ENTRY = GeneratorEntry(
    name="masking",
    title="Random masking",
    summary="Parts of each sample are hidden, so that the teacher tells what the rest still shows.",
    source="https://arxiv.org/abs/1708.04552, https://arxiv.org/abs/1903.12136",
    params=MaskingParams,
    traits=frozenset({"image", "sequence", "text", "table"}),
    build=build,
)
