"""One run in training: network, optimiser, objective, best epoch, and its state as tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from distill_core.folders import RunFolder
from distill_core.losses.term import StepTensors
from distill_core.planned import PlannedRun, Precision
from distill_core.signature import Task
from distill_core.spec import Training
from distill_core.training.batches import Batch
from distill_core.training.checkpoint import read_checkpoint, write_checkpoint
from distill_core.training.gradient_norms import is_measured
from distill_core.training.leading import Helped
from distill_core.training.objective import Objective
from distill_core.training.precision import computing, network_precision, whole
from distill_core.training.schedule import build_optimizer, learning_rate
from distill_core.training.stopping import BestEpoch, Stop
from distill_core.training.stream import Stream, seed_noise
from distill_core.training.taps import TapReader
from distill_core.training.watching import Diary


@dataclass
class Progress:
    """How far a run is: global steps done, epochs validated, seconds spent, how it ended."""

    step: int = 0
    epoch: int = 0
    seconds: float = 0.0
    stop: Stop | None = None


class Candidate:
    """Trains one network; independent of its rivals given batches and the teacher's answers."""

    def __init__(
        self,
        run: PlannedRun,
        model: nn.Module,
        objective: Objective,
        stream: Stream,
        *,
        training: Training,
        total_steps: int,
        task: Task,
        teacher_weights: Mapping[str, Tensor] | None = None,
        precision: Precision = "float32",
    ) -> None:
        self.run, self.model, self.objective, self.stream = run, model, objective, stream
        self.training, self.total_steps = training, total_steps
        # What terms learn themselves is trained like the network.
        self.optimizer = build_optimizer(training, [*model.parameters(), *objective.modules.parameters()])
        self.parameters: list[nn.Parameter] = [one for group in self.optimizer.param_groups for one in group["params"]]
        """All that its optimiser changes, in the optimiser's order."""
        self._trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._taps = TapReader(model, objective.student_taps)
        self._teacher_weights = teacher_weights if objective.reads_weights else None
        self.best = BestEpoch(training, task)
        self.best_state: dict[str, Tensor] = {}
        self.progress = Progress()
        self.device = next(model.parameters()).device
        self.precision = network_precision(precision, model, self.device)
        self.after_step: list[Callable[[], None]] = []
        """What holds after every step: pruned weights are 0 again."""
        self.helped: Helped | None = None
        """What goes through the network's steps with other processes; None: this process alone."""
        self.diary: Diary | None = None
        """Its answers by epoch; None: they are not kept."""

    @property
    def active(self) -> bool:
        return self.progress.stop is None

    def train_step(
        self, batch: Batch, teacher_logits: Tensor | None, teacher_taps: Mapping[str, Tensor] | None = None
    ) -> None:
        """One optimisation step; the learning rate and the dropout noise depend on seed and step alone."""
        step = self.progress.step
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.training, step, self.total_steps)
        seed_noise(self.run.seed, step, self.device)
        if not self.model.training:
            # Walking through all layers at every step costs a small network as much as one of them.
            self.model.train()
        # What `zero_grad` does, without what it looks up at every step: that takes a small network's time.
        for parameter in self.parameters:
            parameter.grad = None
        measured = self._trainable if self.measures(step) else ()

        def loss_of(logits: Tensor, seen: Mapping[str, Tensor]) -> Tensor:
            return self.objective(
                self.step_tensors(batch, logits, teacher_logits if self.run.needs_teacher else None),
                progress=step / self.total_steps, student_taps=seen, teacher_taps=teacher_taps,
                measure=measured,
            )

        if self.helped is not None:
            self.helped.accumulate(step, batch.inputs, loss_of)
        else:
            with self._taps.reading() as seen, computing(self.precision, self.device):
                logits = self.model(batch.inputs)
            loss_of(whole(logits), {name: whole(value) for name, value in seen.items()}).backward()
        self.optimizer.step()
        with torch.no_grad():
            for hold in self.after_step:
                hold()
        self.progress.step = step + 1

    def measures(self, step: int) -> bool:
        """Whether each term's gradient is measured at a step.

        With other processes the way back is cut in two, so that no term's gradient is known here.
        """
        return self.helped is None and is_measured(
            step, steps_per_epoch=self.total_steps // self.training.epochs, terms=len(self.objective.names)
        )

    def step_tensors(self, batch: Batch, logits: Tensor, teacher_logits: Tensor | None) -> StepTensors:
        """What every term sees; a tagged sequence counts as so many samples as it has steps."""
        labels, partner, share = batch.labels, batch.partner_labels, batch.share
        if logits.dim() == 3:
            steps = logits.shape[1]
            logits, labels = logits.flatten(0, 1), labels.flatten(0, 1)
            teacher_logits = None if teacher_logits is None else teacher_logits.flatten(0, 1)
            partner = None if partner is None else partner.flatten(0, 1)
            share = None if share is None else share.repeat_interleave(steps)
        own = dict(self.model.named_parameters()) if self._teacher_weights is not None else None
        return StepTensors(
            logits, teacher_logits, labels, partner_labels=partner, share=share, student_weights=own,
            teacher_weights=self._teacher_weights,
        )

    def lie_anew(self) -> None:
        """Lay weights and moments out as layers compute quickest, which slices of a stack do not lie."""
        self.model.to(memory_format=self.stream.normalise.format)
        for parameter in self.parameters:
            state = self.optimizer.state.get(parameter, {})
            state.update({key: _lying_as(parameter, value) for key, value in state.items()})

    def keep_as_best(self) -> None:
        self.best_state = {name: value.detach().clone() for name, value in self.model.state_dict().items()}

    def restore_best(self) -> None:
        if self.best_state:
            self.model.load_state_dict(self.best_state)

    def save_checkpoint(self, folder: RunFolder, *, fence: Callable[[], None] = lambda: None) -> None:
        """Write all that resuming needs, as safetensors: see training.checkpoint; `fence` as in whole_files."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"terms.{name}": value for name, value in self.objective.modules.state_dict().items()}
        for index, parameter in enumerate(self.parameters):
            for key, value in self.optimizer.state[parameter].items():
                # Nesterov's buffer does not exist before the first step.
                if value is not None:
                    tensors[f"optimizer.{index}.{key}"] = value
        tensors["objective.sums"], tensors["objective.norms"] = self.objective.sums, self.objective.norms
        facts: dict[str, Any] = {
            "step": self.progress.step,
            "epoch": self.progress.epoch,
            "seconds": self.progress.seconds,
            "objective_steps": self.objective.steps,
            "best": {"epoch": self.best.epoch, "waited": self.best.waited}
            | ({"accuracy": self.best.accuracy, "nll": self.best.nll} if self.best.epoch else {}),
        }
        if self.diary is not None:
            # First: a checkpoint never knows of an epoch whose answers are not on the disk.
            self.diary.write(folder, fence=fence)
        write_checkpoint(folder, tensors, best=self.best_state, best_epoch=self.best.epoch, facts=facts, fence=fence)

    def load_checkpoint(
        self, folder: RunFolder, *, tell: Callable[[str], None] = lambda text: None, at: int | None = None
    ) -> bool:
        """Continue from the newest whole checkpoint (`at`: from that of a step) if there is one; bit-identical on CPU.

        `tell` gets a sentence if a damaged one was passed over.
        """
        found, troubles = read_checkpoint(folder, device=str(self.device), at=at)
        if troubles:
            back = "the one before is used" if found else "none other is left, so that it begins anew"
            damage = ". ".join(troubles)
            tell(f"{self.run.name}, seed {self.run.seed}: {damage}; {back}. What is trained again comes out the same.")
        if found is None:
            return False
        facts, tensors = found.facts, found.tensors
        self.model.load_state_dict(_below("model.", tensors))
        self.best_state = found.best
        self.objective.modules.load_state_dict(_below("terms.", tensors))
        for index, parameter in enumerate(self.parameters):
            state = _below(f"optimizer.{index}.", tensors)
            if state:
                self.optimizer.state[parameter] = {key: _lying_as(parameter, value) for key, value in state.items()}
        self.objective.sums.copy_(tensors["objective.sums"])
        if "objective.norms" in tensors:
            # One that an earlier version wrote has none.
            self.objective.norms.copy_(tensors["objective.norms"])
        self.objective.steps = facts["objective_steps"]
        self.progress = Progress(step=facts["step"], epoch=facts["epoch"], seconds=facts["seconds"])
        for name, value in facts["best"].items():
            setattr(self.best, name, value)
        if self.diary is not None:
            self.diary.read(folder, until=self.progress.epoch)
        return True


def _lying_as(parameter: nn.Parameter, value: Any) -> Any:
    """A moment laid out as its parameter, for fused optimisers walk both side by side; a count of steps as it is."""
    if isinstance(value, Tensor) and value.shape == parameter.shape:
        return torch.empty_like(parameter).copy_(value)
    return value


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
