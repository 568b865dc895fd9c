"""A student's loss: weighted terms, with each one's mean over the epoch on record."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from distill_core.entries import Params, Registry
from distill_core.losses.term import StepTensors, TermFunction
from distill_core.spec import Term
from distill_core.training.gradient_norms import gradient_norms
from distill_core.training.taps import Shape, chosen_taps, shapes_of


@dataclass(frozen=True)
class NetworkTaps:
    """Taps of both networks by name with their shapes, as taps.list_taps finds them."""

    student: Mapping[str, Shape]
    teacher: Mapping[str, Shape]


@dataclass(frozen=True)
class ActiveTerm:
    """One term of weight above 0; `taps` are the names of the student's and the teacher's layer it reads."""

    name: str
    term: Term
    function: TermFunction
    traits: Collection[str]
    taps: tuple[str, str] | None
    params: Params
    built_with: Callable[[Params], TermFunction]
    """The same term with other settings."""

    def weight(self, progress: float) -> float:
        """At a share 0..1 of all steps."""
        if self.term.schedule == "constant":
            return self.term.weight
        fraction = self.term.schedule_fraction
        if self.term.schedule == "warm-up":
            return self.term.weight * min(1.0, progress / fraction)
        return self.term.weight * min(1.0, (1.0 - progress) / fraction)


class Objective:
    """Total = sum of weight * term. Terms of weight 0 are not computed."""

    def __init__(
        self, terms: Sequence[Term], losses: Registry, *, device: torch.device, taps: NetworkTaps | None = None
    ) -> None:
        self.terms = [active_term(term, losses, taps) for term in terms if term.weight > 0]
        self.terms = [replace(one, name=name) for one, name in zip(self.terms, _unique(self.terms), strict=True)]
        self.names = [one.name for one in self.terms]
        # What terms learn themselves, such as a hint's regressor; trained and kept with the student.
        self.modules = nn.ModuleList(one.function for one in self.terms if isinstance(one.function, nn.Module))
        self.modules.to(device).train()
        # Sums stay on the device: reading a number at every step would wait for a GPU.
        self.sums = torch.zeros(2, len(self.names), dtype=torch.float64, device=device)
        self.steps = 0
        # Of each weighted term, in the same order; NaN: not measured since the last `take_norms`.
        self.norms = torch.full((len(self.names),), torch.nan, dtype=torch.float64, device=device)

    @property
    def student_taps(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.taps[0] for one in self.terms if one.taps))

    @property
    def teacher_taps(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.taps[1] for one in self.terms if one.taps))

    @property
    def reads_weights(self) -> bool:
        return any("weights" in one.traits for one in self.terms)

    def weights(self, progress: float) -> list[float]:
        """Of each term, at a share 0..1 of all steps."""
        return [one.weight(progress) for one in self.terms]

    def __call__(
        self, step: StepTensors, *, progress: float = 0.0, student_taps: Mapping[str, Tensor] | None = None,
        teacher_taps: Mapping[str, Tensor] | None = None, measure: Sequence[nn.Parameter] = (),
    ) -> Tensor:
        """The scalar to minimise, at a share 0..1 of all steps; keeps each term's gradient norm of `measure`."""
        raw: list[Tensor] = []
        for one in self.terms:
            seen = step
            if one.taps is not None and student_taps is not None and teacher_taps is not None:
                seen = replace(step, student_tap=student_taps[one.taps[0]], teacher_tap=teacher_taps[one.taps[1]])
            raw.append(one.function(seen))
        weights = self.weights(progress)
        self._add(raw, weights)
        if measure:
            self.norms.copy_(gradient_norms(raw, weights, measure))
        total = raw[0] if weights[0] == 1.0 else raw[0] * weights[0]
        for value, weight in zip(raw[1:], weights[1:], strict=True):
            total = total + value * weight
        return total

    def _add(self, raw: Sequence[Tensor], weights: Sequence[float]) -> None:
        """Add a step's terms to the sums."""
        self.steps += 1
        if self.sums.device.type == "cpu":
            # Nothing is waited for here, and plain numbers are added sooner than tensors; the sums are the same.
            held = self.sums.numpy()
            for place, (value, weight) in enumerate(zip(raw, weights, strict=True)):
                number = value.item()
                held[0, place] += number
                held[1, place] += number * weight
            return
        found = torch.stack([value.detach() for value in raw]).double()
        self.sums[0] += found
        # One by one: a tensor of weights would have to be copied to the device, which waits for it too.
        self.sums[1] += torch.stack([value * weight for value, weight in zip(found.unbind(), weights, strict=True)])

    def take_means(self) -> tuple[dict[str, float], dict[str, float]]:
        """Raw and weighted means of each term since the last call, and a fresh start."""
        raw, weighted = (self.sums / max(self.steps, 1)).tolist()
        self.sums.zero_()
        self.steps = 0
        return dict(zip(self.names, raw, strict=True)), dict(zip(self.names, weighted, strict=True))

    def take_norms(self) -> dict[str, float]:
        """The norm of each weighted term's gradient, if it was measured since the last call; else nothing."""
        found = dict(zip(self.names, self.norms.tolist(), strict=True))
        measured = not self.norms.isnan().all()
        self.norms.fill_(torch.nan)
        return found if measured else {}


def active_term(term: Term, losses: Registry, taps: NetworkTaps | None) -> ActiveTerm:
    """A term ready to be computed. Raises ValueError, in one sentence, for layers that it cannot read or pair."""
    entry, params = losses.resolve(term.loss)
    names = shapes = None
    if entry.reads_taps:
        if taps is None:
            raise ValueError(f"{entry.name} reads inner layers, and there is no teacher to read them of")
        names = chosen_taps(params, entry.traits, taps.student, taps.teacher)
        shapes = shapes_of(names, taps.student, taps.teacher)
    return ActiveTerm(
        name=term.loss.name, term=term, function=entry.build(params, shapes), traits=entry.traits, taps=names,
        params=params, built_with=lambda other: entry.build(other, shapes),
    )


def _unique(terms: Sequence[ActiveTerm]) -> list[str]:
    """The name of each term's loss, numbered from its second use on."""
    names: list[str] = []
    for one in terms:
        number = sum(other.term.loss.name == one.term.loss.name for other in terms[: len(names)]) + 1
        names.append(one.name if number == 1 else f"{one.name} {number}")
    return names
