"""A small transformer encoder that reads texts and sequences."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor, nn

from distill_core.architectures.recurrent import StepPooling, check_steps
from distill_core.entries import ArchitectureEntry, Params
from distill_core.signature import PADDING, Signature


class TransformerParams(Params):
    width: int = Field(64, ge=4, le=2048, description="Numbers that stand for a step; a multiple of the heads.")
    layers: int = Field(2, ge=1, le=24, description="Encoder layers on top of each other.")
    heads: int = Field(4, ge=1, le=64, description="Attention heads of each layer.")
    widening: int = Field(2, ge=1, le=8, description="How many times wider the inner part of a layer is.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Share of features dropped while training.")


class StepsWithPlaces(nn.Module):
    """Token ids [B,L] or steps [B,L,F] -> [B,L,D], with a learned vector added for each place."""

    def __init__(self, signature: Signature, width: int) -> None:
        super().__init__()
        steps: nn.Module
        if signature.kind == "text":
            steps = nn.Embedding(signature.vocabulary, width, padding_idx=PADDING)
        else:
            steps = nn.Linear(signature.shape[-1], width)
        self.steps = steps
        # Near 0, so that at first a word counts for more than its place.
        self.places = nn.Parameter(torch.randn(signature.shape[0], width) * 0.02)

    def forward(self, inputs: Tensor) -> Tensor:
        answers: Tensor = self.steps(inputs) + self.places
        return answers


class SelfAttention(nn.Module):
    """Scaled dot-product attention of every step to all steps that count (Vaswani et al. 2017, section 3.2).

    Written out in matrix products: they can be counted and exported, also with a mask.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, steps: Tensor, mask: Tensor | None = None) -> Tensor:
        """Steps [B,L,D], mask [B,L] -> [B,L,D]."""
        length, width = steps.shape[1], steps.shape[2]
        parts = self.queries_keys_values(steps).view(-1, length, 3, self.heads, width // self.heads)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4).unbind(0)
        scores = queries @ keys.transpose(2, 3) * (width // self.heads) ** -0.5
        if mask is not None:
            # Not minus infinity: of a text without words, every share would be NaN.
            scores = scores.masked_fill(~mask.view(-1, 1, 1, length), -1e4)
        mixed = scores.softmax(3) @ values
        answers: Tensor = self.output(mixed.transpose(1, 2).reshape(-1, length, width))
        return answers


class EncoderLayer(nn.Module):
    """Attention, then two linear layers at each step, each added to what came in, normalised before (Xiong 2020)."""

    def __init__(self, params: TransformerParams) -> None:
        super().__init__()
        width = params.width
        self.attention_norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, params.heads)
        self.inner_norm = nn.LayerNorm(width)
        self.inner = nn.Sequential(
            nn.Linear(width, params.widening * width), nn.GELU(), nn.Linear(params.widening * width, width)
        )
        self.dropout = nn.Dropout(params.dropout)

    def forward(self, steps: Tensor, mask: Tensor | None = None) -> Tensor:
        steps = steps + self.dropout(self.attention(self.attention_norm(steps), mask))
        answers: Tensor = steps + self.dropout(self.inner(self.inner_norm(steps)))
        return answers


class Transformer(nn.Module):
    """Token ids [B,L] or sequences [B,L,F] -> answers [B,K], for tagging [B,L,K]; padding never counts."""

    def __init__(self, params: TransformerParams, signature: Signature) -> None:
        super().__init__()
        self.reads_text = signature.kind == "text"
        self.tags = signature.task == "tagging"
        self.embedding = StepsWithPlaces(signature, params.width)
        # Children of their own instead of a list, so that the network can be cut after each.
        for number in range(params.layers):
            self.add_module(f"layer{number + 1}", EncoderLayer(params))
        self.norm = nn.LayerNorm(params.width)
        if not self.tags:
            self.pooling = StepPooling("mean")
        self.dropout = nn.Dropout(params.dropout)
        self.output = nn.Linear(params.width, signature.outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        mask = inputs != PADDING if self.reads_text else None
        steps = self.embedding(inputs)
        for layer in self._layers():
            steps = layer(steps, mask)
        steps = self.norm(steps)
        answers: Tensor = self.output(self.dropout(steps if self.tags else self.pooling(steps, mask)))
        return answers

    def _layers(self) -> Iterator[EncoderLayer]:
        return (child for child in self.children() if isinstance(child, EncoderLayer))


def build(params: TransformerParams, signature: Signature) -> nn.Module:
    """Token ids [B,L] or sequences [B,L,F] -> [B,K], for tagging [B,L,K]."""
    check_steps(signature, name="A transformer")
    if params.width % params.heads:
        raise ValueError(
            f"the width {params.width} is not a multiple of {params.heads} heads; choose, say, "
            f"{max(1, round(params.width / params.heads)) * params.heads}"
        )
    return Transformer(params, signature)


ENTRY = ArchitectureEntry(
    name="text-transformer",
    title="Small transformer",
    summary="Encoder layers in which every step looks at all others; for texts and sequences.",
    source="https://arxiv.org/abs/1706.03762",
    params=TransformerParams,
    traits=frozenset({"sequence", "text", "classification", "tagging", "regression"}),
    build=build,
)
