"""CutMix: a rectangle of each image becomes that of another one of its batch."""

from __future__ import annotations

import torch
from pydantic import Field

from distill_core.entries import GeneratorEntry, Params
from distill_core.generators.drawing import beta_shares, inside
from distill_core.generators.variants import Originals, VariantMaker, Variants


class CutmixParams(Params):
    concentration: float = Field(
        1.0, gt=0, le=100,
        description="How even the shares are: near 0 mostly one of the two images, at 1 every share is as likely, "
        "above that mostly half of each.",
    )


def build(params: CutmixParams) -> VariantMaker:
    """A rectangle of the image's proportions around a random point, cut at the border; labels count by visible area.

    Yun et al. 2019, https://arxiv.org/abs/1905.04899; a rectangle for each image where they draw one for the batch.
    """

    def make(originals: Originals, generator: torch.Generator) -> Variants:
        inputs, labels = originals.inputs, originals.labels
        batch, _, height, width = inputs.shape
        partner = torch.randperm(batch, generator=generator).to(inputs.device)
        side = (1 - beta_shares(batch, params.concentration, generator)).sqrt()[:, None]
        y = torch.randint(height, (batch, 1), generator=generator)
        x = torch.randint(width, (batch, 1), generator=generator)
        tall, wide = (side * height).long(), (side * width).long()
        top, left = y - tall // 2, x - wide // 2
        cut = inside(top, top + tall, left, left + wide, height=height, width=width)
        share = 1 - cut.float().mean((1, 2, 3))
        return Variants(
            inputs=torch.where(cut.to(inputs.device), inputs[partner], inputs), labels=labels,
            partner_labels=labels[partner], share=share.to(inputs.device),
        )

    return make


ENTRY = GeneratorEntry(
    name="cutmix",
    title="CutMix",
    summary="A rectangle of each image comes from another one; both labels count by their visible area.",
    source="https://arxiv.org/abs/1905.04899",
    params=CutmixParams,
    traits=frozenset({"image", "mixes"}),
    build=build,
)
