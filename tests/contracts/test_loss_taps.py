"""What every loss that reads inner layers must hold: which pairs it takes, which it refuses, what it learns."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from distill_core.entries import LossEntry
from distill_core.losses import REGISTRY
from distill_core.losses.term import TapShapes
from tests.contracts.loss_steps import MAPS, TAPPING, tensors, term_of

PAIRS = {
    "equal maps": TapShapes(student=(6, 4, 4), teacher=(6, 4, 4)),
    "other channels": TapShapes(student=(3, 4, 4), teacher=(6, 4, 4)),
    "larger teacher": MAPS,
    "larger student": TapShapes(student=(6, 7, 7), teacher=(3, 4, 4)),
    "equal steps": TapShapes(student=(8, 6), teacher=(8, 6)),
    "other steps": TapShapes(student=(8, 6), teacher=(5, 12)),
    "equal vectors": TapShapes(student=(6,), teacher=(6,)),
    "other vectors": TapShapes(student=(6,), teacher=(9,)),
}
IMPOSSIBLE = {
    "no taps": None,
    "four dimensions": TapShapes(student=(2, 3, 4, 4), teacher=(2, 3, 4, 4)),
    "a number": TapShapes(student=(), teacher=()),
}
UNLIKE = {
    "map and vector": TapShapes(student=(3, 4, 4), teacher=(6,)),
    "steps and map": TapShapes(student=(8, 6), teacher=(6, 4, 4)),
}
every_tapping = pytest.mark.parametrize("entry", TAPPING, ids=lambda entry: entry.name)
every_map_term = pytest.mark.parametrize(
    "entry", [one for one in TAPPING if "map" in one.traits], ids=lambda entry: entry.name
)


def assert_one_sentence(error: ValueError) -> None:
    text = str(error)
    assert text and "\n" not in text and ". " not in text and not text.endswith(".")


@every_tapping
@pytest.mark.parametrize("pair", PAIRS)
def test_taps_that_fit_are_compared_and_others_refused_when_built(entry: LossEntry, pair: str) -> None:
    shapes = PAIRS[pair]
    try:
        term = term_of(entry, shapes)
    except ValueError as error:
        assert_one_sentence(error)
        assert "vectors" in pair, "maps and steps suit every term"
        return
    step = tensors(entry, shapes=shapes)
    loss = term(step)
    loss.backward()
    assert torch.isfinite(loss)
    assert step.student_tap is not None and step.student_tap.grad is not None
    assert step.student_tap.grad.abs().sum() > 0
    if isinstance(term, nn.Module):
        assert list(term.parameters()), "a term without parameters is a function"
        assert all(part.grad is not None and part.grad.abs().sum() > 0 for part in term.parameters())


@every_tapping
@pytest.mark.parametrize("pair", IMPOSSIBLE)
def test_impossible_taps_are_refused_in_one_sentence(entry: LossEntry, pair: str) -> None:
    with pytest.raises(ValueError) as refused:
        entry.build(entry.resolve({}), IMPOSSIBLE[pair])
    assert_one_sentence(refused.value)


@every_map_term
@pytest.mark.parametrize("pair", UNLIKE)
def test_taps_of_unlike_kinds_are_refused_by_what_compares_places(entry: LossEntry, pair: str) -> None:
    with pytest.raises(ValueError) as refused:
        entry.build(entry.resolve({}), UNLIKE[pair])
    assert_one_sentence(refused.value)
    assert any("×".join(str(size) for size in shape) in str(refused.value) for shape in ((3, 4, 4), (6, 4, 4)))


def test_attention_needs_somewhere_to_look() -> None:
    entry = REGISTRY["attention-transfer"]
    for shapes in (TapShapes((8, 1, 1), (8, 4, 4)), TapShapes((8, 4, 4), (8, 1, 1)), TapShapes((1, 8), (4, 8))):
        with pytest.raises(ValueError, match="single position"):
            entry.build(entry.resolve({}), shapes)


@every_tapping
def test_what_a_term_learns_survives_its_state(entry: LossEntry) -> None:
    first = term_of(entry)
    if not isinstance(first, nn.Module):
        assert entry.build(entry.resolve({}), MAPS) is not first
        return
    second = entry.build(entry.resolve({}), MAPS)
    assert isinstance(second, nn.Module)
    second.load_state_dict(first.state_dict())
    step = tensors(entry)
    assert torch.equal(first(step), second(step))
