"""Which layers of the students give what which layers of the teacher give: linear CKA, every layer with every layer."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill_core.evaluation.similarity import alignment, centred_gram
from distill_core.examination.bench import Bench, Examinee
from distill_core.examination.layers import ANSWER, features, label_of, layer_names, thinned
from distill_core.examined import Pair, Similarity

MOST_SAMPLES = 500
MOST_LAYERS = 12
Grams = dict[str, NDArray[np.float64]]


def units(bench: Bench) -> int:
    return len(bench.networks)


def examine(bench: Bench) -> Similarity | None:
    """The teacher's layers beside those of every student whose layers can be read; None if stopped."""
    networks = bench.networks
    if len(networks) < 2 or networks[0].facts.role != "teacher":
        return Similarity(**bench.common(absent=(
            "It takes the teacher's kept network and a student's; one of them is not there."
        )))
    rows = bench.rows(MOST_SAMPLES)
    found: list[Grams] = []
    shortened = False
    for one in networks:
        grams, cut = _grams(bench, one, rows)
        found.append(grams)
        shortened |= cut
        if not bench.go_on():
            return None
    notes = (f"Of deeper networks {MOST_LAYERS} layers, evenly spread, and the answer are shown.",) if shortened else ()
    return Similarity(
        **bench.common(samples=len(rows), notes=notes),
        pairs=tuple(
            _pair(networks[0], found[0], one, grams) for one, grams in zip(networks[1:], found[1:], strict=True)
        ),
    )


def _grams(bench: Bench, one: Examinee, rows: Tensor) -> tuple[Grams, bool]:
    assert one.model is not None
    names = layer_names(bench, one.model)
    read = thinned(names, MOST_LAYERS)
    seen = features(bench, one.model, read, rows)
    grams: Grams = {}
    before: Tensor | None = None
    for name in (*read, ANSWER):
        # What only reshapes, as a Flatten does, is no layer of its own.
        if before is None or not torch.equal(seen[name], before):
            label = name if name == ANSWER else label_of(one.model, name)
            grams[label] = centred_gram(seen[name].numpy())
        before = seen[name]
    return grams, len(read) < len(names)


def _pair(teacher: Examinee, mine: Grams, student: Examinee, other: Grams) -> Pair:
    return Pair(
        teacher=teacher.facts.run_id, student=student.facts.run_id, rows=tuple(mine), columns=tuple(other),
        values=tuple(
            tuple(_rounded(alignment(first, second)) for second in other.values()) for first in mine.values()
        ),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
