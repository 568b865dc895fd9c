"""Training several runs in one pass: they share batches and the teacher's answers, nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from distill_core.events import Emit, EpochEnded, Noted
from distill_core.folders import RunFolder
from distill_core.signature import Task
from distill_core.training.batches import Batch, asked_at_once
from distill_core.training.candidate import Candidate
from distill_core.training.checkpoint import kept_steps
from distill_core.training.leading import Leader
from distill_core.training.normaliser import Normaliser
from distill_core.training.schedule import learning_rate
from distill_core.training.scores import score
from distill_core.training.stack import Stack
from distill_core.training.stacking import Stacking
from distill_core.training.stopping import diverged, requested
from distill_core.training.stream import Stream

PROGRESS_SECONDS = 0.5


@torch.no_grad()
def predict(model: nn.Module, inputs: Tensor, normalise: Normaliser) -> Tensor:
    """Answers float [N,K], of tagging [N,L,K], for stored inputs [N,*shape], in eval mode; the mode is put back."""
    mode = model.training
    model.eval()
    device = next(model.parameters()).device
    # Figures and parity need all 24 bits of a float; TF32 would keep 11.
    with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, allow_tf32=False):
        parts = [model(normalise(part.to(device))) for part in inputs.split(asked_at_once(inputs.shape[1:]))]
    model.train(mode)
    return torch.cat(parts)


class Answers:
    """What a candidate, or all those of a stack, answer at the end of an epoch; the same inputs are asked once."""

    def __init__(self, unit: Stack | Candidate) -> None:
        self._unit = unit
        self._known: dict[int, Tensor] = {}

    def of(self, candidate: Candidate, inputs: Tensor) -> Tensor:
        """The candidate's answers [N,...] to stored inputs [N,*shape].

        Asked when first wanted: the weights of a candidate that has ended since are others, but nobody asks for it.
        """
        if isinstance(self._unit, Candidate):
            return predict(candidate.model, inputs, candidate.stream.normalise)
        if id(inputs) not in self._known:
            answers = self._unit.predict(inputs, candidate.stream.normalise)
            self._known[id(inputs)] = answers
        return self._known[id(inputs)][self._unit.members.index(candidate)]


def _members(unit: Stack | Candidate) -> list[Candidate]:
    return unit.members if isinstance(unit, Stack) else [unit]


@dataclass(frozen=True)
class Validation:
    """Held-out inputs [N,*shape] as stored, labels [N,...], and the teacher's logits [N,...,K] if it has any."""

    inputs: Tensor
    labels: Tensor
    teacher_logits: Tensor | None
    task: Task = "classification"


@dataclass(frozen=True)
class Surroundings:
    """What training needs from outside: where to tell, when to stop, what time it is, where to keep."""

    emit: Emit
    should_stop: Callable[[], bool]
    clock: Callable[[], float]
    folder_of: Callable[[str], RunFolder]
    on_end: Callable[[Candidate], None]
    on_progress: Callable[[int, int], None]
    checkpoint_seconds: float = float("inf")
    fence: Callable[[], None] = lambda: None
    """Called right before a checkpoint is written; it does not return if another process was given the folder."""
    leader: Leader | None = None
    """Leads other processes that share each batch; None: this process alone."""
    told: set[str] = field(default_factory=set)
    """Notes that this experiment's page has already; one is enough for all seeds."""
    keeps_answers: bool = False
    """Whether the teacher's answers are kept for later trainings; never of steps that only take their time."""

    def note(self, text: str) -> None:
        """Tell the reader of the page, once."""
        if text not in self.told:
            self.told.add(text)
            self.emit(Noted(at=self.clock(), text=text))

    @classmethod
    def silent(cls, *, should_stop: Callable[[], bool] = lambda: False) -> Surroundings:
        """For steps that only take their time: nothing is told or kept, and the clock stands still."""
        return cls(
            emit=lambda event: None,
            should_stop=should_stop,
            clock=lambda: 0.0,
            folder_of=lambda run_id: RunFolder(Path("nowhere") / run_id),
            on_end=lambda candidate: None,
            on_progress=lambda done, total: None,
        )


class Cohort:
    """Runs that train side by side. Each stops on its own; those ahead of a resumed rival wait for it."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        *,
        teacher: nn.Module | None,
        validation: Validation,
        steps_per_epoch: int,
        around: Surroundings,
        stacking: Stacking | None = None,
    ) -> None:
        self.candidates, self.teacher, self.validation = list(candidates), teacher, validation
        self.steps_per_epoch, self.around = steps_per_epoch, around
        self.epochs = candidates[0].training.epochs
        self.stacking = stacking
        """Makes several students train as one; None: each by itself."""
        self._last_checkpoint = self._last_tick = self._last_told = around.clock()

    @property
    def active(self) -> list[Candidate]:
        return [candidate for candidate in self.candidates if candidate.active]

    def fit(self) -> None:
        """Train until every run has ended, by its budget, its patience, divergence or request."""
        common = self._common_step()
        for candidate in self.candidates:
            candidate.load_checkpoint(
                self.around.folder_of(candidate.run.run_id),
                tell=lambda text: self.around.emit(Noted(at=self.around.clock(), text=text, level="warning")),
                at=common,
            )
        self._share_out()
        start = min(candidate.progress.step for candidate in self.candidates)
        # Counted in validated epochs: a checkpoint of an epoch's last step still lacks its validation.
        for epoch in range(min(candidate.progress.epoch for candidate in self.candidates), self.epochs):
            if not self.train_epoch(epoch, max(start, epoch * self.steps_per_epoch)):
                return

    def _common_step(self) -> int | None:
        """Where stacked rivals must go on from together; None: each from its own newest checkpoint.

        Who was killed while checkpoints were written left some rivals ahead. A stack's last digits depend on who is in
        it, so that all go back to the newest step that all have kept. Without stacks those ahead wait for the others.
        """
        kept = [kept_steps(self.around.folder_of(one.run.run_id)) for one in self.candidates]
        if self.stacking is None or len({steps[0] if steps else 0 for steps in kept}) == 1:
            return None
        stacked = self.stacking.any_stack(self.candidates)
        return max(set.intersection(*({0, *steps} for steps in kept))) if stacked else None

    def _share_out(self) -> None:
        """Have the helpers build what the candidates are now."""
        if self.around.leader is None:
            return
        helped = self.around.leader.join(
            [(one.run, one.model, one.stream, one.objective.student_taps) for one in self.candidates], self.teacher
        )
        for candidate, how in zip(self.candidates, helped, strict=True):
            candidate.helped = how

    def train_epoch(self, epoch: int, first_step: int) -> bool:
        """Train from a step to the end of an epoch (counted from 0) and validate; False when all have ended."""
        end = (epoch + 1) * self.steps_per_epoch
        for step in range(first_step, end):
            if self.around.should_stop():
                self._stop_all(epoch)
                return False
            self.train_step(step)
        # A run whose checkpoint is ahead of its rivals' has been through this epoch already.
        ending = [one for one in self.active if one.progress.step == end and one.progress.epoch == epoch]
        for unit in self._units(ending):
            answers = Answers(unit)
            for candidate in _members(unit):
                self._end_epoch(candidate, epoch + 1, answers)
        return bool(self.active)

    def train_step(self, step: int) -> None:
        """One step of every run that is at it: one batch a stream, one answer of the teacher a batch."""
        answered: dict[int, tuple[Batch, Tensor | None, dict[str, Tensor]]] = {}
        waiting = [candidate for candidate in self.candidates if candidate.active and candidate.progress.step == step]
        for unit in self._units(waiting):
            stream = _members(unit)[0].stream
            if id(stream) not in answered:
                batch = stream.batch(step)
                asked = any(other.run.needs_teacher and other.stream is stream for other in waiting)
                answered[id(stream)] = batch, *(self._ask_teacher(stream, batch, step) if asked else (None, {}))
            if isinstance(unit, Stack):
                assert self.stacking is not None
                self.stacking.train_step(unit, *answered[id(stream)])
            else:
                unit.train_step(*answered[id(stream)])
        self._tick(step, waiting)

    def _units(self, candidates: Sequence[Candidate]) -> Sequence[Stack | Candidate]:
        """What trains as one, and what trains by itself."""
        return candidates if self.stacking is None else self.stacking.units(candidates)

    def _tick(self, step: int, trained: Sequence[Candidate]) -> None:
        """Share the time spent among those trained; now and then tell the progress and checkpoint."""
        now = self.around.clock()
        for candidate in trained:
            candidate.progress.seconds += (now - self._last_tick) / len(trained)
        self._last_tick = now
        if now - self._last_told >= PROGRESS_SECONDS:
            self.around.on_progress(step + 1, self.epochs * self.steps_per_epoch)
            self._last_told = now
        if now - self._last_checkpoint >= self.around.checkpoint_seconds:
            self._save(self.active)
            self._last_checkpoint = self.around.clock()

    def _ask_teacher(self, stream: Stream, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        if self.teacher is None:
            raise ValueError("a run reads the teacher's logits, but the cohort has no teacher")
        leader = self.around.leader
        return stream.teacher_answers(
            self.teacher, batch, ask=None if leader is None else partial(leader.ask, stream, step)
        )

    def _end_epoch(self, candidate: Candidate, epoch: int, answers: Answers) -> None:
        raw, weighted = candidate.objective.take_means()
        held = self.validation
        logits = answers.of(candidate, held.inputs)
        scores = score(logits, held.labels, held.teacher_logits, task=held.task)
        finite = all(math.isfinite(value) for value in (*raw.values(), scores.error))
        better = finite and candidate.best.update(epoch, accuracy=scores.success, nll=scores.error)
        if better:
            candidate.keep_as_best()
        candidate.progress.epoch = epoch
        step = candidate.progress.step
        self.around.emit(
            EpochEnded(
                at=self.around.clock(),
                run_id=candidate.run.run_id,
                epoch=epoch,
                step=step,
                learning_rate=learning_rate(candidate.training, step - 1, candidate.total_steps),
                train_loss=sum(weighted.values()),
                **scores.of_event(),
                raw_terms=raw,
                weighted_terms=weighted,
                gradient_norms=candidate.objective.take_norms(),
                best=better,
            )
        )
        if not finite:
            candidate.progress.stop = diverged(epoch, kept=candidate.best.epoch)
        else:
            candidate.progress.stop = candidate.best.after_epoch(epoch)
        diary = candidate.diary
        # The last epoch always, also where patience ends the run.
        if diary is not None and (diary.wants(epoch) or not candidate.active):
            diary.note(epoch, answers.of(candidate, diary.watched.inputs))
        if not candidate.active:
            self._end(candidate)

    def validate(self) -> None:
        """Ask every run about the validation samples, as at the end of an epoch."""
        for unit in self._units(self.active):
            answers = Answers(unit)
            for candidate in _members(unit):
                held = self.validation
                score(answers.of(candidate, held.inputs), held.labels, held.teacher_logits, task=held.task)

    def _stop_all(self, epoch: int) -> None:
        running = self.active
        self._save(running)
        for candidate in running:
            candidate.progress.stop = requested(epoch + 1, kept=candidate.best.epoch)
            self._end(candidate)

    def _save(self, candidates: Sequence[Candidate]) -> None:
        for candidate in candidates:
            self.around.fence()
            candidate.save_checkpoint(self.around.folder_of(candidate.run.run_id), fence=self.around.fence)

    def _end(self, candidate: Candidate) -> None:
        candidate.restore_best()
        self.around.on_end(candidate)
