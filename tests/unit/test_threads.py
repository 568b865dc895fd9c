"""How many threads training gets, with steps that take the time they are told to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from distill_core.training.threads import MOST_STEPS, ROUNDS, calibrate_threads


@pytest.fixture(autouse=True)
def same_threads_after() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


class Work:
    """Steps that cost these seconds by thread count, on a clock of their own."""

    def __init__(self, seconds: dict[int, float]) -> None:
        self.seconds, self.now, self.steps = seconds, 0.0, 0

    def step(self) -> None:
        self.now += self.seconds[torch.get_num_threads()]
        self.steps += 1

    def clock(self) -> float:
        return self.now


def chosen(work: Work, *, most: int = 2, stop_after: int = 10**6) -> int:
    threads = calibrate_threads(
        work.step, most=most, should_stop=lambda: work.steps >= stop_after, clock=work.clock
    )
    assert torch.get_num_threads() == threads
    return threads


@pytest.mark.parametrize(("two", "expected"), [(0.006, 2), (0.009, 1), (0.02, 1)])
def test_a_second_thread_must_earn_its_place(two: float, expected: int) -> None:
    work = Work({1: 0.01, 2: two})
    assert chosen(work) == expected
    assert work.steps == 1 + ROUNDS * 2 * MOST_STEPS


def test_a_large_network_is_judged_in_three_steps() -> None:
    work = Work({1: 3.0, 2: 1.8})
    assert chosen(work) == 2 and work.steps == 3


def test_one_disturbed_step_of_a_slow_network_does_not_decide() -> None:
    class Disturbed(Work):
        def step(self) -> None:
            super().step()
            # The first with two threads, while something else was running.
            self.now += 2.0 if self.steps == 3 else 0.0

    work = Disturbed({1: 0.6, 2: 0.35})
    assert chosen(work) == 2, "the second round shows it"


def test_a_stop_is_heard_between_two_steps() -> None:
    work = Work({1: 0.01, 2: 0.001})
    assert chosen(work, stop_after=1) == 1 and work.steps == 1


def test_one_thread_needs_no_timing() -> None:
    work = Work({1: 0.01})
    assert chosen(work, most=1) == 1 and work.steps == 0
