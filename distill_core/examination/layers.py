"""Reads the features that networks make of samples, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from distill_core.examination.bench import Bench
from distill_core.training.taps import TapReader, list_taps

_BATCH = 128
MOST_FEATURES = 16_384
"""Of one layer and sample; larger maps are averaged down to fewer places."""
ANSWER = "answer"


def thinned(names: Sequence[str], most: int) -> list[str]:
    """At most so many of the names, evenly spread, first and last among them."""
    if len(names) <= most:
        return list(names)
    return [names[round(place * (len(names) - 1) / (most - 1))] for place in range(most)]


def layer_names(bench: Bench, model: nn.Module) -> list[str]:
    """All that can be read, in running order, without the answer."""
    return list(list_taps(model, bench.signature))


def label_of(model: nn.Module, name: str) -> str:
    """A layer as people are told of it: "9 Conv2d"."""
    return f"{name} {type(model.get_submodule(name)).__name__}"


@torch.no_grad()
def features(bench: Bench, model: nn.Module, names: Sequence[str], rows: Tensor) -> dict[str, Tensor]:
    """What each named layer, and the answer, gives for the test samples: name -> float32 [N,D] on the CPU."""
    reader = TapReader(model, names)
    found: dict[str, list[Tensor]] = {name: [] for name in (*names, ANSWER)}
    for part in rows.split(_BATCH):
        raw = bench.normalise.raw(bench.data.test_inputs[part].to(bench.device))
        with reader.reading() as seen:
            answers = model(bench.normalise(raw))
        for name in names:
            found[name].append(_flat(seen[name]))
        found[ANSWER].append(_flat(answers))
    return {name: torch.cat(parts) for name, parts in found.items()}


def _flat(given: Tensor) -> Tensor:
    """[B,...] -> [B,D]; too large a map [B,C,H,W] or too many steps [B,L,D] are averaged over neighbours first."""
    given = given.float()
    if given[0].numel() > MOST_FEATURES:
        if given.dim() == 4:
            side = max(1, int((MOST_FEATURES // given.shape[1]) ** 0.5))
            given = F.adaptive_avg_pool2d(given, (min(side, given.shape[2]), min(side, given.shape[3])))
        elif given.dim() == 3:
            steps = max(1, MOST_FEATURES // given.shape[2])
            given = F.adaptive_avg_pool1d(given.transpose(1, 2), min(steps, given.shape[1]))
    return given.flatten(1).cpu()
