"""The people of one home: their roles and quotas, what they use, and the log of what they did."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from distill_core.access import Acting, NotAllowed, Role, needs
from distill_core.access_settings import AccessSettings, Quotas, read_access, write_access
from distill_core.audit import Audit, Entry
from distill_core.errors import Problem, SpecError
from distill_core.folders import Home, read_json
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
            disk_bytes=self._disk_bytes(owner) if limits.disk_bytes is not None else 0, limits=limits,
        )

    @needs("operator")
    def check_launch(self) -> None:
        """Raises NotAllowed where the quota of experiments or disk is used up, AccessUnusable."""
        settings = read_access(self._home)
        limit = settings.quotas.queued
        if limit is not None and self._limited(settings):
            counts = self._store().counts(owner=self.actor.name, include_deleted=True)
            now = sum(counts.get(state, 0) for state in ACTIVE)
            if now >= limit:
                raise NotAllowed(
                    f"You have {now} experiments that wait or run; allowed: {limit}. Wait for one to end, stop one, or "
                    "ask an admin for more."
                )
        self.check_room()

    @needs("operator")
    def check_room(self) -> None:
        """Raises NotAllowed where the disk quota is used up, AccessUnusable."""
        settings = read_access(self._home)
        limit = settings.quotas.disk_bytes
        if limit is None or not self._limited(settings):
            return
        used = self._disk_bytes(self.actor.name)
        if used >= limit:
            raise NotAllowed(
                f"Your experiments and uploads take {used / 1e9:,.2f} GB; allowed: {limit / 1e9:,.2f} GB. Delete for "
                "good what you do not need, or ask an admin for more."
            )

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

    def _disk_bytes(self, owner: str) -> int:
        folders = [self._home.experiment(found).path for found in self._store().ids_of(owner)]
        if self._home.data.is_dir():
            folders += [path for path in self._home.data.iterdir() if _owner_of(path / "data.json") == owner]
        weights = self._home.weights_facts("any").parent
        files = [path.with_suffix(".safetensors") for path in weights.glob("*.json") if _owner_of(path) == owner]
        return sum(_folder_bytes(folder) for folder in folders) + sum(_file_bytes(file) for file in files)


def _owner_of(facts: Path) -> str | None:
    try:
        found = read_json(facts)
    except (OSError, ValueError):
        # Half an upload, or a damaged record: nobody's, and its own page tells of it.
        return None
    owner = found.get("owner", "") if isinstance(found, dict) else None
    return owner if isinstance(owner, str) else None


def _folder_bytes(folder: Path) -> int:
    return sum(_file_bytes(Path(root) / name) for root, _, names in os.walk(folder) for name in names)


def _file_bytes(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        # A worker may clear away a file while the folder is walked.
        return 0
