"""Iterative pruning: prune a little, train, prune more; each round is a tread of the staircase."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distill_core.compression.fine_tuning import FineTuningParams
from distill_core.compression.magnitude import SparsityParams
from distill_core.compression_step import Series
from distill_core.entries import CompressionEntry
from distill_core.signature import INPUT_KINDS, TASKS
from distill_core.spec import Choice


class IterativeParams(FineTuningParams):
    sparsity: float = Field(0.8, gt=0, lt=1, description="Share of the weights that are 0 in the end.")
    rounds: int = Field(3, ge=2, le=6, description="How often it prunes and trains.")
    schedule: Literal["cubic", "linear"] = Field(
        "cubic", description="cubic: much at first, little at the end (Zhu and Gupta 2017); linear: as much each time."
    )
    epochs: int = Field(5, ge=1, le=10_000, description="At most, in each round.")


def sparsities(final: float, rounds: int, schedule: str) -> list[float]:
    """The share of zeros after each round; cubic: s(t) = s_f - s_f (1 - t/n)^3."""
    times = [number / rounds for number in range(1, rounds + 1)]
    return [final * (1 - (1 - time) ** 3 if schedule == "cubic" else time) for time in times]


def _few_digits(share: float) -> float:
    """A share between 0 and 1 without the noise of its last bits; one next to either end stays off it."""
    near = round(share, 4)
    return near if 0 < near < 1 else share


def build(params: IterativeParams) -> Series:
    tuning = FineTuningParams.model_validate(
        params.model_dump(include=set(FineTuningParams.model_fields))
    ).model_dump(mode="json")
    steps: list[Choice] = []
    for sparsity in sparsities(params.sparsity, params.rounds, params.schedule):
        pruning = SparsityParams(sparsity=_few_digits(sparsity)).model_dump(mode="json")
        steps += [Choice(name="magnitude-pruning", params=pruning), Choice(name="fine-tuning", params=tuning)]
    return Series(tuple(steps))


ENTRY = CompressionEntry(
    name="iterative-pruning", title="Iterative pruning", summary="Prune and fine-tune in rounds, a run each.",
    source="Zhu and Gupta 2017, https://arxiv.org/abs/1710.01878", params=IterativeParams,
    traits=frozenset({"series", *INPUT_KINDS, *TASKS}), build=build,
)
