"""Several processes that share one training: what they say to each other, over torch.distributed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from enum import IntEnum

import torch
import torch.distributed as dist
from torch import Tensor

from distill_core.errors import LabError

# Helpers wait for as long as the leader does other work; that somebody died shows at once, by a closed connection.
_LONGEST_WAIT = timedelta(days=30)


class TeamBroken(LabError):
    """A process of the team is gone in the middle of the work."""


class Order(IntEnum):
    """What the leader tells its helpers to do next."""

    PREPARE = 1
    """Check the experiment and load its data; the content is the leader's origin and thread count."""
    JOIN = 2
    """Build the networks of a cohort; the content is a `joining.Joining`."""
    ASK = 3
    """Ask the teacher about the own share of a batch: the number of the stream, the step."""
    TRAIN = 4
    """Pass the own share of a batch through a network and its gradient back: the number of the run, the step."""
    LEAVE = 5


class Team:
    """One process's end of the team. Rank 0 leads, all others help; every call is one that all must make.

    Tensors on the processor travel by gloo, those on a GPU by NCCL. Raises TeamBroken where another is gone.
    """

    def __init__(self, store: dist.Store, *, rank: int, size: int, device: torch.device) -> None:
        self.rank, self.size, self.device = rank, size, device
        if device.type == "cuda":
            torch.cuda.set_device(device)
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        with _talking():
            dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=_LONGEST_WAIT)

    def close(self) -> None:
        dist.destroy_process_group()

    def bounds(self, count: int) -> list[tuple[int, int]]:
        """Where each one's share of so many samples begins and ends; the first ones have one more of an uneven count.

        Raises LabError where somebody would have none.
        """
        if count < self.size:
            raise LabError(
                f"processes is {self.size}; allowed: 1 to {count}, the samples of the smallest batch. Choose fewer."
            )
        each, more = divmod(count, self.size)
        ends = [(rank + 1) * each + min(rank + 1, more) for rank in range(self.size)]
        return list(zip([0, *ends[:-1]], ends, strict=True))

    # Orders ----------------------------------------------------------------------------------

    def tell(self, order: Order, first: int = 0, second: int = 0, *, content: bytes = b"") -> None:
        """The leader's next order, with two numbers and bytes that the order explains."""
        with _talking():
            dist.broadcast(torch.tensor([order, first, second, len(content)]), 0)
            if content:
                dist.broadcast(torch.frombuffer(bytearray(content), dtype=torch.uint8), 0)

    def hear(self) -> tuple[Order, int, int, bytes]:
        """Wait for the leader's next order."""
        head, content = torch.zeros(4, dtype=torch.int64), b""
        with _talking():
            dist.broadcast(head, 0)
            order, first, second, length = head.tolist()
            if length:
                body = torch.empty(length, dtype=torch.uint8)
                dist.broadcast(body, 0)
                content = body.numpy().tobytes()
        return Order(order), first, second, content

    # Tensors, on the team's devices -----------------------------------------------------------

    def spread(self, tensor: Tensor) -> None:
        """Overwrite everybody's tensor by the leader's."""
        with _talking():
            dist.broadcast(tensor, 0)

    def add_up(self, tensor: Tensor) -> None:
        """The leader's tensor becomes the sum of everybody's; what is in the others' afterwards is undefined."""
        with _talking():
            dist.reduce(tensor, 0)

    def sum_of_all(self, tensor: Tensor) -> Tensor:
        """Everybody gets the same sum."""
        total = tensor.clone()
        with _talking():
            dist.all_reduce(total)
        return total

    def of_all(self, tensor: Tensor) -> Tensor:
        """Everybody gets all tensors, of one shape, stacked by rank."""
        parts = [torch.empty_like(tensor) for _ in range(self.size)]
        with _talking():
            dist.all_gather(parts, tensor)
        return torch.stack(parts)

    def collect(self, own: Tensor, bounds: Sequence[tuple[int, int]]) -> Tensor:
        """The leader puts the shares [b,...] together: [B,...], without gradient; helpers `give` theirs."""
        whole = own.new_empty((bounds[-1][1], *own.shape[1:]))
        whole[: bounds[0][1]] = own.detach()
        with _talking():
            for rank, (begin, end) in enumerate(bounds[1:], start=1):
                dist.recv(whole[begin:end], src=rank)
        return whole

    def hand_out(self, whole: Tensor, bounds: Sequence[tuple[int, int]]) -> Tensor:
        """The leader sends each its share of [B,...] and returns its own; helpers `take` theirs."""
        whole = whole.contiguous()
        with _talking():
            for rank, (begin, end) in enumerate(bounds[1:], start=1):
                dist.send(whole[begin:end], dst=rank)
        return whole[: bounds[0][1]]

    def give(self, share: Tensor) -> None:
        with _talking():
            dist.send(share.detach().contiguous(), dst=0)

    def take(self, like: Tensor) -> Tensor:
        """A share of the shape and kind of the given one."""
        share = torch.empty(like.shape, dtype=like.dtype, device=like.device)
        with _talking():
            dist.recv(share, src=0)
        return share


@contextmanager
def _talking() -> Iterator[None]:
    """torch tells a closed connection, and a broken NCCL call, by a RuntimeError; nothing else happens in there."""
    try:
        yield
    except RuntimeError as error:
        short = " ".join(str(error).split())[:200]
        raise TeamBroken(f"A process that shared this training is gone ({short}).") from error
