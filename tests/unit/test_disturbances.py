"""Disturbances do what they say, keep the range, and depend on nothing but a sample's row and the strength."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from distill_core.datasets.samples import Samples
from distill_core.examination.disturbances import OF_KIND, Disturbance, blur_pixels
from distill_core.signature import INPUT_KINDS, PADDING, UNKNOWN, InputKind

INPUTS: dict[InputKind, Tensor] = {
    "image": torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(1)),
    "sequence": torch.randn(6, 20, 4, generator=torch.Generator().manual_seed(2)),
    "table": torch.randn(6, 30, generator=torch.Generator().manual_seed(3)),
    "text": torch.tensor([[number + 3 for number in range(20)] + [PADDING] * 5] * 6),
}
WIDTH = {"image": 3, "sequence": 4, "table": 30, "text": 0}
ROWS = [40, 3, 7, 8, 9, 12]


def data_of(kind: InputKind, **changes: Any) -> Samples:
    inputs, labels = INPUTS[kind], torch.zeros(6, dtype=torch.int64)
    return Samples(
        train_inputs=inputs, train_labels=labels, test_inputs=inputs, test_labels=labels, class_names=("a", "b"),
        mean=(0.25,) * WIDTH[kind], std=(2.0,) * WIDTH[kind], kind=kind, **changes,
    )


def named(kind: InputKind, name: str) -> Disturbance:
    return next(one for one in OF_KIND[kind] if one.name == name)


EVERY = [(kind, one) for kind in INPUT_KINDS for one in OF_KIND[kind]]


@pytest.mark.parametrize(("kind", "one"), EVERY, ids=[f"{kind}-{one.name}" for kind, one in EVERY])
def test_what_is_random_of_a_sample_depends_on_its_row_alone(kind: InputKind, one: Disturbance) -> None:
    raw, data = INPUTS[kind], data_of(kind)
    before = raw.clone()
    assert len(one.strengths) == 5 and list(one.strengths) == sorted(one.strengths)
    for strength in one.strengths:
        whole = one.apply(raw, strength, ROWS, data)
        assert whole.shape == raw.shape and whole.dtype == raw.dtype
        alone = one.apply(raw[2:3], strength, ROWS[2:3], data)
        assert torch.equal(whole[2:3], alone), "not on its batch"
        if kind == "image":
            assert whole.min() >= 0 and whole.max() <= 1
    assert torch.equal(raw, before), "what is given stays as it was"
    changes = [(one.apply(raw, strength, ROWS, data) != raw).float().mean().item() for strength in one.strengths]
    assert changes[-1] > 0 and changes == pytest.approx(sorted(changes)), "stronger changes no less"


def test_noise_has_the_deviation_it_says() -> None:
    grey = torch.full((6, 3, 64, 64), 0.5)
    noisy = named("image", "noise").apply(grey, 0.08, ROWS, data_of("image"))
    assert (noisy - grey).std().item() == pytest.approx(0.08, rel=0.02)
    assert not torch.equal(noisy[0], noisy[1]), "each sample has its own"
    values = named("table", "value-noise").apply(INPUTS["table"], 0.5, ROWS, data_of("table"))
    assert (values - INPUTS["table"]).std().item() == pytest.approx(0.5 * 2.0, rel=0.15)


def test_blur_keeps_what_is_even_and_spreads_a_dot_as_wide_as_it_says() -> None:
    blur = named("image", "blur")
    even = torch.full((1, 3, 32, 32), 0.3)
    assert torch.allclose(blur.apply(even, 1.5, [0], data_of("image")), even, atol=1e-6)
    dot = torch.zeros(1, 3, 33, 33)
    dot[:, :, 16, 16] = 1
    spread = blur.apply(dot, 1.5, [0], data_of("image"))[0, 0]
    across = spread.sum(0)
    assert across.sum().item() == pytest.approx(1, abs=1e-5)
    offsets = torch.arange(33) - 16.0
    assert math.sqrt((across * offsets**2).sum().item()) == pytest.approx(blur_pixels(1.5, (33, 33)), rel=0.02)


def test_brightness_adds_and_occlusion_covers_the_share_it_says() -> None:
    brighter = named("image", "brightness").apply(INPUTS["image"], 0.3, ROWS, data_of("image"))
    assert torch.allclose(brighter, (INPUTS["image"] + 0.3).clamp(max=1))
    covered = named("image", "occlusion").apply(INPUTS["image"], 0.5, ROWS, data_of("image"))
    changed = (covered != INPUTS["image"]).any(1)
    assert changed.flatten(1).sum(1).tolist() == [64] * 6, "half of each side of 16 pixels"
    assert torch.all(covered.movedim(1, -1)[changed] == 0.25), "the mean colour"
    assert len({tuple(one.nonzero()[0].tolist()) for one in changed}) > 1, "not always in the same place"


def test_words_are_left_out_or_misspelt_and_one_always_stays() -> None:
    raw, data = INPUTS["text"], data_of("text")
    fewer = named("text", "left-out").apply(raw, 0.5, ROWS, data)
    for row in fewer:
        words = row[row != PADDING].tolist()
        assert 0 < len(words) < 20 and words == sorted(words), "in their order, nothing between them"
        assert row[: len(words)].tolist() == words
    unknown = named("text", "misspelt").apply(raw, 0.5, ROWS, data)
    assert torch.all((unknown == raw) | (unknown == UNKNOWN))
    assert torch.all((unknown == PADDING) == (raw == PADDING))
    everything = named("text", "left-out").apply(raw, 1.0, ROWS, data)
    assert (everything != PADDING).sum(1).tolist() == [1] * 6
    assert torch.equal(named("text", "left-out").apply(raw[:, 20:], 0.5, ROWS, data), raw[:, 20:]), "no words at all"


def test_missing_values_become_the_mean() -> None:
    lost = named("sequence", "missing").apply(INPUTS["sequence"], 0.4, ROWS, data_of("sequence"))
    changed = lost != INPUTS["sequence"]
    assert changed.float().mean().item() == pytest.approx(0.4, abs=0.06)
    assert torch.all(lost[changed] == 0.25)
