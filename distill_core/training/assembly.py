"""Puts the parts of training together: networks, streams, objectives and candidates of a planned run."""

from __future__ import annotations

import json
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from distill_core.compression.reshaping import reshape_to
from distill_core.evaluation.epoch_answers import MOST_EPOCHS, MOST_TEACHER_EPOCHS
from distill_core.planned import PlannedRun
from distill_core.spec import Choice, Student, Term, Training, Views
from distill_core.training.answer_keys import give_store
from distill_core.training.batches import asked_at_once
from distill_core.training.candidate import Candidate
from distill_core.training.cohort import Cohort, Surroundings, Validation, predict
from distill_core.training.coreset import choose
from distill_core.training.normaliser import Normaliser
from distill_core.training.objective import NetworkTaps, Objective
from distill_core.training.preparation import Checked
from distill_core.training.problems import shared_weights
from distill_core.training.split import TransferSet
from distill_core.training.stacking import Stacking
from distill_core.training.stream import Stream, Variation
from distill_core.training.taps import list_taps
from distill_core.training.teachers import first_of
from distill_core.training.watching import Diary, Watched, watched_of


def teacher_cohort(checked: Checked, run: PlannedRun, around: Surroundings) -> Cohort:
    """A cohort of one: a teacher, on all the labels it may know."""
    spec = run.teacher
    assert spec is not None
    stream = _teacher_stream(checked, run, spec.training)
    steps = spec.training.steps_per_epoch or stream.batches_per_pass
    return Cohort(
        _watch(
            [_candidate(checked, run, _plain_terms(checked), stream, spec.training, steps, teacher=None)],
            watched_of(checked),
        ),
        teacher=None,
        validation=_validation(checked, checked.split.validation, None),
        steps_per_epoch=steps,
        around=around,
    )


def _teacher_stream(checked: Checked, run: PlannedRun, training: Training) -> Stream:
    """All the labels a teacher may know, in its own views."""
    assert run.teacher is not None
    indices = checked.split.teacher
    transfer = TransferSet(indices=indices, labels=checked.data.train_labels[indices])
    return _stream(checked, transfer, run.teacher.views, training, seed=run.seed)


def _plain_terms(checked: Checked) -> tuple[Term, ...]:
    """A teacher learns from plain labels only."""
    loss = checked.catalogue.alone_loss(checked.data.task)
    params = checked.catalogue.losses[loss].resolve({}).model_dump(mode="json")
    return (Term(loss=Choice(name=loss, params=params)),)


def student_cohort(
    checked: Checked, runs: Sequence[PlannedRun], teacher: nn.Module, around: Surroundings, *, stacks: bool = True
) -> Cohort:
    """The runs of one seed, sharing one stream for each kind of transfer set. The teacher is put into eval mode.

    Without `stacks` each trains by itself, also where several could train as one.
    """
    teacher.eval().requires_grad_(False)
    training, seed = checked.spec.student_training, runs[0].seed
    streams: dict[str, Stream] = {}
    for run in runs:
        assert run.student is not None
        key = _samples_key(run.student)
        if key not in streams:
            streams[key] = _student_stream(checked, run, teacher)
            if around.keeps_answers:
                give_store(checked, run, streams[key], teacher)
    steps = training.steps_per_epoch or _labelled_steps(checked, seed)
    candidates = []
    for run in runs:
        assert run.student is not None
        stream = streams[_samples_key(run.student)]
        candidate = _candidate(checked, run, run.terms, stream, training, steps, teacher=teacher)
        stream.teacher_taps |= frozenset(candidate.objective.teacher_taps)
        candidates.append(candidate)
    return Cohort(
        _watch(candidates, watched_of(checked)),
        teacher=teacher,
        validation=_validation(checked, checked.split.student_validation, teacher),
        steps_per_epoch=steps,
        around=around,
        stacking=Stacking(signature=checked.signature, tell=around.note) if stacks else None,
    )


def _watch(candidates: list[Candidate], watched: Watched | None) -> list[Candidate]:
    """The same candidates, whose answers to the watched samples are remembered from now on."""
    if watched is not None:
        for candidate in candidates:
            # People watch students learn; a teacher is what it has become.
            most = MOST_EPOCHS if candidate.run.student is not None else MOST_TEACHER_EPOCHS
            candidate.diary = Diary(watched, epochs=candidate.training.epochs, most=most)
    return candidates


def compressed_cohort(
    checked: Checked, run: PlannedRun, network: nn.Module, teacher: nn.Module, around: Surroundings
) -> Cohort:
    """A cohort of one: a compressed network that trains further on the samples of the variant it descends from."""
    teacher.eval().requires_grad_(False)
    assert run.compression is not None
    training = run.compression.training
    assert training is not None
    if run.student is not None:
        stream = _student_stream(checked, run, teacher)
        steps = training.steps_per_epoch or _labelled_steps(checked, run.seed)
        validation = checked.split.student_validation
    else:
        stream = _teacher_stream(checked, run, training)
        steps = training.steps_per_epoch or stream.batches_per_pass
        validation = checked.split.validation
    candidate = _candidate(checked, run, run.terms, stream, training, steps, teacher=teacher, model=network)
    return Cohort(
        [candidate], teacher=teacher, validation=_validation(checked, validation, teacher), steps_per_epoch=steps,
        around=around,
    )


def _samples_key(student: Student) -> str:
    """Equal for variants that see the same batches."""
    content = student.model_dump(mode="json", include={"transfer", "generator", "generated_share", "coreset"})
    return json.dumps(content, sort_keys=True)


def _student_stream(checked: Checked, run: PlannedRun, teacher: nn.Module) -> Stream:
    student = run.student
    assert student is not None
    transfer = checked.transfer(seed=run.seed, kind=student.transfer)
    if student.coreset is not None:
        transfer = transfer.only(_coreset(checked, student, transfer, teacher, seed=run.seed))
    return stream_over(checked, run, transfer)


def stream_over(checked: Checked, run: PlannedRun, transfer: TransferSet) -> Stream:
    """The stream of a teacher or student over the samples that were chosen for it."""
    student, variation = run.student, None
    if student is None:
        assert run.teacher is not None
        return _stream(checked, transfer, run.teacher.views, run.teacher.training, seed=run.seed)
    if student.generator is not None:
        entry, params = checked.catalogue.generators.resolve(student.generator)
        variation = Variation(entry.build(params), student.generated_share)
    spec = checked.spec
    return _stream(checked, transfer, spec.student_views, spec.student_training, seed=run.seed, variation=variation)


def _coreset(
    checked: Checked, student: Student, transfer: TransferSet, teacher: nn.Module, *, seed: int
) -> Tensor:
    """Places of the chosen samples in the transfer set; the teacher's answers tell which are worth it."""
    assert student.coreset is not None
    logits = None
    if student.coreset.rule != "random":
        # Part by part: large data lie on the disk.
        parts = transfer.indices.split(asked_at_once(checked.data.shape))
        normalise = Normaliser(checked.data, checked.device)
        logits = torch.cat([predict(teacher, checked.data.train_rows(part), normalise).cpu() for part in parts])
    places = torch.arange(len(transfer.indices))
    rule, size = student.coreset.rule, student.coreset.size
    return choose(rule, size, indices=places, labels=transfer.labels, logits=logits, seed=seed)


def _labelled_steps(checked: Checked, seed: int) -> int:
    """One pass over the labelled samples: the same budget for every rival, whatever else it sees."""
    rows = checked.transfer(seed=seed, kind="labelled").labelled * (checked.spec.student_views.fixed_views or 1)
    return max(rows // checked.spec.student_training.batch_size, 1)


def load_network(checked: Checked, run: PlannedRun, state: dict[str, torch.Tensor]) -> nn.Module:
    """A trained network on the experiment's device, in eval mode; one that was cut has the shapes of its state."""
    network = checked.network(run.architecture, seed=run.seed)
    if run.compression is not None:
        reshape_to(network, state)
    network.load_state_dict(state)
    # Laid out as it was trained, so that it answers as it did then, and as quickly.
    network.to(memory_format=Normaliser(checked.data, checked.device).format)
    return network.to(checked.device).eval()


def _stream(
    checked: Checked, transfer: TransferSet, views: Views, training: Training, *, seed: int,
    variation: Variation | None = None,
) -> Stream:
    return Stream(
        checked.data, transfer, views, batch_size=training.batch_size, seed=seed, device=checked.device,
        variation=variation, precision=checked.origin.precision,
    )


def _candidate(
    checked: Checked, run: PlannedRun, terms: Sequence[Term], stream: Stream, training: Training, steps: int, *,
    teacher: nn.Module | None, model: nn.Module | None = None,
) -> Candidate:
    """A run ready to train; with a `model` it goes on from that one's weights."""
    first = None if teacher is None else first_of(teacher)
    if model is None:
        model = checked.network_of(run).to(checked.device)
        if run.student is not None and run.student.start == "teacher" and first is not None:
            shared = shared_weights(model.state_dict(), first.state_dict())
            model.load_state_dict(shared, strict=False)
    model = model.to(memory_format=stream.normalise.format)
    with torch.random.fork_rng(devices=[]):
        # What terms learn themselves starts the same for the same seed.
        torch.manual_seed(run.seed)
        objective = Objective(
            terms, checked.catalogue.losses, device=checked.device, taps=_taps(checked, run, model, first)
        )
    weights = None if first is None else {name: value.detach() for name, value in first.named_parameters()}
    return Candidate(
        run, model, objective, stream, training=training, total_steps=steps * training.epochs,
        task=checked.data.task, teacher_weights=weights, precision=checked.origin.precision,
    )


def _taps(checked: Checked, run: PlannedRun, model: nn.Module, first: nn.Module | None) -> NetworkTaps | None:
    """Both networks' taps, where a term of the run reads any."""
    read = any(term.weight > 0 and checked.catalogue.losses[term.loss.name].reads_taps for term in run.terms)
    if not read or first is None:
        return None
    return NetworkTaps(list_taps(model, checked.signature), list_taps(first, checked.signature))


def _validation(checked: Checked, indices: torch.Tensor, teacher: nn.Module | None) -> Validation:
    inputs = checked.data.train_rows(indices).to(checked.device)
    labels = checked.data.train_labels[indices].to(checked.device)
    logits = None
    if teacher is not None:
        logits = predict(teacher, inputs, Normaliser(checked.data, checked.device))
    return Validation(inputs=inputs, labels=labels, teacher_logits=logits, task=checked.data.task)
