"""Batches with variants, of large data, and what the teacher answers to them."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from distill_core.datasets import digits, digits_tagging
from distill_core.datasets.samples import Samples
from distill_core.generators.variants import Originals, VariantMaker, Variants
from distill_core.losses import REGISTRY
from distill_core.losses.term import StepTensors
from distill_core.signature import NO_LABEL
from distill_core.spec import Affine, Choice, Term, Views
from distill_core.training import batches
from distill_core.training import stream as streams
from distill_core.training.batches import Batch
from distill_core.training.objective import Objective
from distill_core.training.split import TransferSet
from distill_core.training.stream import Stream, Variation
from distill_core.training.taps import TapReader

CPU, SIZE = torch.device("cpu"), 10


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return digits.load(digits.DigitsParams(), tmp_path_factory.mktemp("cache"))


def some(data: Samples, count: int = 50) -> TransferSet:
    """Every third sample; every fifth of these without a label."""
    indices = torch.arange(0, 3 * count, 3)
    labels = data.train_labels[indices].clone()
    labels[::5] = NO_LABEL
    return TransferSet(indices=indices, labels=labels)


def stream_of(
    data: Samples, *, maker: VariantMaker | None = None, share: float = 0.5, views: Views | None = None, seed: int = 0
) -> Stream:
    variation = Variation(maker, share) if maker else None
    return Stream(data, some(data), views or Views(), batch_size=SIZE, seed=seed, device=CPU, variation=variation)


def black(originals: Originals, generator: torch.Generator) -> Variants:
    return Variants(inputs=torch.zeros_like(originals.inputs), labels=originals.labels)


def noisy(originals: Originals, generator: torch.Generator) -> Variants:
    noise = torch.rand(originals.inputs.shape, generator=generator)
    return Variants(inputs=noise, labels=originals.labels)


def mixing(originals: Originals, generator: torch.Generator) -> Variants:
    """Three parts of each sample, one of the next."""
    inputs, labels = originals.inputs, originals.labels
    share = torch.full((len(inputs),), 0.75)
    return Variants(
        inputs=0.75 * inputs + 0.25 * inputs.roll(1, 0), labels=labels, partner_labels=labels.roll(1, 0), share=share
    )


@pytest.mark.parametrize(("share", "made"), [(0.5, 5), (1.0, 10), (0.01, 1), (0.34, 3)])
def test_a_share_of_each_batch_is_replaced(data: Samples, share: float, made: int) -> None:
    plain, varied = stream_of(data), stream_of(data, maker=black, share=share)
    for step in (0, 7):
        expected, batch = plain.batch(step), varied.batch(step)
        nothing = (0 - digits.MEAN) / digits.STD
        assert torch.equal(batch.labels, expected.labels)
        assert torch.allclose(batch.inputs[:made], torch.tensor(nothing))
        assert torch.equal(batch.inputs[made:], expected.inputs[made:])
        assert expected.rows is not None and batch.rows is None, "no cached answer fits"


def test_the_maker_gets_raw_inputs_and_no_sample_from_outside_the_transfer_set(data: Samples) -> None:
    seen: list[Originals] = []

    def looking(originals: Originals, generator: torch.Generator) -> Variants:
        seen.append(originals)
        return black(originals, generator)

    stream_of(data, maker=looking).batch(0)
    (originals,) = seen
    assert originals.inputs.shape == (5, 1, 8, 8) and originals.labels.shape == (5,)
    assert originals.inputs.min() >= 0 and originals.inputs.max() <= 1
    assert torch.equal(originals.pool, data.train_inputs[some(data).indices])
    assert originals.signature == data.signature


def same(one: Batch, other: Batch) -> bool:
    parts = ("inputs", "labels", "partner_labels", "share", "rows")
    pairs = [(getattr(one, part), getattr(other, part)) for part in parts]
    return all(a is b is None or (a is not None and b is not None and torch.equal(a, b)) for a, b in pairs)


@pytest.mark.parametrize(
    "views", [Views(), Views(augmentation=Affine(), fixed_views=3), Views(augmentation=Affine(), fixed_views=None)]
)
def test_variants_depend_on_seed_and_step_alone(data: Samples, views: Views) -> None:
    forwards, jumping = (stream_of(data, maker=noisy, views=views) for _ in range(2))
    expected = [forwards.batch(step) for step in range(8)]
    for step in (7, 0, 3):
        torch.rand(3)
        assert same(jumping.batch(step), expected[step])
    assert not torch.equal(expected[0].inputs, expected[5].inputs)
    assert not torch.equal(stream_of(data, maker=noisy, views=views, seed=1).batch(0).inputs, expected[0].inputs)


def test_mixed_labels_reach_the_cross_entropy(data: Samples) -> None:
    batch = stream_of(data, maker=mixing).batch(0)
    assert batch.partner_labels is not None and batch.share is not None
    assert batch.share.tolist() == [0.75] * 5 + [1.0] * 5
    assert torch.equal(batch.partner_labels[:5], batch.labels[:5].roll(1)), "each the label of the one before"
    logits = torch.randn(SIZE, 10, generator=torch.Generator().manual_seed(0))
    objective = Objective([Term(loss=Choice(name="cross-entropy"))], REGISTRY, device=CPU)
    value = objective(
        StepTensors(logits, None, batch.labels, partner_labels=batch.partner_labels, share=batch.share)
    ).item()
    own, partner = (
        F.cross_entropy(logits, labels, reduction="none", ignore_index=NO_LABEL)
        for labels in (batch.labels, batch.partner_labels)
    )
    known, theirs = (labels != NO_LABEL for labels in (batch.labels, batch.partner_labels))
    total = (batch.share * own + (1 - batch.share) * partner).sum()
    count = (batch.share * known + (1 - batch.share) * theirs).sum()
    assert value == pytest.approx((total / count).item(), rel=1e-5)
    assert value != pytest.approx(F.cross_entropy(logits, batch.labels, ignore_index=NO_LABEL).item(), rel=1e-3)


def test_mixed_sequences_have_a_partner_at_each_step(tmp_path_factory: pytest.TempPathFactory) -> None:
    tagged = digits_tagging.load(digits_tagging.DigitsTaggingParams(), tmp_path_factory.mktemp("cache"))
    transfer = TransferSet(indices=torch.arange(20), labels=tagged.train_labels[:20])
    stream = Stream(
        tagged, transfer, Views(), batch_size=SIZE, seed=0, device=CPU, variation=Variation(mixing, 0.5)
    )
    batch = stream.batch(0)
    assert batch.inputs.shape == (SIZE, 16, 8)
    assert batch.partner_labels is not None and batch.partner_labels.shape == batch.labels.shape == (SIZE, 16)
    assert batch.share is not None and batch.share.shape == (SIZE,)


# Large data ----------------------------------------------------------------------------------


@pytest.mark.parametrize("maker", [None, noisy, mixing])
@pytest.mark.parametrize(
    "views", [Views(), Views(augmentation=Affine(), fixed_views=3), Views(augmentation=Affine(), fixed_views=None)]
)
def test_large_data_give_the_same_batches(
    data: Samples, views: Views, maker: VariantMaker | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = stream_of(data, maker=maker, views=views)
    monkeypatch.setattr(streams, "LARGEST_RESIDENT_BYTES", 100)
    large = stream_of(data, maker=maker, views=views)
    assert large._resident is None and small._resident is not None
    for step in (0, 4, 5, 11):
        assert same(small.batch(step), large.batch(step))
    monkeypatch.setattr(streams, "LARGEST_POOL_BYTES", 100)
    unready = stream_of(data, maker=maker, views=views)
    assert not unready._ready
    for step in (0, 11):
        assert torch.equal(small.batch(step).inputs, unready.batch(step).inputs)


def test_of_large_data_too_replacements_come_from_the_transfer_set_alone(
    data: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else validation samples and withheld classes would be seen in pieces."""
    monkeypatch.setattr(streams, "LARGEST_RESIDENT_BYTES", 100)
    monkeypatch.setattr(streams, "LARGEST_DONORS_BYTES", 64 * 12)
    pools: list[Tensor] = []

    def looking(originals: Originals, generator: torch.Generator) -> Variants:
        pools.append(originals.pool)
        return black(originals, generator)

    for _ in range(2):
        stream_of(data, maker=looking).batch(0)
    allowed = {tuple(sample.flatten().tolist()) for sample in data.train_inputs[some(data).indices]}
    assert len(pools[0]) == 12 and torch.equal(*pools)
    assert {tuple(sample.flatten().tolist()) for sample in pools[0]} <= allowed


# What the teacher answers --------------------------------------------------------------------


class Counting(nn.Module):
    """A teacher that notes how many samples it was asked about."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.flat, self.hidden, self.output = nn.Flatten(), nn.Linear(64, 5), nn.Linear(5, 10)
        self.asked: list[int] = []

    def forward(self, inputs: Tensor) -> Tensor:
        self.asked.append(len(inputs))
        answer: Tensor = self.output(self.hidden(self.flat(inputs)))
        return answer


@pytest.fixture
def teacher() -> Counting:
    return Counting().eval().requires_grad_(False)


def answers(teacher: Counting, stream: Stream, step: int) -> tuple[Tensor, Tensor]:
    logits, taps = stream.teacher_answers(teacher, stream.batch(step))
    assert set(taps) == {"hidden"}
    return logits, taps["hidden"]


def direct(teacher: Counting, batch: Batch) -> tuple[Tensor, Tensor]:
    with TapReader(teacher, ["hidden"]).reading() as seen:
        return teacher(batch.inputs), seen["hidden"]


@pytest.mark.parametrize("views", [Views(), Views(augmentation=Affine(), fixed_views=3)])
def test_cached_taps_are_those_that_would_be_asked(
    data: Samples, teacher: Counting, views: Views, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MOST_ASKED", 16)
    cached = stream_of(data, views=views)
    cached.teacher_taps = frozenset({"hidden"})
    found = [answers(teacher, cached, step) for step in (0, 9, 3)]
    assert sum(teacher.asked) == cached.rows, "each row once"
    monkeypatch.setattr(streams, "LARGEST_POOL_BYTES", 40)
    asking = stream_of(data, views=views)
    asking.teacher_taps = frozenset({"hidden"})
    teacher.asked.clear()
    again = [answers(teacher, asking, step) for step in (0, 9, 3)]
    assert teacher.asked[-3:] == [SIZE] * 3, "the layers of each batch anew"
    for (logits, tap), (others, other), step in zip(found, again, (0, 9, 3), strict=True):
        torch.testing.assert_close(tap, other)
        assert torch.equal(logits, others), "the layers of a rival change no logits"
        torch.testing.assert_close((logits, tap), direct(teacher, cached.batch(step)))


def test_variants_are_answered_as_they_are(data: Samples, teacher: Counting) -> None:
    stream = stream_of(data, maker=noisy)
    stream.teacher_taps = frozenset({"hidden"})
    for step in (0, 1):
        torch.testing.assert_close(answers(teacher, stream, step), direct(teacher, stream.batch(step)))


def test_another_teacher_is_asked_anew(data: Samples, teacher: Counting) -> None:
    stream, other = stream_of(data), Counting().eval()
    with torch.no_grad():
        other.output.bias.add_(1.0)
    first = stream.teacher_answers(teacher, stream.batch(0))[0]
    second = stream.teacher_answers(other, stream.batch(0))[0]
    torch.testing.assert_close(first + 1, second)
    assert not second.requires_grad


