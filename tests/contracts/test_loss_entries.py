"""What every loss in the registry must hold, whoever adds it."""

from __future__ import annotations

import pytest
import torch

from distill_core.catalog import LossEntry
from distill_core.losses import REGISTRY
from distill_core.losses.term import NO_LABEL, StepTensors

BATCH, CLASSES, FEATURES = 16, 5, 8
every_loss = pytest.mark.parametrize("entry", list(REGISTRY), ids=lambda entry: entry.name)


def tensors(*, seed: int = 0) -> StepTensors:
    draw = torch.Generator().manual_seed(seed)
    return StepTensors(
        student_logits=torch.randn(BATCH, CLASSES, generator=draw, requires_grad=True),
        teacher_logits=3 * torch.randn(BATCH, CLASSES, generator=draw),
        labels=torch.randint(0, CLASSES, (BATCH,), generator=draw),
    )


def term_of(entry: LossEntry):
    return entry.build(entry.resolve({}))


def without_teacher(step: StepTensors) -> StepTensors:
    return StepTensors(student_logits=step.student_logits, teacher_logits=None, labels=step.labels)


@every_loss
@pytest.mark.parametrize("seed", range(3))
def test_default_parameters_give_a_finite_scalar_of_the_students_type(entry: LossEntry, seed: int) -> None:
    loss = term_of(entry)(tensors(seed=seed))
    assert loss.shape == ()
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss)
    assert loss >= 0


@every_loss
def test_the_gradient_reaches_the_student_and_only_the_student(entry: LossEntry) -> None:
    step = tensors()
    assert step.teacher_logits is not None
    step.teacher_logits.requires_grad_(True)
    before = step.teacher_logits.detach().clone()
    term_of(entry)(step).backward()
    assert step.student_logits.grad is not None
    assert torch.isfinite(step.student_logits.grad).all()
    assert step.student_logits.grad.abs().sum() > 0
    assert step.teacher_logits.grad is None
    assert torch.equal(step.teacher_logits, before)


@every_loss
def test_the_teacher_trait_is_true(entry: LossEntry) -> None:
    step = tensors()
    if "teacher" in entry.traits:
        with pytest.raises(ValueError, match="no teacher"):
            term_of(entry)(without_teacher(step))
    else:
        assert torch.equal(term_of(entry)(without_teacher(step)), term_of(entry)(step))


@every_loss
def test_the_labels_trait_is_true(entry: LossEntry) -> None:
    step = tensors()
    assert entry.traits <= {"teacher", "labels"}
    other = StepTensors(
        student_logits=step.student_logits, teacher_logits=step.teacher_logits, labels=(step.labels + 1) % CLASSES
    )
    changed = not torch.equal(term_of(entry)(step), term_of(entry)(other))
    assert changed == ("labels" in entry.traits)


@every_loss
def test_a_batch_without_labels_is_no_error(entry: LossEntry) -> None:
    step = tensors()
    unlabelled = StepTensors(
        student_logits=step.student_logits, teacher_logits=step.teacher_logits,
        labels=torch.full_like(step.labels, NO_LABEL),
    )
    loss = term_of(entry)(unlabelled)
    loss.backward()
    assert torch.isfinite(loss)
    assert step.student_logits.grad is not None and torch.isfinite(step.student_logits.grad).all()


@every_loss
def test_following_its_gradient_lowers_it(entry: LossEntry) -> None:
    draw = torch.Generator().manual_seed(4)
    network = torch.nn.Linear(FEATURES, CLASSES)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draw))
    inputs, step, term = torch.randn(BATCH, FEATURES, generator=draw), tensors(seed=4), term_of(entry)

    def loss() -> torch.Tensor:
        return term(StepTensors(student_logits=network(inputs), teacher_logits=step.teacher_logits, labels=step.labels))

    optimizer = torch.optim.SGD(network.parameters(), lr=1e-2)
    before = loss()
    before.backward()
    optimizer.step()
    assert loss() < before


@every_loss
def test_extreme_logits_stay_finite(entry: LossEntry) -> None:
    step = tensors()
    assert step.teacher_logits is not None
    sharp = StepTensors(
        student_logits=100 * step.student_logits, teacher_logits=100 * step.teacher_logits, labels=step.labels
    )
    assert torch.isfinite(term_of(entry)(sharp))


@every_loss
def test_forms_and_docs_can_be_made_from_it(entry: LossEntry) -> None:
    assert entry.name == entry.name.lower() and " " not in entry.name
    assert entry.title and entry.summary.endswith(".") and entry.source.startswith("https://")
    schema = entry.params.model_json_schema()
    assert "$defs" not in schema, "parameters are flat"
    assert not schema.get("required"), "every parameter has a default"
    for name, field in schema.get("properties", {}).items():
        assert field.get("description"), f"{name} needs a description"
        assert field.get("type") != "object" and "$ref" not in field, f"{name} is not flat"
