"""Who comes in, by which proof: the one place that routes, the websocket, media and pages ask."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from distill_core.access import LOCAL, Actor, Role
from distill_core.folders import Home, default_home
from pages.doors.oidc import OidcSignIn
from pages.doors.sessions import Attempts, Sessions
from pages.doors.settings import Doors, Mode, digest

COOKIE = "distill_session"
ACTOR = "distill_lab.actor"
"""Where the doors put, in an ASGI scope, on whose behalf the request is."""


@dataclass(frozen=True)
class Visitor:
    """`actor` None: not let in, and `reason` says why in a sentence where there is more to say than "sign in"."""

    actor: Actor | None
    reason: str = ""


class SignIn:
    """One server's sign-in. Thread-safe."""

    def __init__(
        self, doors: Doors, *, home: Callable[[], Home] = lambda: Home(default_home()),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.doors = doors
        self.sessions, self.attempts = Sessions(clock=clock), Attempts(clock=clock)
        self.oidc = OidcSignIn(home, clock=clock)

    @property
    def mode(self) -> Mode:
        return self.doors.mode

    def visitor(self, cookies: Mapping[str, str]) -> Visitor:
        """Raises AccessUnusable."""
        if self.mode == "none":
            return Visitor(LOCAL)
        if self.mode == "token":
            return Visitor(self.sessions.find(cookies.get(COOKIE, "")))
        claims = self.oidc.claims(cookies)
        return Visitor(None) if claims is None else Visitor(*self.oidc.who(claims))

    def actor_of_token(self, token: str) -> Actor | None:
        """Compared by digest, so that how long it takes tells nothing of the token."""
        role: Role | None = self.doors.token_hashes.get(digest(token))
        return None if role is None else Actor(role, role)

    def sign_out(self, cookies: Mapping[str, str]) -> None:
        """Raises nothing for who was not signed in."""
        self.sessions.end(cookies.get(COOKIE, ""))
        self.oidc.sign_out(cookies)


class _Configured:
    sign_in: SignIn | None = None


def configure(doors: Doors) -> SignIn:
    """Once, when the server starts."""
    _Configured.sign_in = SignIn(doors)
    return _Configured.sign_in


@lru_cache(maxsize=1)
def _nobody_else() -> SignIn:
    return SignIn(Doors())


def sign_in() -> SignIn:
    """That of this server; outside of one, as in a test of a page, there is none to pass."""
    return _Configured.sign_in or _nobody_else()
