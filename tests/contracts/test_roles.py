"""Every public method of the lab and its parts says which role it needs, and refuses whoever has a lesser one."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from distill_core.access import ROLES, Acting, Actor, NotAllowed, Role
from distill_core.folders import Home
from distill_core.services import Lab

# Words of methods that change something: a viewer's role must never suffice for them.
CHANGES = (
    "launch", "stop", "resume", "request", "delete", "undelete", "reindex", "begin", "keep", "rename", "remove",
    "restore", "purge", "add", "freeze", "take_in", "write", "set", "move", "pause", "unpause", "share", "revoke",
    "create", "backup", "extend",
)
VIEWER = Actor("viv@example.org", "viewer")


def parts() -> Iterator[tuple[str, Acting]]:
    lab = Lab(Home(Path("/nonexistent/home")))
    yield "lab", lab
    for name, part in vars(lab).items():
        if isinstance(part, Acting):
            yield name, part


def public_methods() -> list[tuple[str, str, Any]]:
    return [
        (part_name, name, method)
        for part_name, part in parts()
        for name, method in inspect.getmembers(type(part), inspect.isfunction)
        if not name.startswith("_") and name != "acting_as"
    ]


METHODS = public_methods()


def test_the_parts_are_found() -> None:
    known = {"lab", "shelf", "weights", "corrections", "latency", "trying", "bundles", "compressions", "previews"}
    assert known | {"people", "sweeps"} <= {name for name, _ in parts()}


@pytest.mark.parametrize(("part", "name", "method"), METHODS, ids=[f"{part}.{name}" for part, name, _ in METHODS])
def test_a_public_method_needs_a_role(part: str, name: str, method: Any) -> None:
    role: Role | None = getattr(method, "__needs__", None)
    assert role in ROLES, f"{part}.{name} lacks @needs"
    if name.split("_")[0] in CHANGES or name in CHANGES:
        assert role != "viewer", f"{part}.{name} changes something"


@pytest.mark.parametrize(
    ("part", "name", "method"), [one for one in METHODS if getattr(one[2], "__needs__", "viewer") != "viewer"],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_viewer_is_refused_before_anything_is_looked_at(part: str, name: str, method: Any) -> None:
    lab = Lab(Home(Path("/nonexistent/home"))).acting_as(VIEWER)
    target = lab if part == "lab" else getattr(lab, part)
    with pytest.raises(NotAllowed, match="Your role is viewer"):
        getattr(target, name)()


def test_parts_act_for_the_same_person_as_the_lab() -> None:
    lab = Lab(Home(Path("/nonexistent/home")))
    twin = lab.acting_as(VIEWER)
    assert all(part.actor == VIEWER for part in vars(twin).values() if isinstance(part, Acting))
    assert all(part.actor.name == "local" for part in vars(lab).values() if isinstance(part, Acting))
