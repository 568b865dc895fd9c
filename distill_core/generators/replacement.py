"""Random replacement: parts of a sample become those of other samples."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from distill_core.entries import GeneratorEntry, Params
from distill_core.generators.drawing import others, real_tokens, some_of, squares
from distill_core.generators.variants import Originals, VariantMaker, Variants
from distill_core.signature import NO_LABEL, UNKNOWN

_TEXTS_TO_DRAW_FROM = 256


class ReplacementParams(Params):
    share: float = Field(
        0.25, gt=0, le=0.9,
        description="How much is replaced: of an image's area, a sequence's steps, a text's words or a row's features.",
    )
    patches: int = Field(
        1, ge=1, le=64, description="Of images only: squares that the replaced area is divided into; they may overlap."
    )


def build(params: ReplacementParams) -> VariantMaker:
    """Squares, steps and features come from the same place of other samples, words from all words of other texts.

    A sample keeps its label; of tagging a replaced step has none, for nobody knows it. Words: after Tang et al. 2019,
    https://arxiv.org/abs/1903.12136, but without their part-of-speech tags; features: Bahri et al. 2022,
    https://arxiv.org/abs/2106.15147.
    """

    def make(originals: Originals, generator: torch.Generator) -> Variants:
        if originals.signature.kind == "image":
            return Variants(inputs=_patched(originals, params, generator), labels=originals.labels)
        return _replaced(originals, params.share, generator)

    return make


def _patched(originals: Originals, params: ReplacementParams, generator: torch.Generator) -> Tensor:
    """Each square from an image of its own."""
    inputs = originals.inputs
    height, width = inputs.shape[2:]
    masks = squares(len(inputs), height, width, share=params.share, patches=params.patches, generator=generator)
    for mask in masks:
        inputs = torch.where(mask.to(inputs.device), others(originals.pool, inputs, generator), inputs)
    return inputs


def _replaced(originals: Originals, share: float, generator: torch.Generator) -> Variants:
    inputs, labels, kind = originals.inputs, originals.labels, originals.signature.kind
    allowed = real_tokens(inputs) if kind == "text" else torch.ones(inputs.shape[:2], dtype=torch.bool)
    chosen = some_of(allowed, share, generator).to(inputs.device)
    other = _words(originals, generator) if kind == "text" else others(originals.pool, inputs, generator)
    made = torch.where(chosen[..., None] if kind == "sequence" else chosen, other, inputs)
    if originals.signature.task == "tagging":
        labels = labels.masked_fill(chosen, NO_LABEL)
    return Variants(inputs=made, labels=labels)


def _words(originals: Originals, generator: torch.Generator) -> Tensor:
    """Words as often as they stand in the pool: drawn from all those of 256 random texts; int64 [B,L]."""
    rows = torch.randint(len(originals.pool), (_TEXTS_TO_DRAW_FROM,), generator=generator)
    texts = originals.pool[rows.to(originals.pool.device)].cpu()
    words = texts[real_tokens(texts)].long()
    if not len(words):
        words = torch.tensor([UNKNOWN])
    places = torch.randint(len(words), originals.inputs.shape, generator=generator)
    return words[places].to(originals.inputs.device)


ENTRY = GeneratorEntry(
    name="replacement",
    title="Random replacement",
    summary="Parts of each sample become those of other samples, so that the teacher tells how much that changes.",
    source="https://arxiv.org/abs/1903.12136",
    params=ReplacementParams,
    traits=frozenset({"image", "sequence", "text", "table"}),
    build=build,
)
