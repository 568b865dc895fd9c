"""Each generator does what its paper says, on small cases."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from distill_core.generators import REGISTRY
from distill_core.generators.drawing import beta_shares, some_of, squares
from distill_core.generators.variants import Originals, Variants
from distill_core.signature import MASK, NO_LABEL, InputKind, Signature, Task
from distill_core.training.views import generator_for


def make(
    name: str, params: dict, inputs: Tensor, *, pool: Tensor, kind: InputKind, task: Task = "classification",
    labels: Tensor | None = None, seed: int = 0,
) -> Variants:
    entry = REGISTRY[name]
    labels = torch.zeros(len(inputs), dtype=torch.long) if labels is None else labels
    signature = Signature(kind=kind, shape=tuple(inputs.shape[1:]), outputs=3, task=task, vocabulary=100)
    given = Originals(inputs=inputs, labels=labels, pool=pool, signature=signature)
    return entry.build(entry.resolve(params))(given, generator_for(seed))


def test_places_are_so_many_among_those_allowed() -> None:
    allowed = torch.arange(10) < torch.tensor([[10], [4], [2], [1], [0]])
    chosen = some_of(allowed, 0.5, generator_for(0))
    assert chosen.sum(1).tolist() == [5, 2, 1, 0, 0]
    assert not (chosen & ~allowed).any()
    assert some_of(allowed, 0.01, generator_for(0)).sum(1).tolist() == [1, 1, 1, 0, 0]
    assert some_of(allowed, 0.9, generator_for(0)).sum(1).tolist() == [9, 3, 1, 0, 0]
    # Each place equally often.
    counts = some_of(torch.ones(4000, 5, dtype=torch.bool), 0.4, generator_for(1)).float().mean(0)
    assert counts.tolist() == pytest.approx([0.4] * 5, abs=0.04)


def test_squares_lie_inside_and_cover_their_share() -> None:
    (mask,) = squares(50, 20, 10, share=0.18, patches=1, generator=generator_for(0))
    assert mask.shape == (50, 1, 20, 10)
    assert mask.sum((1, 2, 3)).tolist() == [36] * 50
    assert mask.any(3).sum(2).tolist() == mask.any(2).sum(2).tolist() == [[6]] * 50
    assert len({tuple(one.flatten().tolist()) for one in mask}) > 20
    four = squares(50, 20, 10, share=0.18, patches=4, generator=generator_for(0))
    assert [int(one.sum()) for one in four] == [9 * 50] * 4
    assert squares(1, 3, 50, share=0.9, patches=1, generator=generator_for(0))[0].sum() == 9


def test_masked_squares_become_the_mean_of_each_channel() -> None:
    pool = torch.stack([torch.full((5, 6, 6), 51), torch.full((5, 6, 6), 153)], dim=1).to(torch.uint8)
    images = torch.rand(30, 2, 6, 6, generator=generator_for(5))
    made = make("masking", {"share": 0.25, "patches": 1}, images, pool=pool, kind="image").inputs
    hidden = (made != images).any(1)
    assert hidden.sum((1, 2)).tolist() == [9] * 30
    assert made[:, 0][hidden].tolist() == pytest.approx([0.2] * 270)
    assert made[:, 1][hidden].tolist() == pytest.approx([0.6] * 270)


def test_masked_steps_and_features_become_the_mean_of_each_feature() -> None:
    steps = torch.randn(20, 8, 3, generator=generator_for(5))
    made = make("masking", {"share": 0.5}, steps, pool=torch.tensor([[[1.0, 2, 3]] * 8]), kind="sequence").inputs
    hidden = (made != steps).any(2)
    assert hidden.sum(1).tolist() == [4] * 20
    assert made[hidden].unique(dim=0).tolist() == [[1, 2, 3]]

    rows = torch.randn(20, 4, generator=generator_for(5))
    pool = torch.tensor([[0.0, 1, 2, 3], [2, 3, 4, 5]])
    made = make("masking", {"share": 0.25}, rows, pool=pool, kind="table").inputs
    hidden = made != rows
    assert hidden.sum(1).tolist() == [1] * 20
    assert set(made[hidden].tolist()) == {1.0, 2.0, 3.0, 4.0}


TEXTS = torch.tensor([[10, 11, 12, 13, 14, 15, 0, 0], [20, 21, 0, 0, 0, 0, 0, 0], [30, 0, 0, 0, 0, 0, 0, 0]])


def test_masked_words_are_the_mask_and_a_single_word_stays() -> None:
    made = make("masking", {"share": 0.5}, TEXTS, pool=TEXTS.int(), kind="text").inputs
    assert (made == MASK).sum(1).tolist() == [3, 1, 0]
    assert ((made == TEXTS) | (made == MASK)).all()


def test_masked_steps_keep_their_tags_and_replaced_ones_lose_them() -> None:
    tags = torch.where(TEXTS == 0, NO_LABEL, TEXTS % 3)
    given = {"pool": torch.full((5, 8), 99, dtype=torch.int32), "kind": "text", "task": "tagging", "labels": tags}
    masked = make("masking", {"share": 0.5}, TEXTS, **given)
    assert torch.equal(masked.labels, tags)
    replaced = make("replacement", {"share": 0.5}, TEXTS, **given)
    changed = replaced.inputs == 99
    assert changed.sum(1).tolist() == [3, 1, 0]
    assert torch.equal(replaced.labels, tags.masked_fill(changed, NO_LABEL))


def test_words_are_replaced_as_often_as_they_stand_in_the_pool() -> None:
    # Word 5 stands 3 times as often as word 7, and in a quarter of the texts.
    pool = torch.zeros(400, 9, dtype=torch.int32)
    pool[:100] = 5
    pool[100:, 0] = 7
    texts = torch.full((2000, 9), 3)
    made = make("replacement", {"share": 0.9}, texts, pool=pool, kind="text").inputs
    fives, sevens = (made == 5).sum().item(), (made == 7).sum().item()
    assert fives + sevens == 2000 * 8
    assert fives / (fives + sevens) == pytest.approx(0.75, abs=0.06)


def test_squares_steps_and_features_are_replaced_from_the_same_place() -> None:
    def ramp(first: int, count: int, shape: tuple[int, ...]) -> Tensor:
        """Every value tells its sample (tens) and its place (ones)."""
        places = torch.arange(math.prod(shape)).reshape(shape) % 10
        return places + 10 * torch.arange(first, first + count).view(-1, *(1 for _ in shape))

    images = torch.zeros(40, 1, 4, 4)
    pool = ramp(1, 9, (1, 4, 4)).to(torch.uint8)
    made = (make("replacement", {"share": 0.25}, images, pool=pool, kind="image").inputs * 255).round().int()
    taken = made > 0
    assert taken.sum((1, 2, 3)).tolist() == [4] * 40
    place = torch.arange(16).reshape(1, 4, 4) % 10
    assert torch.equal(made[taken] % 10, place.expand_as(made)[taken])
    donors = [set((one[one > 0] // 10).tolist()) for one in made]
    assert all(len(found) == 1 for found in donors) and len(set.union(*donors)) > 4

    two = (make("replacement", {"share": 0.25, "patches": 4}, images, pool=pool, kind="image").inputs * 255).round()
    assert any(len(set((one[one > 0] // 10).int().tolist())) > 1 for one in two), "each square from another image"

    pool = ramp(1, 9, (6, 2)).float()
    made = make("replacement", {"share": 0.5}, torch.full((30, 6, 2), -1.0), pool=pool, kind="sequence").inputs
    taken = made >= 0
    assert taken.all(2).sum(1).tolist() == [3] * 30 and torch.equal(taken[..., 0], taken[..., 1])
    place = torch.arange(12).reshape(6, 2) % 10
    assert torch.equal(made[taken] % 10, place.expand_as(made)[taken].float())


def test_a_piece_of_a_text_moves_to_its_start_with_its_tags() -> None:
    text = torch.arange(10, 18).repeat(4000, 1)
    text[:, 6:] = 0
    tags = torch.where(text == 0, NO_LABEL, text - 10)
    made = make("ngram", {"longest": 3}, text, pool=text, kind="text", task="tagging", labels=tags)
    lengths = (made.inputs != 0).sum(1)
    assert [round((lengths == n).float().mean().item(), 1) for n in (1, 2, 3)] == [0.3, 0.3, 0.3]
    for row, length in zip(made.inputs[:200].tolist(), lengths[:200].tolist(), strict=True):
        assert row == [row[0] + step for step in range(length)] + [0] * (8 - length)
    starts = made.inputs[lengths == 2][:, 0]
    assert [(starts == 10 + n).float().mean().item() for n in range(5)] == pytest.approx([0.2] * 5, abs=0.05)
    assert torch.equal(made.labels, torch.where(made.inputs == 0, NO_LABEL, made.inputs - 10))


def test_a_text_shorter_than_its_piece_stays_whole() -> None:
    text = torch.tensor([[10, 11, 0, 0]])
    made = [make("ngram", {"longest": 9}, text, pool=text, kind="text", seed=seed).inputs for seed in range(60)]
    found = {tuple(one[0].tolist()) for one in made}
    assert found == {(10, 11, 0, 0), (10, 0, 0, 0), (11, 0, 0, 0)}


def test_mixup_blends_with_the_partner_whose_label_it_gives() -> None:
    rows = torch.eye(6)
    made = make("mixup", {}, rows, pool=rows, kind="table", labels=torch.arange(6))
    assert made.share is not None and made.partner_labels is not None
    assert sorted(made.partner_labels.tolist()) == list(range(6))
    expected = made.share[:, None] * rows + (1 - made.share[:, None]) * rows[made.partner_labels]
    torch.testing.assert_close(made.inputs, expected)
    assert len(set(made.share.tolist())) == 6


def test_shares_are_drawn_from_the_beta_distribution() -> None:
    for concentration in (0.2, 1.0, 4.0):
        shares = beta_shares(20_000, concentration, generator_for(0))
        assert shares.mean().item() == pytest.approx(0.5, abs=0.02)
        assert shares.var().item() == pytest.approx(1 / (4 * (2 * concentration + 1)), rel=0.05)


def test_the_share_of_cutmix_is_the_area_that_is_left() -> None:
    images = torch.arange(1.0, 41).view(-1, 1, 1, 1).expand(40, 1, 12, 9) / 40
    made = make("cutmix", {}, images, pool=images, kind="image", labels=torch.arange(40))
    assert made.share is not None and made.partner_labels is not None
    own = made.inputs == images
    partner = made.inputs == images[made.partner_labels]
    assert (own | partner).all()
    moved = made.partner_labels != torch.arange(40)
    assert own.float().mean((1, 2, 3))[moved].tolist() == pytest.approx(made.share[moved].tolist())
    for one in ~own[moved][:, 0]:
        # A rectangle: its rows times its columns are all of it.
        assert one.sum() == one.any(0).sum() * one.any(1).sum()
    assert 0.3 < made.share.mean() < 0.9
