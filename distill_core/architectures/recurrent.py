"""LSTM and GRU networks that read sequences and texts step by step."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from distill_core.entries import ArchitectureEntry, Params
from distill_core.signature import PADDING, Signature

Pooling = Literal["mean", "last"]


class RecurrentParams(Params):
    hidden: int = Field(32, ge=1, le=2048, description="Units that carry the memory, in each direction.")
    layers: int = Field(1, ge=1, le=8, description="Recurrent layers on top of each other.")
    pooling: Pooling = Field(
        "mean", description="What is answered from: all steps or the last one; tagging answers at each."
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Share of features dropped between layers and before the last one while training."
    )
    embedding: int = Field(64, ge=1, le=2048, description="Numbers that stand for a word; for texts only.")


class LstmParams(RecurrentParams):
    hidden: int = Field(16, ge=1, le=2048, description="Units that carry the memory.")
    pooling: Pooling = Field(
        "last", description="What is answered from: the last step or all of them; tagging answers at each."
    )


class BiLstmParams(RecurrentParams):
    hidden: int = Field(64, ge=1, le=2048, description="Units that carry the memory, in each direction.")
    dropout: float = Field(
        0.2, ge=0, lt=1, description="Share of features dropped between layers and before the last one while training."
    )


class GruParams(RecurrentParams):
    bidirectional: bool = Field(False, description="Read from both ends, with units of its own for each direction.")


class Steps(nn.Module):
    """A recurrent layer, or several: [B,L,F] -> [B,L,D], without the states that nn.LSTM returns beside it."""

    def __init__(self, cell: nn.LSTM | nn.GRU) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, steps: Tensor) -> Tensor:
        answers: Tensor = self.cell(steps)[0]
        return answers


class StepPooling(nn.Module):
    """One vector of all steps: [B,L,D] -> [B,D]; a mask [B,L] is true where a step counts.

    Of a network that reads both ways, `last` takes the last step of the forward half and the first of the backward
    one: there each direction has read everything.
    """

    def __init__(self, pooling: Pooling, *, both_ways: bool = False) -> None:
        super().__init__()
        self.pooling, self.both_ways = pooling, both_ways

    def forward(self, steps: Tensor, mask: Tensor | None = None) -> Tensor:
        if self.pooling == "mean":
            return steps.mean(1) if mask is None else masked_mean(steps, mask)
        if mask is None:
            last = steps[:, -1]
        else:
            place = (mask.sum(1) - 1).clamp(min=0).view(-1, 1, 1).expand(-1, 1, steps.shape[2])
            last = steps.gather(1, place).squeeze(1)
        if not self.both_ways:
            return last
        half = steps.shape[2] // 2
        return torch.cat([last[:, :half], steps[:, 0, half:]], 1)


def masked_mean(steps: Tensor, mask: Tensor) -> Tensor:
    """Mean [B,D] of the steps [B,L,D] where the mask [B,L] is true; 0 where it nowhere is."""
    counted = mask.unsqueeze(2).to(steps.dtype)
    return (steps * counted).sum(1) / counted.sum(1).clamp(min=1)


class RecurrentNetwork(nn.Module):
    """Sequences [B,L,F] or token ids [B,L] -> answers [B,K], for tagging [B,L,K].

    Padding follows a text, so that what is read forward never meets it; read backward, it comes first, the same for
    every text of a length. Packed sequences would skip it, but cannot be exported to ONNX.
    """

    def __init__(
        self, cell: type[nn.LSTM] | type[nn.GRU], params: RecurrentParams, signature: Signature, *, both_ways: bool
    ) -> None:
        super().__init__()
        self.reads_text = signature.kind == "text"
        features = params.embedding if self.reads_text else signature.shape[-1]
        if self.reads_text:
            self.embedding = nn.Embedding(signature.vocabulary, features, padding_idx=PADDING)
        between = params.dropout if params.layers > 1 else 0.0
        self.recurrent = Steps(
            cell(features, params.hidden, params.layers, batch_first=True, bidirectional=both_ways, dropout=between)
        )
        if signature.task != "tagging":
            self.pooling = StepPooling(params.pooling, both_ways=both_ways)
        self.dropout = nn.Dropout(params.dropout)
        self.output = nn.Linear(params.hidden * (2 if both_ways else 1), signature.outputs)
        self.tags = signature.task == "tagging"

    def forward(self, inputs: Tensor) -> Tensor:
        mask = inputs != PADDING if self.reads_text else None
        steps = self.recurrent(self.embedding(inputs) if self.reads_text else inputs)
        answers: Tensor = self.output(self.dropout(steps if self.tags else self.pooling(steps, mask)))
        return answers


def check_steps(signature: Signature, *, name: str) -> None:
    """Raises ValueError unless the inputs are sequences or texts of at least one step."""
    if signature.kind not in ("sequence", "text"):
        raise ValueError(f"{name} reads sequences and texts, not {signature.noun}; choose another network")
    if signature.kind == "text" and signature.vocabulary < 1:
        raise ValueError(f"{name} needs the vocabulary of the texts it reads; this one is empty")


def build_lstm(params: LstmParams, signature: Signature) -> nn.Module:
    """Sequences [B,L,F] or token ids [B,L] -> [B,K], for tagging [B,L,K]; forward only."""
    check_steps(signature, name="An LSTM")
    return RecurrentNetwork(nn.LSTM, params, signature, both_ways=False)


def build_bilstm(params: BiLstmParams, signature: Signature) -> nn.Module:
    """Sequences [B,L,F] or token ids [B,L] -> [B,K], for tagging [B,L,K]; forward and backward."""
    check_steps(signature, name="A BiLSTM")
    return RecurrentNetwork(nn.LSTM, params, signature, both_ways=True)


def build_gru(params: GruParams, signature: Signature) -> nn.Module:
    """Sequences [B,L,F] or token ids [B,L] -> [B,K], for tagging [B,L,K]."""
    check_steps(signature, name="A GRU")
    return RecurrentNetwork(nn.GRU, params, signature, both_ways=params.bidirectional)


_TRAITS = frozenset({"sequence", "text", "classification", "tagging", "regression"})

ENTRIES = (
    ArchitectureEntry(
        name="lstm",
        title="LSTM",
        summary="Reads once from start to end; 1,834 parameters on the rows of digits.",
        source="https://doi.org/10.1162/neco.1997.9.8.1735",
        params=LstmParams,
        traits=_TRAITS,
        build=build_lstm,
    ),
    ArchitectureEntry(
        name="bilstm",
        title="BiLSTM",
        summary="Two LSTMs, one from each end: a sound teacher for sequences; 39,178 parameters on the rows of digits.",
        source="https://doi.org/10.1109/78.650093",
        params=BiLstmParams,
        traits=_TRAITS,
        build=build_bilstm,
    ),
    ArchitectureEntry(
        name="gru",
        title="GRU",
        summary="Like an LSTM with a quarter fewer weights; may read from both ends.",
        source="https://arxiv.org/abs/1406.1078",
        params=GruParams,
        traits=_TRAITS,
        build=build_gru,
    ),
)
