"""The one `Lab` that the pages and routes of a server share, on behalf of whoever asks."""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path

import streamlit as st
from starlette.requests import Request

from distill_core.access import LOCAL, Actor, NotAllowed
from distill_core.folders import Home, default_home
from distill_core.language import marked
from distill_core.rows import ExperimentView
from distill_core.services import Lab
from pages.doors.signing_in import ACTOR, sign_in
from pages.ui.recent import Recent

# Well below the two seconds after which a page looks again.
WATCHED_SECONDS = 0.9


class SignedOut(NotAllowed):
    """Whoever looks is not signed in any more."""

    def __init__(self) -> None:
        super().__init__(
            marked("Your sign-in has ended. Reload the page to sign in again; experiments go on meanwhile.")
        )


@lru_cache(maxsize=4)
def _lab_at(path: Path) -> Lab:
    return Lab(Home(path))


@lru_cache(maxsize=256)
def _lab_for(path: Path, actor: Actor) -> Lab:
    return _lab_at(path).acting_as(actor)


def server_lab() -> Lab:
    """The lab of `DISTILL_HOME` on the server's own behalf; built once a home folder."""
    return _lab_at(default_home())


def who() -> Actor:
    """On whose behalf this page is run. Raises SignedOut, AccessUnusable."""
    signing_in = sign_in()
    if signing_in.mode == "none":
        return LOCAL
    actor = signing_in.visitor(st.context.cookies.to_dict()).actor
    if actor is None:
        raise SignedOut
    return actor


def lab() -> Lab:
    """The lab on behalf of whoever looks at this page. Raises SignedOut."""
    return _lab_for(default_home(), who())


def lab_of(request: Request) -> Lab:
    """The lab on behalf of whoever sent a request, as the doors found. Raises SignedOut."""
    actor: Actor | None = request.scope.get(ACTOR, LOCAL if sign_in().mode == "none" else None)
    if actor is None:
        raise SignedOut
    return _lab_for(default_home(), actor)


_watched: Recent[ExperimentView] = Recent(fresh_seconds=WATCHED_SECONDS)


def watched(experiment_id: str) -> ExperimentView:
    """An experiment as it was a moment ago, for parts of pages that look again and again. Raises NotFound."""
    asked = lab()
    return _watched.get((asked, experiment_id), lambda: asked.experiment(experiment_id), now=time.monotonic())
