"""The rules of timing, on a clock of our own: turns, warm-up, bounds, stops."""

from __future__ import annotations

import gc
from collections.abc import Callable
from itertools import groupby

import onnxruntime
import pytest

from distill_core.deployment import measuring
from distill_core.deployment.timing import FEWEST_REPEATS, ROUNDS, RUNS_TO_SETTLE, time_interleaved


class Workshop:
    """Rivals that take a given time on a clock that only they move."""

    def __init__(self) -> None:
        self.now, self.order = 0.0, list[str]()

    def rival(self, name: str, seconds: float) -> Callable[[], None]:
        def call() -> None:
            assert not gc.isenabled()
            self.order.append(name)
            self.now += seconds

        return call

    def clock(self) -> float:
        return self.now


def test_rivals_take_turns_and_each_gets_all_repeats() -> None:
    shop = Workshop()
    times = time_interleaved(
        {"a": shop.rival("a", 0.001), "b": shop.rival("b", 0.002)}, warmup=10, repeats=100, longest_seconds=9,
        clock=shop.clock,
    )
    assert times is not None
    assert {name: len(found) for name, found in times.items()} == {"a": 100, "b": 100}
    assert times["a"] == pytest.approx([0.001] * 100)
    turns = [(name, len(list(calls))) for name, calls in groupby(shop.order)]
    block = 100 // ROUNDS + RUNS_TO_SETTLE
    assert turns == [("a", 10), ("b", 10), *[("a", block), ("b", block)] * ROUNDS]


def test_a_slow_graph_is_cut_at_the_time_limit_but_not_below_the_fewest_repeats() -> None:
    shop = Workshop()
    times = time_interleaved(
        {"quick": shop.rival("quick", 0.001), "slow": shop.rival("slow", 0.03), "snail": shop.rival("snail", 1.0)},
        warmup=10, repeats=200, longest_seconds=1.5, clock=shop.clock,
    )
    assert times is not None
    assert {name: len(found) for name, found in times.items()} == {"quick": 200, "slow": 50, "snail": FEWEST_REPEATS}
    # Warm-up of the snail ends once it is over the limit.
    assert shop.order[20:24].count("snail") <= 3


def test_a_stop_gives_nothing_and_garbage_collection_comes_back() -> None:
    shop = Workshop()
    times = time_interleaved(
        {"a": shop.rival("a", 0.1)}, warmup=2, repeats=100, longest_seconds=60, clock=shop.clock,
        should_stop=lambda: shop.now > 1,
    )
    assert times is None
    assert len(shop.order) < 20
    assert gc.isenabled()


def test_garbage_collection_comes_back_after_an_error() -> None:
    def broken() -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        time_interleaved({"a": broken}, warmup=1, repeats=20, longest_seconds=1)
    assert gc.isenabled()


def test_libraries_of_cuda_are_looked_for_once_and_what_is_printed_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: print("Failed to load libcudnn"), raising=False)
    measuring.find_libraries.cache_clear()
    for provider in ("CPUExecutionProvider", "CUDAExecutionProvider", "CUDAExecutionProvider"):
        measuring.find_libraries(provider)
    measuring.find_libraries.cache_clear()
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "Failed to load libcudnn\n")
