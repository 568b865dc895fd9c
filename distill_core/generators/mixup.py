"""Mixup: each sample is blended with another one of its batch."""

from __future__ import annotations

import torch
from pydantic import Field

from distill_core.entries import GeneratorEntry, Params
from distill_core.generators.drawing import beta_shares
from distill_core.generators.variants import Originals, VariantMaker, Variants


class MixupParams(Params):
    concentration: float = Field(
        1.0, gt=0, le=100,
        description="How even the blends are: near 0 mostly one of the two, at 1 every share is as likely, above that "
        "mostly half of each.",
    )


def build(params: MixupParams) -> VariantMaker:
    """share * sample + (1 - share) * partner, with share from Beta(concentration, concentration) and both labels.

    Zhang et al. 2018, https://arxiv.org/abs/1710.09412; a share for each sample where they draw one for the batch.
    """

    def make(originals: Originals, generator: torch.Generator) -> Variants:
        inputs, labels = originals.inputs, originals.labels
        partner = torch.randperm(len(inputs), generator=generator).to(inputs.device)
        share = beta_shares(len(inputs), params.concentration, generator).to(inputs.device)
        weight = share.view(-1, *(1 for _ in inputs.shape[1:]))
        return Variants(
            inputs=weight * inputs + (1 - weight) * inputs[partner], labels=labels,
            partner_labels=labels[partner], share=share,
        )

    return make


ENTRY = GeneratorEntry(
    name="mixup",
    title="Mixup",
    summary="Each sample is blended with another one; both labels count by their share, the teacher answers the blend.",
    source="https://arxiv.org/abs/1710.09412",
    params=MixupParams,
    traits=frozenset({"image", "sequence", "table", "mixes"}),
    build=build,
)
