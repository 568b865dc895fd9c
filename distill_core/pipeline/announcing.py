"""Tells, before anything is trained, what the data are and which runs and steps there will be."""

from __future__ import annotations

import numpy as np

from distill_core.deployment.profile import Profile, profile
from distill_core.deployment.test_inputs import place_of_test_inputs, write_test_inputs
from distill_core.events import DataLoaded, Noted, RunDeclared
from distill_core.fitting import low_bit_warnings
from distill_core.language import sayable
from distill_core.pipeline.context import Context
from distill_core.pipeline.examining import EXAMINATION_STEP
from distill_core.pipeline.shipping import EXPORT_TITLE, LATENCY_TITLE
from distill_core.planned import PlannedRun
from distill_core.training.preparation import Checked


def announce(checked: Checked, context: Context) -> None:
    """Tell what the data are and which runs will be made, all at once, so that the page shows what waits."""
    data, clock = checked.data, context.clock
    np.save(context.folder.test_labels, data.test_labels.numpy())
    _keep_test_inputs(checked, context)
    context.emit(
        DataLoaded(
            at=clock(),
            class_names=data.class_names,
            shape=data.shape,
            train=len(data.train_labels) - data.corrected,
            validation=len(checked.split.validation),
            test=len(data.test_labels),
            notes=data.notes,
            task=data.task,
            input_kind=data.kind,
        )
    )
    for note in (*data.notes, *low_bit_warnings(checked.spec, checked.catalogue)):
        context.emit(Noted(at=clock(), text=note, level="warning"))
    if checked.origin != checked.here:
        text = "The device, torch or the code changed since this experiment began; it goes on with what is here now."
        context.emit(Noted(at=clock(), text=text, level="warning"))
    profiles: dict[str, Profile] = {}
    for run in checked.plan.runs:
        key = run.architecture.model_dump_json()
        if key not in profiles:
            profiles[key] = profile(checked.network(run.architecture, seed=0), signature=checked.signature)
        figures = profiles[key]
        teacher_terms = tuple(
            term.loss.name
            for term in run.terms
            if term.weight > 0 and "teacher" in checked.catalogue.losses[term.loss.name].traits
        )
        context.emit(
            RunDeclared(
                at=clock(),
                run_id=run.run_id,
                role=run.role,
                name=run.name,
                seed=run.seed,
                architecture=run.architecture.name,
                parameters=figures.parameters,
                macs=figures.macs,
                size_bytes=figures.size_bytes,
                teacher_terms=teacher_terms,
                epochs=_epochs(checked, run),
                samples_seen="" if run.compression else checked.samples_seen(run),
                parent=run.compression.parent if run.compression else "",
                compression_step=run.compression.choice.name if run.compression else "",
                strength=run.compression.strength if run.compression else None,
            )
        )
    if context.may_train:
        for number in range(len(checked.plan.teachers)):
            context.step(*teacher_step(number), "waiting")
        for cohort in checked.plan.cohorts:
            context.step(*cohort_step(cohort.seed), "waiting")
        if checked.plan.compressed:
            context.step(*COMPRESSION_STEP, "waiting", total=len(checked.plan.compressed))
            if checked.spec.compression.sensitivity:
                context.step(*SENSITIVITY_STEP, "waiting")
    if context.examines is not None:
        context.step(*EXAMINATION_STEP, "waiting")
        return
    context.step("export", EXPORT_TITLE, "waiting")
    context.step("latency", LATENCY_TITLE, "waiting")


def _keep_test_inputs(checked: Checked, context: Context) -> None:
    """Once for all experiments with these data: the web process shows them and asks the exported networks."""
    data, place = checked.data, place_of_test_inputs(context.folder, checked.spec.data.dataset.name)
    if place is None or place.exists():
        return
    try:
        write_test_inputs(
            place, data.test_inputs.numpy(), data.test_labels.numpy(), label_mean=data.label_mean,
            label_std=data.label_std,
        )
    except OSError as error:
        # Training needs none of it.
        text = f"The test inputs could not be kept ({error.strerror}); “Try it” offers only the shipped samples."
        context.emit(Noted(at=context.clock(), text=text, level="warning"))


def _epochs(checked: Checked, run: PlannedRun) -> int:
    """The most a run will train."""
    if run.compression is not None:
        return run.compression.training.epochs if run.compression.training else 0
    if run.teacher is None:
        return checked.spec.student_training.epochs
    return run.teacher.training.epochs if run.teacher.train else 0


COMPRESSION_STEP = ("compression", "Compression")
SENSITIVITY_STEP = ("sensitivity", "Sensitivity to compression")


def teacher_step(number: int) -> tuple[str, str]:
    """Name and title of the step that trains a teacher, counted from 0."""
    return ("teacher", "Teacher") if number == 0 else (f"teacher:{number + 1}", sayable(f"Teacher {number + 1}"))


def cohort_step(seed: int) -> tuple[str, str]:
    """Name and title of the step that trains the students of a seed."""
    return f"cohort:{seed}", sayable(f"Students, seed {seed}")
