"""The people of one home: their roles and quotas, what they use, and the log of what they did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from distill_core.access import Acting, NotAllowed, Role, needs
from distill_core.access_settings import AccessSettings, Quotas, read_access, write_access
from distill_core.audit import Audit, Entry
from distill_core.errors import Problem, SpecError
from distill_core.folders import Home
from distill_core.quotas import disk_bytes, why_no_launch, why_no_room
from distill_core.store.store import Store
from distill_core.store.transitions import ACTIVE, BUSY


@dataclass(frozen=True)
class Use:
    """What a person uses now, and may use at most; None: no limit, and then no bytes are counted."""

    queued: int
    running: int
    disk_bytes: int
    limits: Quotas


class People(Acting):
    """Thread-safe; every method returns soon, but for walking a person's folders where the disk is limited."""

    def __init__(self, home: Home, store: Callable[[], Store], audit: Audit) -> None:
        self._home, self._store, self._audit = home, store, audit

    # Settings --------------------------------------------------------------------------------

    @needs("admin")
    def settings(self) -> AccessSettings:
        """Raises AccessUnusable."""
        return read_access(self._home)

    @needs("admin")
    def set_role(self, who: str, role: Role | None) -> AccessSettings:
        """Of an e-mail address, of all of a domain if there is no @ in it, or of everybody else ("default").

        None takes it away. Raises SpecError, AccessUnusable.
        """
        held: dict[str, Any] = read_access(self._home).model_dump(mode="json")
        name = who.strip().lower()
        if name == "default":
            held["default_role"] = role
        else:
            roles = held["roles" if "@" in name else "domains"]
            if role is None:
                roles.pop(name, None)
            else:
                roles[name] = role
        return self._write(held, subject=name, detail=f"role {role or 'none'}")

    @needs("admin")
    def set_quotas(self, **quotas: int | None) -> AccessSettings:
        """Those named, of `Quotas`. Raises SpecError, AccessUnusable."""
        held = read_access(self._home).model_dump(mode="json")
        held["quotas"] |= quotas
        told = ", ".join(f"{name} {'no limit' if value is None else value}" for name, value in quotas.items())
        return self._write(held, subject="quotas", detail=told)

    @needs("admin")
    def log(self, limit: int = 200) -> list[Entry]:
        """The newest entries of the audit log, newest first."""
        return self._audit.newest(limit)

    # Quotas ----------------------------------------------------------------------------------

    @needs("viewer")
    def use(self) -> Use:
        """What the actor uses and may use. Raises AccessUnusable."""
        settings, owner = read_access(self._home), self.actor.name
        limits = settings.quotas if self._limited(settings) else Quotas()
        counts = self._store().counts(owner=owner, include_deleted=True)
        return Use(
            queued=sum(counts.get(state, 0) for state in ACTIVE),
            running=sum(counts.get(state, 0) for state in BUSY),
            disk_bytes=disk_bytes(self._home, self._store(), owner) if limits.disk_bytes is not None else 0,
            limits=limits,
        )

    @needs("operator")
    def check_launch(self) -> None:
        """Raises NotAllowed where the quota of experiments or disk is used up, AccessUnusable."""
        settings = read_access(self._home)
        if self._limited(settings) and (why := why_no_launch(self._home, self._store(), self.actor.name, settings)):
            raise NotAllowed(why)

    @needs("operator")
    def check_room(self) -> None:
        """Raises NotAllowed where the disk quota is used up, AccessUnusable."""
        settings = read_access(self._home)
        if self._limited(settings) and (why := why_no_room(self._home, self._store(), self.actor.name, settings)):
            raise NotAllowed(why)

    # Within ----------------------------------------------------------------------------------

    def _limited(self, settings: AccessSettings) -> bool:
        return self.actor.role != "admin" and settings.is_limited(self.actor.name)

    def _write(self, held: dict[str, Any], *, subject: str, detail: str) -> AccessSettings:
        try:
            settings = AccessSettings.model_validate(held)
        except ValidationError as error:
            allowed = "an e-mail address, a domain such as example.org, or default; for quotas numbers from 0 on"
            raise SpecError([Problem("access", subject, allowed, f"{error.errors()[0]['msg']}.")]) from None
        write_access(self._home, settings)
        self._audit.record(self.actor.name, "settings", subject, detail=detail)
        return settings
