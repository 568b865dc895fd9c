"""The process that leads a training in a team: it alone knows losses, optimisers and files; the others lend a hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from weakref import ref

import torch
from torch import Tensor, nn

from distill_core.planned import Origin, PlannedRun
from distill_core.training.joining import JoinedRun, Joining, flat, gradients_of, trained, unflatten
from distill_core.training.shared_layers import Share, over_whole_batches
from distill_core.training.stream import Stream
from distill_core.training.taps import TapReader
from distill_core.training.teachers import all_of
from distill_core.training.team import Order, Team, TeamBroken

LossOf = Callable[[Tensor, Mapping[str, Tensor]], Tensor]
"""The whole batch's logits and taps -> the scalar to minimise."""


class Leader:
    """Shares each batch out, puts the answers together, and adds the gradients up: the sums of one process.

    Losses are computed here, on the whole batch, so that every term is exact whatever it does with a batch, and
    optimisers are run here; helpers get the new weights with their next order.
    """

    def __init__(self, team: Team, *, on_dismiss: Callable[[], object] = lambda: None) -> None:
        self._team, self._on_dismiss = team, on_dismiss
        # Weakly, or the data of one cohort would lie on the GPU beside those of the next.
        self._streams: list[ref[Stream]] = []

    def prepare(self, origin: Origin, *, threads: int) -> None:
        """Have the helpers load the data; they do so while the leader goes on."""
        words = {"origin": origin.model_dump(mode="json"), "threads": threads}
        self._team.tell(Order.PREPARE, content=json.dumps(words).encode())

    def join(
        self, runs: Sequence[tuple[PlannedRun, nn.Module, Stream, tuple[str, ...]]], teacher: nn.Module | None
    ) -> list[Helped]:
        """Have the helpers build a cohort (each run with its network, stream and taps), and how each run trains."""
        streams = list({id(stream): stream for _, _, stream, _ in runs}.values())
        places = {id(stream): number for number, stream in enumerate(streams)}
        self._streams = [ref(stream) for stream in streams]
        teachers = [] if teacher is None else all_of(teacher)
        joining = Joining(
            runs=tuple(JoinedRun(run.run_id, places[id(stream)], taps) for run, _, stream, taps in runs),
            teacher_taps=tuple(tuple(sorted(stream.teacher_taps)) for stream in streams),
            networks=tuple(network.state_dict() for _, network, _, _ in runs),
            transfers=tuple(
                {"indices": stream.transfer.indices, "labels": stream.transfer.labels} for stream in streams
            ),
            teachers=tuple(one.state_dict() for one in teachers),
        )
        self._team.tell(Order.JOIN, content=joining.to_bytes())
        return [Helped(self._team, number, network, taps) for number, (_, network, _, taps) in enumerate(runs)]

    @torch.no_grad()
    def ask(
        self, stream: Stream, step: int, teacher: nn.Module, inputs: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """As `Stream.ask` of a step's inputs, each process asking its copy of the teacher about its share."""
        number = next(place for place, known in enumerate(self._streams) if known() is stream)
        self._team.tell(Order.ASK, number, step)
        bounds = self._team.bounds(len(inputs))
        logits, taps = stream.ask(teacher, inputs[slice(*bounds[0])])
        whole = self._team.collect(logits, bounds)
        return whole, {name: self._team.collect(taps[name], bounds) for name in sorted(taps)}

    def dismiss(self) -> None:
        """The helpers leave; who has left already is not missed any more."""
        self._on_dismiss()
        with suppress(TeamBroken):
            self._team.tell(Order.LEAVE)
        self._team.close()


class Helped:
    """How one network of a cohort goes through a step in a team."""

    def __init__(self, team: Team, number: int, network: nn.Module, taps: tuple[str, ...]) -> None:
        self._team, self._number, self._network, self._taps = team, number, network, taps
        self._reader = TapReader(network, taps)

    def accumulate(self, step: int, inputs: Tensor, loss_of: LossOf) -> None:
        """What `loss_of(network(inputs)).backward()` does, with the inputs shared out.

        The way back is cut in two: from the loss to the answers here alone, on from there each process its share.
        """
        team, weights = self._team, trained(self._network)
        bounds = team.bounds(len(inputs))
        team.tell(Order.TRAIN, self._number, step)
        team.spread(flat(list(weights)))
        with over_whole_batches(self._network, Share(team, bounds)), self._reader.reading() as seen:
            logits = self._network(inputs[slice(*bounds[0])])
        own = [logits, *(seen[name] for name in self._taps)]
        whole = [team.collect(one, bounds).requires_grad_() for one in own]
        loss_of(whole[0], dict(zip(self._taps, whole[1:], strict=True))).backward()
        gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in whole]
        torch.autograd.backward(own, [team.hand_out(gradient, bounds) for gradient in gradients])
        summed = gradients_of(weights)
        team.add_up(summed)
        unflatten(summed, [
            one.grad if one.grad is not None else torch.empty_like(one) for one in weights
        ])
