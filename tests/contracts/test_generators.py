"""Every generator of variants keeps its promises, for every kind of input that it fits and every task."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from distill_core.entries import GeneratorEntry
from distill_core.generators import REGISTRY
from distill_core.generators.variants import Originals, Variants
from distill_core.signature import INPUT_KINDS, NO_LABEL, PADDING, TASKS, InputKind, Signature, Task
from distill_core.training.views import generator_for

BATCH, POOL, VOCABULARY = 24, 50, 30
SHAPES: dict[InputKind, tuple[int, ...]] = {"image": (3, 10, 8), "sequence": (8, 5), "text": (9,), "table": (7,)}
CASES = [
    pytest.param(entry, kind, task, id=f"{entry.name}-{kind}-{task}")
    for entry in REGISTRY for kind in INPUT_KINDS for task in TASKS
    if kind in entry.traits and not (task == "tagging" and kind in ("image", "table"))
]


def stored(kind: InputKind, count: int, seed: int) -> Tensor:
    """As a dataset keeps them; one text is a single word, another full."""
    generator, shape = torch.Generator().manual_seed(seed), (count, *SHAPES[kind])
    if kind == "image":
        return torch.randint(256, shape, generator=generator, dtype=torch.uint8)
    if kind == "text":
        tokens = torch.randint(3, VOCABULARY, shape, generator=generator, dtype=torch.int32)
        lengths = 1 + torch.arange(count)[:, None] % shape[1]
        return torch.where(torch.arange(shape[1]) < lengths, tokens, PADDING)
    return torch.rand(shape, generator=generator) * 4 - 2


def originals(kind: InputKind, task: Task) -> Originals:
    vocabulary = VOCABULARY if kind == "text" else 0
    signature = Signature(kind=kind, shape=SHAPES[kind], outputs=4, task=task, vocabulary=vocabulary)
    held = stored(kind, BATCH, 1)
    inputs = held.long() if kind == "text" else held.float() / (255 if kind == "image" else 1)
    generator = torch.Generator().manual_seed(2)
    if task == "regression":
        labels = torch.randn(BATCH, 4, generator=generator)
        labels[-1] = torch.nan
    else:
        shape = (BATCH, SHAPES[kind][0]) if task == "tagging" else (BATCH,)
        labels = torch.randint(4, shape, generator=generator)
        labels[-1] = NO_LABEL
        if task == "tagging" and kind == "text":
            labels[inputs == PADDING] = NO_LABEL
    return Originals(inputs=inputs, labels=labels, pool=stored(kind, POOL, 3), signature=signature)


def make(entry: GeneratorEntry, given: Originals, seed: int = 0) -> Variants:
    return entry.build(entry.resolve({}))(given, generator_for(seed))


def same(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return one is other
    return torch.equal(one.nan_to_num(9e9), other.nan_to_num(9e9))


@pytest.mark.parametrize(("entry", "kind", "task"), CASES)
class TestEveryGenerator:
    def test_variants_have_the_shapes_and_types_of_their_originals(
        self, entry: GeneratorEntry, kind: InputKind, task: Task
    ) -> None:
        given = originals(kind, task)
        made = make(entry, given)
        assert made.inputs.shape == given.inputs.shape and made.inputs.dtype == given.inputs.dtype
        assert made.labels.shape == given.labels.shape and made.labels.dtype == given.labels.dtype
        if kind == "image":
            assert made.inputs.min() >= 0 and made.inputs.max() <= 1
        elif kind == "text":
            assert made.inputs.min() >= 0 and made.inputs.max() < VOCABULARY
        else:
            assert made.inputs.min() >= -2 and made.inputs.max() <= 2
        if "mixes" in entry.traits:
            assert made.partner_labels is not None and made.share is not None
            assert made.partner_labels.shape == given.labels.shape and made.partner_labels.dtype == given.labels.dtype
            assert made.share.shape == (BATCH,) and made.share.is_floating_point()
            assert made.share.min() >= 0 and made.share.max() <= 1
        else:
            assert made.partner_labels is None and made.share is None

    def test_the_generator_alone_determines_them_and_they_change_something(
        self, entry: GeneratorEntry, kind: InputKind, task: Task
    ) -> None:
        given = originals(kind, task)
        held, labels, pool = given.inputs.clone(), given.labels.clone(), given.pool.clone()
        first, again, other = (make(entry, given, seed) for seed in (0, 0, 1))
        assert same(first.inputs, again.inputs) and same(first.labels, again.labels)
        assert same(first.partner_labels, again.partner_labels) and same(first.share, again.share)
        assert not same(first.inputs, other.inputs)
        changed = (first.inputs != given.inputs).flatten(1).any(1)
        # A piece of a short text may be all of it.
        assert changed.float().mean() >= 0.4
        assert same(given.inputs, held) and same(given.labels, labels) and same(given.pool, pool), "in place"

    def test_labels_stay_true(self, entry: GeneratorEntry, kind: InputKind, task: Task) -> None:
        given = originals(kind, task)
        made = make(entry, given)
        if task != "tagging":
            assert same(made.labels, given.labels)
        elif kind == "text":
            # A label is that of the word it stands at, wherever that was moved; a changed word may have lost its own.
            for row in range(BATCH):
                known = set(zip(given.inputs[row].tolist(), given.labels[row].tolist(), strict=True))
                for token, label in zip(made.inputs[row].tolist(), made.labels[row].tolist(), strict=True):
                    assert label == NO_LABEL or (token, label) in known or token == 2
        elif "mixes" not in entry.traits:
            changed = made.labels != given.labels
            assert (made.labels[changed] == NO_LABEL).all()

    def test_one_sample_alone_works(self, entry: GeneratorEntry, kind: InputKind, task: Task) -> None:
        given = originals(kind, task)
        alone = Originals(
            inputs=given.inputs[:1], labels=given.labels[:1], pool=given.pool[:1], signature=given.signature
        )
        assert make(entry, alone).inputs.shape == given.inputs[:1].shape


@pytest.mark.parametrize("entry", [entry for entry in REGISTRY if "text" in entry.traits], ids=lambda entry: entry.name)
def test_padding_stays_padding(entry: GeneratorEntry) -> None:
    given = originals("text", "classification")
    for seed in range(5):
        made = make(entry, given, seed)
        assert (made.inputs[given.inputs == PADDING] == PADDING).all()
        there = made.inputs != PADDING
        assert there[:, 0].all(), "no text becomes empty"
        assert (there[:, 1:] <= there[:, :-1]).all(), "padding stands at the end"


def test_the_catalogue_has_what_the_issue_names() -> None:
    kinds = {kind: {entry.name for entry in REGISTRY if kind in entry.traits} for kind in INPUT_KINDS}
    assert kinds["image"] >= {"masking", "replacement", "mixup", "cutmix"}
    assert kinds["sequence"] >= {"masking", "replacement", "mixup"}
    assert kinds["text"] >= {"masking", "replacement", "ngram"}
    assert kinds["table"] >= {"masking", "mixup"}
