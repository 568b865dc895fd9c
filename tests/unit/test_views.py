"""Altered images: bounded, reproducible, and what their names say."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_core.spec import Affine, CropFlip
from distill_core.training.views import alter, generator_for, seed_for


def image(height: int = 9, width: int = 9) -> torch.Tensor:
    """A batch of 3 with one bright pixel each, off the centre."""
    pixels = torch.zeros(3, 2, height, width)
    pixels[:, :, 3, 5] = 1
    return pixels


@given(st.integers(0, 2**31 - 1), st.sampled_from([Affine(), CropFlip(), None]))
@settings(max_examples=40, deadline=None)
def test_views_depend_on_the_generator_alone_and_stay_in_range(
    seed: int, augmentation: Affine | CropFlip | None
) -> None:
    pixels = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    first, second = (alter(pixels, augmentation, generator_for(seed)) for _ in range(2))
    assert torch.equal(first, second)
    assert first.shape == pixels.shape
    assert first.min() >= 0
    assert first.max() <= 1 + 1e-5


def test_an_affine_view_without_strength_is_the_image() -> None:
    still = Affine(rotation_degrees=0, scale=0, shear=0, shift_pixels=0)
    torch.testing.assert_close(alter(image(), still, generator_for(1)), image(), atol=1e-5, rtol=0)


def test_a_shift_moves_at_most_its_pixels() -> None:
    only_shift = Affine(rotation_degrees=0, scale=0, shear=0, shift_pixels=1)
    for seed in range(20):
        moved = alter(image(), only_shift, generator_for(seed))
        moved[:, :, 2:5, 4:7] = 0
        assert moved.abs().max() < 1e-6, "the bright pixel stays within one pixel of its place"


def test_crop_flip_moves_whole_pixels_mirrors_and_pads_with_black() -> None:
    seen = set()
    for seed in range(200):
        moved = alter(image(), CropFlip(padding=1), generator_for(seed))
        assert set(moved.unique().tolist()) <= {0.0, 1.0}
        for sample in moved:
            assert torch.equal(sample[0], sample[1]), "channels move together"
            seen.add(tuple(sample[0].nonzero()[0].tolist()))
    assert seen == {(row, column) for row in (2, 3, 4) for column in (2, 3, 4, 5, 6)}


def test_without_padding_or_flip_a_crop_is_the_image() -> None:
    assert torch.equal(alter(image(), CropFlip(padding=0, flip=False), generator_for(5)), image())


def test_neighbouring_seeds_are_unrelated() -> None:
    seeds = [seed_for(a, b, c) for a in range(10) for b in (777, 999) for c in range(10)]
    assert len(set(seeds)) == len(seeds)
    draws = torch.stack([torch.rand(1000, generator=generator_for(0, step)) for step in range(8)])
    correlation = torch.corrcoef(draws) - torch.eye(8)
    assert correlation.abs().max() < 0.15
