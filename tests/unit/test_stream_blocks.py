"""Batches that are made several at once: each is what it would be alone, in whatever order steps are asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from distill_core.datasets import digits, digits_tagging
from distill_core.datasets.samples import Samples
from distill_core.spec import Affine, CropFlip, Views
from distill_core.training import stream as streams
from distill_core.training.batches import asked_at_once
from distill_core.training.split import TransferSet
from distill_core.training.stream import Stream

CPU = torch.device("cpu")
VIEWS = (
    Views(), Views(augmentation=Affine(), fixed_views=3), Views(augmentation=Affine(), fixed_views=None),
    Views(augmentation=CropFlip(), fixed_views=None), Views(augmentation=CropFlip(flip=False), fixed_views=None),
)


class Counting(nn.Module):
    """A teacher that answers sums of pixels, and counts how many samples it was asked about."""

    def __init__(self, outputs: int = 10) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.arange(1.0, outputs + 1))
        self.asked = 0

    def forward(self, inputs: Tensor) -> Tensor:
        self.asked += len(inputs)
        return inputs.flatten(1).sum(1, keepdim=True) * self.weight


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return digits.load(digits.DigitsParams(), tmp_path_factory.mktemp("cache"))


def stream_of(data: Samples, views: Views, *, samples: int, batch_size: int, together: int | None = None) -> Stream:
    """`together` batches at once; None: as many as it chooses."""
    transfer = TransferSet(indices=torch.arange(samples), labels=data.train_labels[:samples])
    stream = Stream(data, transfer, views, batch_size=batch_size, seed=3, device=CPU)
    if together is not None:
        stream._together = together
    return stream


@given(
    views=st.sampled_from(VIEWS), samples=st.integers(1, 70), batch_size=st.integers(1, 40),
    steps=st.lists(st.integers(0, 60), min_size=1, max_size=12),
)
@settings(max_examples=60, deadline=None)
def test_a_batch_is_the_same_alone_and_among_its_neighbours(
    data: Samples, views: Views, samples: int, batch_size: int, steps: list[int]
) -> None:
    alone = stream_of(data, views, samples=samples, batch_size=batch_size, together=1)
    together = stream_of(data, views, samples=samples, batch_size=batch_size)
    assert together._together > 1, "or this test tests nothing"
    teacher = Counting().eval()
    for step in steps:
        one, other = alone.batch(step), together.batch(step)
        assert one.step == other.step == step
        assert torch.equal(one.labels, other.labels)
        assert torch.equal(one.inputs, other.inputs)
        assert (one.rows is None) == (other.rows is None) == (views.fixed_views is None)
        if one.rows is not None and other.rows is not None:
            assert torch.equal(one.rows, other.rows)
        answers = [stream.teacher_answers(teacher, batch)[0] for stream, batch in ((alone, one), (together, other))]
        assert torch.equal(*answers)


@pytest.fixture
def permutations(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The passes whose order was drawn, by the numbers their generators were made of."""
    drawn: list[int] = []
    real = streams.generator_for

    def noting(*parts: int) -> torch.Generator:
        if parts[1] == streams.ORDER:
            drawn.append(parts[2])
        return real(*parts)

    monkeypatch.setattr(streams, "generator_for", noting)
    yield drawn


def test_each_order_is_drawn_once_and_each_sample_asked_once(data: Samples, permutations: list[int]) -> None:
    stream = stream_of(data, Views(augmentation=Affine(), fixed_views=4), samples=50, batch_size=40)
    teacher = Counting().eval()
    for step in range(20):
        stream.teacher_answers(teacher, stream.batch(step))
    assert permutations[:4] == [0, 1, 2, 3]
    assert len(permutations) == len(set(permutations))
    assert teacher.asked == 200


def test_another_teacher_is_asked_anew_within_a_block(data: Samples) -> None:
    stream = stream_of(data, Views(), samples=40, batch_size=10)
    batch, teacher, other = stream.batch(1), Counting().eval(), Counting().eval()
    with torch.no_grad():
        other.weight.mul_(2)
    first, second, third = (stream.teacher_answers(one, batch)[0] for one in (teacher, other, teacher))
    assert torch.equal(second, 2 * first)
    assert torch.equal(third, first)


def test_a_batch_of_a_block_that_is_gone_still_gets_its_own_answers(data: Samples) -> None:
    stream = stream_of(data, Views(), samples=40, batch_size=10)
    teacher = Counting().eval()
    early = stream.batch(0)
    expected = stream.teacher_answers(teacher, early)[0].clone()
    stream.teacher_answers(teacher, stream.batch(40))
    assert torch.equal(stream.teacher_answers(teacher, early)[0], expected)


def test_of_larger_batches_fewer_are_made_at_once(data: Samples) -> None:
    for batch_size, together in ((10, streams.MOST_TOGETHER), (1000, 4), (1100, 3)):
        assert stream_of(data, Views(), samples=1100, batch_size=batch_size)._together == together
    assert 4 * 1000 * 64 <= streams.LARGEST_BLOCK < 4 * 1100 * 64


def test_sequences_are_altered_together_as_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    tagged = digits_tagging.load(digits_tagging.DigitsTaggingParams(), tmp_path_factory.mktemp("cache"))
    views = Views(augmentation=Affine(), fixed_views=None)
    alone, together = (
        stream_of(tagged, views, samples=30, batch_size=7, together=count) for count in (1, streams.MOST_TOGETHER)
    )
    for step in range(20):
        assert torch.equal(alone.batch(step).inputs, together.batch(step).inputs)


@pytest.mark.parametrize(("shape", "count"), [
    ((1, 8, 8), 512), ((3, 32, 32), 512), ((64,), 512), ((3, 96, 96), 151), ((3, 224, 224), 27), ((3, 4096, 4096), 1),
])
def test_of_large_images_few_are_asked_about_at_once(shape: tuple[int, ...], count: int) -> None:
    assert asked_at_once(shape) == count
