"""The losses of several students at once: each kind of term computed in one go, weighted for each student."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import vmap
from torch.overrides import TorchFunctionMode

from distill_core.losses.term import StepTensors, TermFunction
from distill_core.training.objective import ActiveTerm, Objective

Taps = Mapping[str, Tensor]


class _Batchable(TorchFunctionMode):
    """Computes by its formula what torch.func.vmap would compute student by student."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return (_kl_div if func is F.kl_div else func)(*args, **(kwargs or {}))


def _kl_div(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", log_target: bool = False,
) -> Tensor:
    """F.kl_div, without its two settings of old."""
    own = target.exp() * (target - input) if log_target else torch.xlogy(target, target) - target * input
    if reduction == "none":
        return own
    return own.mean() if reduction == "mean" else own.sum() / (len(input) if reduction == "batchmean" else 1)


@dataclass
class _Kind:
    """Terms of one loss on the same layers, of several students: `places` are (student, number of the term)."""

    terms: list[ActiveTerm]
    places: list[tuple[int, int]]
    students: Tensor | None
    """Rows of those students [G]; None: all of them, in order."""
    varying: dict[str, Tensor]
    """Settings in which these terms differ, float [G] each."""

    def function(self, values: Sequence[Tensor]) -> TermFunction:
        first = self.terms[0]
        if not values:
            return first.function
        settings = dict(zip(self.varying, values, strict=True))
        return first.built_with(first.params.model_copy(update=settings))

    def losses(self, step: StepTensors, logits: Tensor, student_taps: Taps, teacher_taps: Taps) -> Tensor:
        """[G], of logits [S,B,K] and taps [S,B,...]."""
        names = self.terms[0].taps
        teacher_tap = None if names is None else teacher_taps[names[1]]
        seen = [logits] if names is None else [logits, student_taps[names[0]]]
        if self.students is not None:
            seen = [one[self.students] for one in seen]

        def one(logits: Tensor, *rest: Tensor) -> Tensor:
            taps, values = (rest[:1], rest[1:]) if names is not None else ((), rest)
            tensors = replace(
                step, student_logits=logits, student_tap=taps[0] if taps else None, teacher_tap=teacher_tap
            )
            return self.function(values)(tensors)

        with _Batchable():
            found: Tensor = vmap(one, randomness="same")(*seen, *self.varying.values())
        return found


class StackedTerms:
    """What the objectives of S students give, as one table [S,T]; T is the most terms that one of them has."""

    def __init__(self, objectives: Sequence[Objective], *, device: torch.device) -> None:
        self.objectives, self.device = list(objectives), device
        self.most = max(len(one.names) for one in objectives)
        self._kinds: list[_Kind] | None = None
        self._order: Tensor | None = None
        self._weights: tuple[list[list[float]], Tensor] | None = None

    @property
    def student_taps(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for one in self.objectives for name in one.student_taps))

    def raw(self, step: StepTensors, logits: Tensor, student_taps: Taps, teacher_taps: Taps) -> Tensor:
        """Unweighted terms [S,T], 0 where a student has none, of logits [S,B,K]; `step` has what all share."""
        if self._kinds is None:
            self._kinds = self._found(step, logits, student_taps, teacher_taps)
        parts = [kind.losses(step, logits, student_taps, teacher_taps) for kind in self._kinds]
        if self._order is None:
            self._order = self._order_of(self._kinds)
        return torch.cat([*parts, parts[0].new_zeros(1)])[self._order]

    def _found(self, step: StepTensors, logits: Tensor, student_taps: Taps, teacher_taps: Taps) -> list[_Kind]:
        """Terms that differ in numbers alone are one kind, where their loss can be computed so; else as many as differ.

        A loss that looks at its numbers, as in `if temperature > 1`, cannot have several at once.
        """
        found: list[_Kind] = []
        for places in _grouped(self.objectives, with_numbers=False):
            kind = self._kind(places, dtype=logits.dtype)
            if kind.varying and not _works(kind, step, logits, student_taps, teacher_taps):
                chosen = set(places)
                exact = [
                    [place for place in group if place in chosen]
                    for group in _grouped(self.objectives, with_numbers=True)
                ]
                found += [self._kind(group, dtype=logits.dtype) for group in exact if group]
            else:
                found.append(kind)
        return found

    def _kind(self, places: list[tuple[int, int]], *, dtype: torch.dtype) -> _Kind:
        terms = [self.objectives[student].terms[number] for student, number in places]
        rows = [student for student, _ in places]
        everyone = rows == list(range(len(self.objectives)))
        settings = [dict(term.params) for term in terms]
        differing = [name for name in settings[0] if any(one[name] != settings[0][name] for one in settings)]
        return _Kind(
            terms, places, None if everyone else torch.tensor(rows, device=self.device),
            {
                name: torch.tensor([one[name] for one in settings], dtype=dtype, device=self.device)
                for name in differing
            },
        )

    def _order_of(self, kinds: Sequence[_Kind]) -> Tensor:
        """Where each place of the table [S,T] finds its value in all kinds' values, the last of which is 0."""
        flat = [place for kind in kinds for place in kind.places]
        order = torch.full((len(self.objectives), self.most), len(flat))
        for number, place in enumerate(flat):
            order[place] = number
        return order.to(self.device)

    def weights(self, progress: float) -> Tensor:
        """Float64 [S,T] at a share 0..1 of all steps; 0 where a student has no such term."""
        wanted = [
            [*one.weights(progress), *[0.0] * (self.most - len(one.names))] for one in self.objectives
        ]
        if self._weights is None or self._weights[0] != wanted:
            self._weights = wanted, torch.tensor(wanted, dtype=torch.float64, device=self.device)
        return self._weights[1]


def _works(kind: _Kind, step: StepTensors, logits: Tensor, student_taps: Taps, teacher_taps: Taps) -> bool:
    try:
        with torch.no_grad():
            kind.losses(step, logits, student_taps, teacher_taps)
    except (RuntimeError, TypeError, ValueError):
        return False
    return True


def _grouped(objectives: Sequence[Objective], *, with_numbers: bool) -> list[list[tuple[int, int]]]:
    """Places of terms that can be computed together: of one loss, on the same layers, with the same settings.

    Without numbers, settings that are floats may differ.
    """
    groups: dict[Any, list[tuple[int, int]]] = {}
    for student, objective in enumerate(objectives):
        for number, term in enumerate(objective.terms):
            settings = tuple(
                (name, "number" if isinstance(value, float) and not with_numbers else repr(value))
                for name, value in term.params
            )
            # A student may have the same loss twice; each needs a row of its own.
            same = sum(other.term.loss.name == term.term.loss.name for other in objective.terms[:number])
            groups.setdefault((term.term.loss.name, term.taps, settings, same), []).append((student, number))
    return list(groups.values())
