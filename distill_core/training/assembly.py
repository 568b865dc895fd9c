"""Puts the parts of training together: networks, streams, objectives and candidates of a planned run."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from distill_core.plan import PlannedRun
from distill_core.spec import Choice, Term, Training, Views
from distill_core.training.candidate import Candidate
from distill_core.training.cohort import Cohort, Surroundings, Validation, predict
from distill_core.training.objective import Objective
from distill_core.training.preparation import Checked
from distill_core.training.split import TransferSet
from distill_core.training.stream import Normaliser, Stream

# A teacher learns from plain labels only.
TEACHER_TERMS = (Term(loss=Choice(name="cross-entropy", params={"label_smoothing": 0.0}), weight=1.0),)


def teacher_cohort(checked: Checked, around: Surroundings) -> Cohort:
    """A cohort of one: the teacher, on all the labels it may know."""
    spec, run = checked.spec.teacher, checked.plan.teacher
    indices = checked.split.teacher
    transfer = TransferSet(indices=indices, labels=checked.data.train_labels[indices])
    stream = _stream(checked, transfer, spec.views, spec.training, seed=run.seed)
    steps = spec.training.steps_per_epoch or stream.batches_per_pass
    candidate = _candidate(checked, run, TEACHER_TERMS, stream, spec.training, steps)
    return Cohort(
        [candidate],
        teacher=None,
        validation=_validation(checked, checked.split.validation, None),
        steps_per_epoch=steps,
        around=around,
    )


def student_cohort(checked: Checked, runs: Sequence[PlannedRun], teacher: nn.Module, around: Surroundings) -> Cohort:
    """The runs of one seed, sharing one stream for each kind of transfer set. The teacher is put into eval mode."""
    teacher.eval().requires_grad_(False)
    training, seed = checked.spec.student_training, runs[0].seed
    streams = {
        kind: _stream(checked, checked.transfer(seed=seed, kind=kind), checked.spec.student_views, training, seed=seed)
        for kind in dict.fromkeys(run.transfer for run in runs)
    }
    steps = training.steps_per_epoch or _labelled_steps(checked, seed)
    candidates = [_candidate(checked, run, run.terms, streams[run.transfer], training, steps) for run in runs]
    return Cohort(
        candidates,
        teacher=teacher,
        validation=_validation(checked, checked.split.student_validation, teacher),
        steps_per_epoch=steps,
        around=around,
    )


def _labelled_steps(checked: Checked, seed: int) -> int:
    """One pass over the labelled samples: the same budget for every rival, whatever else it sees."""
    rows = checked.transfer(seed=seed, kind="labelled").labelled * (checked.spec.student_views.fixed_views or 1)
    return max(rows // checked.spec.student_training.batch_size, 1)


def load_network(checked: Checked, run: PlannedRun, state: dict[str, torch.Tensor]) -> nn.Module:
    """A trained network on the experiment's device, in eval mode."""
    network = checked.network(run.architecture, seed=run.seed)
    network.load_state_dict(state)
    return network.to(checked.device).eval()


def _stream(checked: Checked, transfer: TransferSet, views: Views, training: Training, *, seed: int) -> Stream:
    return Stream(checked.data, transfer, views, batch_size=training.batch_size, seed=seed, device=checked.device)


def _candidate(
    checked: Checked, run: PlannedRun, terms: Sequence[Term], stream: Stream, training: Training, steps: int
) -> Candidate:
    model = checked.network(run.architecture, seed=run.seed).to(checked.device)
    model = model.to(memory_format=stream.normalise.format)
    objective = Objective(terms, checked.catalogue.losses, device=checked.device)
    return Candidate(run, model, objective, stream, training=training, total_steps=steps * training.epochs)


def _validation(checked: Checked, indices: torch.Tensor, teacher: nn.Module | None) -> Validation:
    images = checked.data.train_images[indices].to(checked.device)
    labels = checked.data.train_labels[indices].to(checked.device)
    logits = None
    if teacher is not None:
        logits = predict(teacher, images, Normaliser(checked.data, checked.device))
    return Validation(images=images, labels=labels, teacher_logits=logits)
