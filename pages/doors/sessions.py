"""Who is signed in by a start token: random ids in the browser, everything else here; and who tried too often."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass

from distill_core.access import Actor
from pages.doors.settings import digest

IDLE_SECONDS, LONGEST_SECONDS = 12 * 3600.0, 7 * 24 * 3600.0
MOST_SESSIONS = 10_000
MOST_WRONG, WRONG_SECONDS = 10, 300.0


@dataclass
class _Session:
    actor: Actor
    began: float
    seen: float


class Sessions:
    """Sessions of one server process. Thread-safe; `clock` is seconds that never go back."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock, self._lock = clock, threading.Lock()
        # By the digest of their id: whoever reads the memory of this dictionary cannot sign in with it.
        self._held: dict[str, _Session] = {}

    def begin(self, actor: Actor) -> str:
        """The new session's id, 256 random bits."""
        session_id, now = secrets.token_urlsafe(32), self._clock()
        with self._lock:
            self._held = {key: session for key, session in self._held.items() if self._lives(session, now)}
            while len(self._held) >= MOST_SESSIONS:
                del self._held[min(self._held, key=lambda key: self._held[key].seen)]
            self._held[digest(session_id)] = _Session(actor, began=now, seen=now)
        return session_id

    def find(self, session_id: str) -> Actor | None:
        """Whose session it is; None for one that is unknown, expired or ended."""
        now = self._clock()
        with self._lock:
            session = self._held.get(digest(session_id))
            if session is None or not self._lives(session, now):
                return None
            session.seen = now
            return session.actor

    def end(self, session_id: str) -> None:
        with self._lock:
            self._held.pop(digest(session_id), None)

    @staticmethod
    def _lives(session: _Session, now: float) -> bool:
        return now - session.seen < IDLE_SECONDS and now - session.began < LONGEST_SECONDS


class Attempts:
    """Counts wrong tokens by the address they came from. Thread-safe."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._wrong: dict[str, list[float]] = {}

    def seconds_to_wait(self, address: str) -> float:
        """0: may try."""
        with self._lock:
            times = self._recent(address)
            return times[0] + WRONG_SECONDS - self._clock() if len(times) >= MOST_WRONG else 0.0

    def wrong(self, address: str) -> None:
        with self._lock:
            if len(self._wrong) > MOST_SESSIONS:
                self._wrong = {known: times for known in list(self._wrong) if (times := self._recent(known))}
            self._wrong[address] = [*self._recent(address), self._clock()]

    def _recent(self, address: str) -> list[float]:
        now = self._clock()
        return [at for at in self._wrong.get(address, ()) if now - at < WRONG_SECONDS]
