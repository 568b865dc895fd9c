"""Students of one architecture that train as one: one pass, one way back and one optimiser for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from distill_core.training.batches import Batch, asked_at_once
from distill_core.training.candidate import Candidate
from distill_core.training.normaliser import Normaliser
from distill_core.training.precision import computing, whole
from distill_core.training.schedule import build_optimizer, learning_rate
from distill_core.training.stacked import Unstackable
from distill_core.training.stacked_network import StackedNetwork
from distill_core.training.stacked_terms import StackedTerms
from distill_core.training.stream import seed_noise

AGREEMENT = 1e-2
"""Far above rounding, TF32's included; a layer that was misunderstood is further off."""


class Stack:
    """Candidates of one architecture, one stream and one seed, all at the same step.

    Their weights, the state of their optimisers and the sums of their objectives become slices of stacked tensors, so
    that validating, keeping and checkpoints find them where they were. A candidate that has ended keeps its slice; the
    others go on in a new stack.
    """

    def __init__(self, members: Sequence[Candidate]) -> None:
        first = members[0]
        self.members, self._device = list(members), first.device
        self.network = StackedNetwork([one.model for one in members])
        self.network.all.train()
        self._optimizer = build_optimizer(first.training, self.network.parameters)
        self._take_over_moments()
        self._handed_over = False
        objectives = [one.objective for one in members]
        self._terms = StackedTerms(objectives, device=self._device)
        shape = (len(members), self._terms.most)
        self._sums = torch.zeros(shape[0], 2, shape[1], dtype=torch.float64, device=self._device)
        self._norms = torch.full(shape, torch.nan, dtype=torch.float64, device=self._device)
        for number, one in enumerate(objectives):
            width = len(one.names)
            self._sums[number, :, :width], self._norms[number, :width] = one.sums, one.norms
            one.sums, one.norms = self._sums[number, :, :width], self._norms[number, :width]

    def train_step(self, batch: Batch, teacher_logits: Tensor | None, teacher_taps: Mapping[str, Tensor]) -> None:
        """One optimisation step of every member, equal to `Candidate.train_step` of each but for rounding.

        Whatever is raised is raised before a weight changes.
        """
        first = self.members[0]
        step = first.progress.step
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(first.training, step, first.total_steps)
        seed_noise(first.run.seed, step, self._device)
        self.network.all.train()
        self._optimizer.zero_grad(set_to_none=True)
        with computing(first.precision, self._device):
            answers, seen = self.network(batch.inputs, self._terms.student_taps)
        answers, seen = whole(answers), {name: whole(value) for name, value in seen.items()}
        logits = answers.flatten(1, 2) if answers.dim() == 4 else answers
        # Of one student: every term gets its own rows of the stacked logits in place of these.
        shared = first.step_tensors(batch, answers[0], teacher_logits)
        raw = self._terms.raw(shared, logits, seen, teacher_taps)
        weights = self._terms.weights(step / first.total_steps)
        norms = self._measured(step, raw, weights)
        (raw * weights.to(raw.dtype)).sum().backward()
        self._optimizer.step()
        with torch.no_grad():
            found = raw.detach().double()
            self._sums[:, 0] += found
            self._sums[:, 1] += found * weights
            if norms is not None:
                self._norms.copy_(torch.where(norms.isnan(), self._norms, norms))
        for one in self.members:
            one.objective.steps += 1
            one.progress.step = step + 1
        if not self._handed_over:
            self._hand_over_moments()

    @torch.no_grad()
    def compare(self, inputs: Tensor) -> None:
        """Raises Unstackable where the members' own answers to inputs [B,*shape] are others than those of the stack."""
        self.network.all.eval()
        together, _ = self.network(inputs)
        for one, stacked in zip(self.members, together, strict=True):
            one.model.eval()
            own = one.model(inputs)
            one.model.train()
            if own.shape != stacked.shape or not torch.allclose(own, stacked, rtol=AGREEMENT, atol=AGREEMENT):
                raise Unstackable("the answers would be others than one by one")

    def _measured(self, step: int, raw: Tensor, weights: Tensor) -> Tensor | None:
        """Norms of each weighted term's gradient of each member, float64 [S,T]; NaN of those not measured now."""
        rows = [number for number, one in enumerate(self.members) if one.measures(step)]
        if not rows:
            return None
        parameters = [one for one in self.network.parameters if one.requires_grad]
        columns = []
        for column in range(raw.shape[1]):
            found = torch.autograd.grad(
                raw[rows, column].sum(), parameters, retain_graph=True, allow_unused=True
            )
            squares = [one.flatten(1).double().square().sum(1) for one in found if one is not None]
            columns.append(torch.stack(squares).sum(0).sqrt())
        norms = torch.full_like(self._norms, torch.nan)
        norms[rows] = (torch.stack(columns, 1) * weights)[rows]
        return norms

    @torch.no_grad()
    def predict(self, inputs: Tensor, normalise: Normaliser) -> Tensor:
        """Answers [S,N,...] of all members for stored inputs [N,*shape], in eval mode."""
        self.network.all.eval()
        with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, allow_tf32=False):
            parts = [
                self.network(normalise(part.to(self._device)))[0]
                for part in inputs.split(asked_at_once(inputs.shape[1:]))
            ]
        self.network.all.train()
        return torch.cat(parts, 1)

    def _take_over_moments(self) -> None:
        """What the members' optimisers remember, stacked; nothing before their first step."""
        for number, stacked in enumerate(self.network.parameters):
            states = [one.optimizer.state[one.parameters[number]] for one in self.members]
            if not states[0]:
                continue
            self._optimizer.state[stacked] = {
                name: self._together(name, [state[name] for state in states]) for name in states[0]
            }

    @staticmethod
    def _together(name: str, values: list[Any]) -> Any:
        if values[0] is None:
            return None
        # All have done the same number of steps; a fused optimiser counts them once a parameter.
        return values[0].clone() if name == "step" else torch.stack(values)

    def _hand_over_moments(self) -> None:
        """Let the members' optimisers remember slices of what the stacked one does, which is changed in place."""
        for number, stacked in enumerate(self.network.parameters):
            state = self._optimizer.state[stacked]
            for row, one in enumerate(self.members):
                one.optimizer.state[one.parameters[number]] = {
                    name: value if value is None or name == "step" else value[row] for name, value in state.items()
                }
        self._handed_over = True

    def dissolve(self) -> None:
        """The members may train one by one, or in other stacks, from now on."""
        for one in self.members:
            one.lie_anew()
            for parameter in one.parameters:
                state = one.optimizer.state[parameter]
                if "step" in state:
                    state["step"] = state["step"].clone()

