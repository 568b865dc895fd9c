"""Who may do what: three roles, checked where the work is done and not where a button is drawn."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, Literal, ParamSpec, Self, TypeVar

from distill_core.errors import LabError

Role = Literal["viewer", "operator", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "operator", "admin")
_MAY = {
    "viewer": "only look", "operator": "launch experiments and change their own", "admin": "do everything",
}


class NotAllowed(LabError):
    """Somebody asked for what their role does not allow; the sentence says which role does."""


@dataclass(frozen=True)
class Actor:
    """On whose behalf something is done. `name` is an e-mail address or account, as it stands in the audit log."""

    name: str
    role: Role

    def has(self, role: Role) -> bool:
        return ROLES.index(self.role) >= ROLES.index(role)

    def require(self, role: Role) -> None:
        """Raises NotAllowed."""
        if not self.has(role):
            raise NotAllowed(
                f"Your role is {self.role}, which may {_MAY[self.role]}; this needs the role {role}. "
                "Ask an admin for it."
            )

    def require_own(self, owner: str) -> None:
        """Operators change what they own, admins everything. Raises NotAllowed."""
        self.require("operator")
        if self.role != "admin" and owner != self.name:
            whose = f"belongs to {owner}" if owner else "has no owner"
            raise NotAllowed(f"This {whose}; only its owner or an admin may change it.")


LOCAL = Actor("local", "admin")
"""The person at this machine, where no sign-in is configured: the command line, or the dashboard on 127.0.0.1."""


class Acting:
    """Something that acts on somebody's behalf: `acting_as` gives a twin for another person, sharing all else."""

    actor: Actor = LOCAL

    def acting_as(self, actor: Actor) -> Self:
        twin = copy.copy(self)
        twin.actor = actor
        return twin


A = TypeVar("A", bound=Acting)
P = ParamSpec("P")
R = TypeVar("R")


def needs(role: Role) -> Callable[[Callable[Concatenate[A, P], R]], Callable[Concatenate[A, P], R]]:
    """A method only for this role and those above it; others get NotAllowed. `__needs__` tells the contract test."""

    def decorate(method: Callable[Concatenate[A, P], R]) -> Callable[Concatenate[A, P], R]:
        @wraps(method)
        def checked(self: A, /, *args: P.args, **kwargs: P.kwargs) -> R:
            self.actor.require(role)
            return method(self, *args, **kwargs)

        marked: Any = checked
        marked.__needs__ = role
        return checked

    return decorate
