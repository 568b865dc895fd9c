"""A process that lends a hand: it passes its share of each batch through the networks, and does what it is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from distill_core.planned import Origin, PlannedRun
from distill_core.training.assembly import stream_over
from distill_core.training.joining import Joining, flat, gradients_of, trained, unflatten
from distill_core.training.preparation import Checked
from distill_core.training.shared_layers import Share, draws_alone, over_whole_batches
from distill_core.training.split import TransferSet
from distill_core.training.stream import Stream, seed_noise
from distill_core.training.taps import TapReader
from distill_core.training.teachers import as_one
from distill_core.training.team import Order, Team


def help_out(team: Team, check: Callable[[Origin], Checked]) -> None:
    """Follow the leader's orders until it says leave; `check` makes the experiment ready for the leader's origin.

    Raises TeamBroken where the leader is gone, LabError for an experiment that cannot be trained here.
    """
    checked: Checked | None = None
    cohort: _Cohort | None = None
    while True:
        order, first, second, content = team.hear()
        if order is Order.LEAVE:
            team.close()
            return
        if order is Order.PREPARE:
            words = json.loads(content)
            torch.set_num_threads(words["threads"])
            checked = check(Origin.model_validate(words["origin"]))
        elif order is Order.JOIN:
            assert checked is not None
            # The former's networks and data go first.
            cohort = None
            cohort = _Cohort(team, checked, Joining.from_bytes(content))
        elif order is Order.ASK:
            assert cohort is not None
            cohort.ask(first, second)
        else:
            assert cohort is not None
            cohort.train(first, second)


class _Cohort:
    """The networks of a cohort as its leader has them, and the inputs of its streams."""

    def __init__(self, team: Team, checked: Checked, joining: Joining) -> None:
        self._team = team
        by_id = {run.run_id: run for run in checked.plan.runs}
        self._runs = [by_id[run.run_id] for run in joining.runs]
        self._stream_of = [run.stream for run in joining.runs]
        self._streams: list[Stream] = []
        for number, transfer in enumerate(joining.transfers):
            run = self._runs[self._stream_of.index(number)]
            stream = stream_over(checked, run, TransferSet(transfer["indices"], transfer["labels"]))
            stream.teacher_taps = frozenset(joining.teacher_taps[number])
            self._streams.append(stream)
        self._networks = [self._network(checked, *both) for both in zip(self._runs, joining.networks, strict=True)]
        for network, place in zip(self._networks, self._stream_of, strict=True):
            network.to(memory_format=self._streams[place].normalise.format)
        self._readers = [
            TapReader(network, run.taps) for network, run in zip(self._networks, joining.runs, strict=True)
        ]
        self._taps = [run.taps for run in joining.runs]
        self._teacher = self._build_teacher(checked, joining)
        # The latest share of each stream, for several runs and the teacher read it.
        self._latest: dict[int, tuple[int, Tensor, list[tuple[int, int]]]] = {}

    def _build_teacher(self, checked: Checked, joining: Joining) -> nn.Module | None:
        if not joining.teachers:
            return None
        networks = [
            self._network(checked, *both).to(memory_format=self._streams[0].normalise.format)
            for both in zip(checked.plan.teachers, joining.teachers, strict=True)
        ]
        teacher = as_one(networks, [one.weight for one in checked.spec.teachers])
        return teacher.eval().requires_grad_(False)

    def _network(self, checked: Checked, run: PlannedRun, state: Mapping[str, Tensor]) -> nn.Module:
        network = checked.network(run.architecture, seed=run.seed)
        network.load_state_dict(state)
        return network.to(checked.device)

    def _share(self, place: int, step: int) -> tuple[Tensor, list[tuple[int, int]]]:
        held = self._latest.get(place)
        if held is None or held[0] != step:
            stream = self._streams[place]
            bounds = self._team.bounds(len(stream.rows_of(step)))
            held = self._latest[place] = step, stream.inputs_of(step, *bounds[self._team.rank]), bounds
        return held[1:]

    @torch.no_grad()
    def ask(self, place: int, step: int) -> None:
        """The teacher's answers to the own share."""
        assert self._teacher is not None
        logits, taps = self._streams[place].ask(self._teacher, self._share(place, step)[0])
        for answer in (logits, *(taps[name] for name in sorted(taps))):
            self._team.give(answer)

    def train(self, number: int, step: int) -> None:
        """The helper's half of `leading.Helped.accumulate`."""
        team, network = self._team, self._networks[number]
        weights = trained(network)
        numbers = flat(list(weights))
        team.spread(numbers)
        unflatten(numbers, list(weights))
        network.train().zero_grad(set_to_none=True)
        inputs, bounds = self._share(self._stream_of[number], step)
        # The same numbers as everybody's, of which each keeps its part; what draws alone must draw others.
        apart = team.rank if draws_alone(network) else 0
        seed_noise(self._runs[number].seed, step, inputs.device, apart=apart)
        with over_whole_batches(network, Share(team, bounds)), self._readers[number].reading() as seen:
            logits = network(inputs)
        own = [logits, *(seen[name] for name in self._taps[number])]
        for answer in own:
            team.give(answer)
        torch.autograd.backward(own, [team.take(answer) for answer in own])
        team.add_up(gradients_of(weights))
