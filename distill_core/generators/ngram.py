"""N-gram sampling: a few words in a row stand for the whole text."""

from __future__ import annotations

import torch
from pydantic import Field

from distill_core.entries import GeneratorEntry, Params
from distill_core.generators.drawing import real_tokens
from distill_core.generators.variants import Originals, VariantMaker, Variants
from distill_core.signature import NO_LABEL, PADDING


class NgramParams(Params):
    longest: int = Field(5, ge=1, le=1024, description="Words of the longest piece; each length up to it is as likely.")


def build(params: NgramParams) -> VariantMaker:
    """A random contiguous piece of each text, moved to its start; of tagging the labels of its words go along.

    Tang et al. 2019, https://arxiv.org/abs/1903.12136, whose pieces have 1 to 5 words.
    """

    def make(originals: Originals, generator: torch.Generator) -> Variants:
        tokens, labels = originals.inputs, originals.labels
        batch, length = tokens.shape
        there = real_tokens(tokens).sum(1, keepdim=True).cpu()
        wanted = torch.randint(1, params.longest + 1, (batch, 1), generator=generator)
        kept = torch.minimum(wanted, there)
        start = (torch.rand(batch, 1, generator=generator) * (there - kept + 1)).long()
        places = torch.arange(length)
        source = (start + places).clamp(max=length - 1).to(tokens.device)
        beyond = (places >= kept).to(tokens.device)
        if originals.signature.task == "tagging":
            labels = labels.gather(1, source).masked_fill(beyond, NO_LABEL)
        return Variants(inputs=tokens.gather(1, source).masked_fill(beyond, PADDING), labels=labels)

    return make


ENTRY = GeneratorEntry(
    name="ngram",
    title="N-gram sampling",
    summary="A random piece of each text, a few words long, so that the teacher tells what phrases mean.",
    source="https://arxiv.org/abs/1903.12136",
    params=NgramParams,
    traits=frozenset({"text"}),
    build=build,
)
