"""What every loss in the registry must hold, whoever adds it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from distill_core.entries import LossEntry
from distill_core.losses.term import NO_LABEL, TapParams
from distill_core.signature import TASKS
from tests.contracts.loss_steps import (
    BATCH,
    CLASSES,
    ENTRIES,
    TAPPING,
    parts,
    task_of,
    tensors,
    term_of,
    without_teacher,
)

FEATURES = 8
READS = {"teacher", "labels", "alone", "map", "embedding", "weights"}
# A logarithm of a density is below 0 where the density is above 1.
OF_DENSITIES = {"vid"}
every_loss = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)


@every_loss
@pytest.mark.parametrize("seed", range(3))
def test_default_parameters_give_a_finite_scalar_of_the_students_type(entry: LossEntry, seed: int) -> None:
    loss = term_of(entry)(tensors(entry, seed=seed))
    assert loss.shape == ()
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss)
    assert loss >= 0 or entry.name in OF_DENSITIES


@every_loss
def test_the_gradient_reaches_the_student_and_only_the_student(entry: LossEntry) -> None:
    step = tensors(entry)
    student, teacher = parts(step)
    before = [one.detach().clone() for one in teacher]
    for one in teacher:
        one.requires_grad_(True)
    term_of(entry)(step).backward()
    gradients = [one.grad for one in student if one.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert sum(gradient.abs().sum() for gradient in gradients) > 0
    assert all(one.grad is None for one in teacher)
    assert all(torch.equal(one, old) for one, old in zip(teacher, before, strict=True))


@every_loss
def test_it_reads_what_its_traits_say(entry: LossEntry) -> None:
    step = tensors(entry)
    term_of(entry)(step).backward()
    tapping = entry in TAPPING
    assert ((step.student_tap is not None) and step.student_tap.grad is not None) == tapping
    read_weights = any(one.grad is not None for one in (step.student_weights or {}).values())
    assert read_weights == ("weights" in entry.traits)
    assert (step.student_logits.grad is not None) == (not tapping and not read_weights)


@every_loss
def test_the_teacher_trait_is_true(entry: LossEntry) -> None:
    step = tensors(entry)
    if "teacher" in entry.traits:
        with pytest.raises(ValueError, match=r"no (teacher|taps|weights)"):
            term_of(entry)(without_teacher(step))
    else:
        assert torch.equal(term_of(entry)(without_teacher(step)), term_of(entry)(step))


@every_loss
def test_the_labels_trait_is_true(entry: LossEntry) -> None:
    step = tensors(entry)
    other = step.labels + 1 if task_of(entry) == "regression" else (step.labels + 1) % CLASSES
    changed = not torch.equal(term_of(entry)(step), term_of(entry)(replace(step, labels=other)))
    assert changed == ("labels" in entry.traits)


@every_loss
def test_mixed_labels_change_what_reads_labels_alone(entry: LossEntry) -> None:
    step = tensors(entry)
    mixed = replace(step, partner_labels=step.labels.flip(0), share=torch.full((BATCH,), 0.5))
    changed = not torch.equal(term_of(entry)(step), term_of(entry)(mixed))
    assert changed == ("labels" in entry.traits)


@every_loss
def test_a_batch_without_labels_is_no_error(entry: LossEntry) -> None:
    step = tensors(entry)
    missing = float("nan") if task_of(entry) == "regression" else NO_LABEL
    loss = term_of(entry)(replace(step, labels=torch.full_like(step.labels, missing)))
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(one.grad).all() for one in parts(step)[0] if one.grad is not None)
    if "labels" in entry.traits:
        assert loss == 0


@every_loss
def test_following_its_gradient_lowers_it(entry: LossEntry) -> None:
    step, term = tensors(entry, seed=4), term_of(entry)
    draw = torch.Generator().manual_seed(4)
    inputs = torch.randn(BATCH, FEATURES, generator=draw)
    # One linear layer makes everything of the student, so that only a step through a network lowers the loss.
    sources = {"logits": step.student_logits, "tap": step.student_tap} | dict(step.student_weights or {})
    layers = nn.ParameterDict(
        {
            name.replace(".", "_"): torch.randn(FEATURES, one.numel() // BATCH, generator=draw)
            if name in ("logits", "tap")
            else torch.randn(one.shape, generator=draw)
            for name, one in sources.items()
            if one is not None
        }
    )

    def loss() -> Tensor:
        weights = {name: layers[name.replace(".", "_")] for name in step.student_weights or {}}
        tap = (inputs @ layers["tap"]).reshape(step.student_tap.shape) if step.student_tap is not None else None
        return term(
            replace(
                step, student_logits=inputs @ layers["logits"], student_tap=tap, student_weights=weights or None
            )
        )

    learned = list(term.parameters()) if isinstance(term, nn.Module) else []
    optimizer = torch.optim.SGD([*layers.parameters(), *learned], lr=1e-2)
    before = loss()
    before.backward()
    optimizer.step()
    assert loss() < before


@every_loss
@pytest.mark.parametrize("factor", [0.0, 100.0, 1e4])
def test_extreme_answers_stay_finite(entry: LossEntry, factor: float) -> None:
    """Up to one class at 10,000 and the rest far below, and answers that are all the same."""
    step, term = tensors(entry), term_of(entry)
    student, _ = parts(step)
    loss = term(
        replace(
            step,
            student_logits=factor * step.student_logits,
            teacher_logits=factor * step.teacher_logits if step.teacher_logits is not None else None,
            student_tap=factor * step.student_tap if step.student_tap is not None else None,
            teacher_tap=factor * step.teacher_tap if step.teacher_tap is not None else None,
        )
    )
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(one.grad).all() for one in student if one.grad is not None)


@every_loss
def test_a_batch_of_one_is_no_error(entry: LossEntry) -> None:
    step = tensors(entry)
    one = replace(
        step,
        student_logits=step.student_logits[:1],
        teacher_logits=step.teacher_logits[:1] if step.teacher_logits is not None else None,
        labels=step.labels[:1],
        student_tap=step.student_tap[:1] if step.student_tap is not None else None,
        teacher_tap=step.teacher_tap[:1] if step.teacher_tap is not None else None,
    )
    loss = term_of(entry)(one)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(part.grad).all() for part in parts(step)[0] if part.grad is not None)


@every_loss
def test_traits_are_known_and_whole(entry: LossEntry) -> None:
    assert entry.traits <= READS | set(TASKS)
    assert entry.traits & set(TASKS), "no task"
    assert {"teacher", "labels"} & entry.traits
    tapping = entry.traits & {"map", "embedding"}
    assert len(tapping) <= 1
    assert issubclass(entry.params, TapParams) == bool(tapping)
    if tapping or "weights" in entry.traits:
        assert "teacher" in entry.traits
    if "alone" in entry.traits:
        assert "labels" in entry.traits and "teacher" not in entry.traits


@pytest.mark.parametrize("task", TASKS)
def test_a_student_of_every_task_can_train_alone_and_with_a_teacher(task: str) -> None:
    fitting = [entry for entry in ENTRIES if task in entry.traits]
    assert [entry.name for entry in fitting if "alone" in entry.traits]
    assert [entry.name for entry in fitting if "teacher" in entry.traits and entry not in TAPPING]


@every_loss
def test_forms_and_docs_can_be_made_from_it(entry: LossEntry) -> None:
    assert entry.name == entry.name.lower() and " " not in entry.name
    assert entry.title and entry.summary.endswith(".") and entry.source.startswith("https://")
    schema: dict[str, Any] = entry.params.model_json_schema()
    assert "$defs" not in schema, "parameters are flat"
    assert not schema.get("required"), "every parameter has a default"
    for name, field in schema.get("properties", {}).items():
        assert field.get("description"), f"{name} needs a description"
        assert field.get("type") != "object" and "$ref" not in field, f"{name} is not flat"
