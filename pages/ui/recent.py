"""Answers that are good for a moment, so that many viewers of one experiment ask the store once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

MOST_REMEMBERED = 256
T = TypeVar("T")


class Recent(Generic[T]):
    """Remembers answers for `fresh_seconds`. Thread-safe; an answer that raises is not remembered."""

    def __init__(self, *, fresh_seconds: float) -> None:
        self._fresh_seconds = fresh_seconds
        self._lock = threading.Lock()
        self._held: dict[Hashable, tuple[float, T]] = {}

    def __len__(self) -> int:
        with self._lock:
            return len(self._held)

    def get(self, key: Hashable, ask: Callable[[], T], *, now: float) -> T:
        """The remembered answer, or what `ask` says now. `now` is seconds of a clock that never goes back."""
        with self._lock:
            held = self._held.get(key)
        if held is not None and now - held[0] < self._fresh_seconds:
            return held[1]
        answer = ask()
        with self._lock:
            if len(self._held) >= MOST_REMEMBERED:
                fresh = {k: v for k, v in self._held.items() if now - v[0] < self._fresh_seconds}
                # Many at once are more than few viewers need: the oldest give way.
                self._held = dict(list(fresh.items())[-MOST_REMEMBERED // 2 :])
            self._held[key] = (now, answer)
        return answer
