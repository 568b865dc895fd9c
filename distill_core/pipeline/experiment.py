"""One experiment end to end: check, teacher, cohorts, export, latency; every figure leaves as an event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from distill_core.errors import Diverged
from distill_core.events import (
    Emit,
    Noted,
    RunChanged,
    ThreadsChosen,
    WorkerEnded,
)
from distill_core.folders import ExperimentFolder, read_json, write_json
from distill_core.pipeline.announcing import COMPRESSION_STEP, announce, cohort_step, teacher_step
from distill_core.pipeline.compressing import compress
from distill_core.pipeline.context import Context
from distill_core.pipeline.examining import examine
from distill_core.pipeline.feedback import measure_feedback
from distill_core.pipeline.keeping import Keeper, surroundings
from distill_core.pipeline.reuse import have, is_finished, source_of
from distill_core.pipeline.sensitivity import measure_sensitivity
from distill_core.pipeline.shipping import EXPORT_TITLE, LATENCY_TITLE, ship
from distill_core.planned import Origin, PlannedRun
from distill_core.spec import ExperimentSpec
from distill_core.training.answer_keys import close_stores, forget_stores
from distill_core.training.assembly import student_cohort, teacher_cohort
from distill_core.training.cohort import Cohort
from distill_core.training.fitness import measure_fitness
from distill_core.training.leading import Leader
from distill_core.training.preparation import Checked, deep_check
from distill_core.training.stopping import UNTRAINED
from distill_core.training.teachers import as_one
from distill_core.training.timing import choose_threads, estimate_seconds


def run_experiment(
    spec: ExperimentSpec,
    folder: ExperimentFolder,
    *,
    reuse: Mapping[str, str],
    request: Mapping[str, Any],
    emit: Emit,
    should_stop: Callable[[], bool],
    clock: Callable[[], float],
    threads: int = 1,
    checkpoint_seconds: float = 10.0,
    fence: Callable[[], None] = lambda: None,
    assemble: Callable[[], Leader] | None = None,
) -> WorkerEnded:
    """Run what is not yet finished in the folder, so that resuming is running once more.

    `reuse` maps run digests to folders of finished runs; `threads` is the most to use; a worker killed by force loses
    at most about `checkpoint_seconds` of training. `fence` is called right before anything is kept; it does not return
    if the folder is no longer this process's to write. `assemble` gathers the processes that share the training of
    teachers and students, where there are any; compression, evaluation and export are this one's alone.
    Raises LabError for what a user can mend.
    """
    context = Context(
        folder=folder, emit=emit, should_stop=should_stop, clock=clock, reuse=reuse, request=request,
        checkpoint_seconds=checkpoint_seconds, fence=fence,
    )
    checked = _check(spec, context)
    if checked.device.type == "cuda":
        # What asks for no device by name, such as the seed of dropout, means the present one.
        torch.cuda.set_device(checked.device)
    keeper = Keeper(checked, folder, emit=emit, clock=clock, fence=fence)
    announce(checked, context)
    _choose_threads(checked, context, most=threads)
    if context.may_train:
        _expect(checked, context)
        if assemble is not None:
            context.leader = assemble()
            context.leader.prepare(checked.origin, threads=torch.get_num_threads())
        teacher = _teacher(checked, context, keeper)
        if teacher is None:
            return WorkerEnded(
                at=clock(), outcome="cancelled", reason="Stopped before the teacher was ready; it can be resumed."
            )
        _tell_fitness(checked, context, teacher)
        _cohorts(checked, context, keeper, teacher)
        context.dismiss()
        compress(checked, context, keeper, teacher)
        measure_sensitivity(checked, context, keeper)
        if not should_stop():
            measure_feedback(checked, folder, keeper)
    if context.examines is not None:
        examine(checked, context, keeper, seed=context.examines)
    else:
        ship(checked, folder, keeper, request=request, emit=emit, should_stop=should_stop, clock=clock)
    if not context.may_train and not should_stop():
        return WorkerEnded(at=clock(), outcome="succeeded")
    if should_stop() or any(keeper.state(run.run_id) in (None, "stopped") for run in checked.plan.runs):
        return WorkerEnded(
            at=clock(), outcome="cancelled", reason="Stopped; what was trained so far is kept and can be resumed."
        )
    failed = [run for run in checked.plan.runs if keeper.state(run.run_id) == "diverged"]
    if failed:
        names = ", ".join(f"{run.name} (seed {run.seed})" for run in failed[:3]) + (
            " and more" if len(failed) > 3 else ""
        )
        raise Diverged(
            f"{len(failed)} of {len(checked.plan.runs)} runs diverged: {names}. Their last good epoch is kept; lower "
            "the learning rate or the weights."
        )
    return WorkerEnded(at=clock(), outcome="succeeded")


def _check(spec: ExperimentSpec, context: Context) -> Checked:
    """The deep check; an experiment that goes on keeps the origin it began with."""
    folder, told = context.folder, False

    def tell(line: str) -> None:
        nonlocal told
        told = True
        context.step("data", f"Data: {line}", "running")

    began = Origin.model_validate(read_json(folder.origin)) if folder.origin.exists() else None
    checked = deep_check(spec, home=folder.home, origin=began, tell=tell)
    if told:
        context.step("data", "Data", "finished")
    if began is None:
        write_json(folder.origin, checked.origin.model_dump(mode="json"))
    return checked


def _choose_threads(checked: Checked, context: Context, *, most: int) -> None:
    """Choose once; a resumed worker uses the same count, for the same rounding."""
    held = context.folder.calibration
    if held.exists():
        threads = int(read_json(held)["threads"])
        torch.set_num_threads(threads)
    else:
        threads = choose_threads(checked, most=most, should_stop=context.should_stop)
        # A stop that came before any training leaves the choice to the worker that trains.
        if not context.should_stop():
            write_json(held, {"threads": threads, "most": most})
    context.emit(ThreadsChosen(at=context.clock(), threads=threads))


def _expect(checked: Checked, context: Context) -> None:
    """Tell how long each step will take, from timing a few of its steps; nothing where nothing is left to train."""
    have = frozenset(
        run.run_id
        for run in checked.plan.runs
        if is_finished(context.folder.run(run.run_id)) or source_of(run, context.reuse)
    )
    cohorts = [cohort for cohort in checked.plan.cohorts if any(run.run_id not in have for run in cohort.runs)]
    if len(have) == len(checked.plan.runs):
        return
    seconds = estimate_seconds(checked, should_stop=context.should_stop, skip=have)
    waiting = [number for number, run in enumerate(checked.plan.teachers) if run.run_id not in have]
    for number in waiting:
        context.step(*teacher_step(number), "waiting", expected_seconds=seconds["teacher"] / len(waiting))
    for cohort in cohorts:
        context.step(*cohort_step(cohort.seed), "waiting", expected_seconds=seconds["cohorts"] / len(cohorts))
    if checked.plan.compressed:
        context.step(*COMPRESSION_STEP, "waiting", expected_seconds=seconds["compression"])
    context.step("export", EXPORT_TITLE, "waiting", expected_seconds=seconds["export"])
    context.step("latency", LATENCY_TITLE, "waiting", expected_seconds=seconds["latency"])


def _teacher(checked: Checked, context: Context, keeper: Keeper) -> nn.Module | None:
    """The trained teachers as one, in eval mode, or None if a stop came first. Raises Diverged without a usable one."""
    for number, run in enumerate(checked.plan.teachers):
        if not _one_teacher(run, teacher_step(number), checked, context, keeper):
            return None
    networks = [keeper.network(run) for run in checked.plan.teachers]
    return as_one(networks, [teacher.weight for teacher in checked.spec.teachers])


def _tell_fitness(checked: Checked, context: Context, teacher: nn.Module) -> None:
    """Keep how fit the teacher is, before the first student learns from it; once an experiment."""
    place = context.folder.teacher_fitness
    if place.exists():
        return
    found = measure_fitness(checked, teacher.eval())
    if found is not None:
        context.fence()
        write_json(place, found.to_json())


def _one_teacher(
    run: PlannedRun, step: tuple[str, str], checked: Checked, context: Context, keeper: Keeper
) -> bool:
    """Train or take over one teacher; False if a stop came first."""
    name, title = step
    if have(run, context.folder, keeper, reuse=context.reuse):
        context.step(name, title, "finished")
    else:
        context.step(name, title, "running")
        cohort = teacher_cohort(checked, run, surroundings(context, keeper, name, title))
        assert run.teacher is not None
        if run.teacher.train:
            context.emit(RunChanged(at=context.clock(), run_id=run.run_id, state="training"))
            cohort.fit()
        else:
            cohort.candidates[0].progress.stop = UNTRAINED
            keeper.keep(cohort.candidates[0])
        total = cohort.epochs * cohort.steps_per_epoch if run.teacher.train else 0
        if keeper.state(run.run_id) == "stopped":
            context.step(name, title, "waiting", done=cohort.candidates[0].progress.step, total=total)
            return False
        context.step(name, title, "finished", done=total, total=total)
    if keeper.state(run.run_id) == "diverged":
        raise Diverged(
            "The teacher's loss became NaN or infinite; its last good epoch is kept. Lower its learning rate."
        )
    return True


def _steps_done(training: Cohort) -> int:
    return min(candidate.progress.step for candidate in training.candidates)


def _cohorts(checked: Checked, context: Context, keeper: Keeper, teacher: nn.Module) -> None:
    """Train every cohort that is not finished, until a stop comes."""
    error = 0.0
    for cohort in checked.plan.cohorts:
        name, title = cohort_step(cohort.seed)
        missing = [run for run in cohort.runs if not have(run, context.folder, keeper, reuse=context.reuse)]
        if missing and context.should_stop():
            break
        total = 0
        if missing:
            context.step(name, title, "running")
            for run in missing:
                context.emit(RunChanged(at=context.clock(), run_id=run.run_id, state="training"))
            training = student_cohort(checked, missing, teacher, surroundings(context, keeper, name, title))
            training.fit()
            close_stores(training)
            error = max(error, *(one.stream.largest_error() for one in training.candidates))
            total, done = training.epochs * training.steps_per_epoch, _steps_done(training)
            # Else the data and answers that it has on a GPU would be there beside those of the next one.
            forget_stores(training)
            del training
            if any(keeper.state(run.run_id) == "stopped" for run in missing):
                context.step(name, title, "waiting", done=done, total=total)
                break
        context.step(name, title, "finished", done=total, total=total)
    if error:
        text = f"On the first batch, the teacher's logits in 16 bits differ from those in 32 bits by up to {error:.2g}."
        context.emit(Noted(at=context.clock(), text=text))
