"""The locks of a home folder: who holds which says who is at work there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class HomeLocks:
    """Files that are locked, never read; see processes.lock_held."""

    path: Path

    @property
    def database_lock(self) -> Path:
        """Held while the database's schema is made or migrated."""
        return self.path / "lab.lock"

    @property
    def dispatcher_lock(self) -> Path:
        return self.path / "dispatcher.lock"

    @property
    def processor_lock(self) -> Path:
        """Held by whoever trains on the processor, or measures latency there: see processes.lock_held."""
        return self.path / "processor.lock"

    def device_lock(self, slot: str) -> Path:
        """The same of another device, by its slot's name, such as cuda:1; shared by those that share a GPU."""
        return self.path / f"device-{''.join(one if one.isalnum() else '-' for one in slot)}.lock"

    @property
    def measuring_lock(self) -> Path:
        """Held while latency is measured, and by the preview while its own steps keep the processor busy."""
        return self.path / "measuring.lock"

    @property
    def preview_lock(self) -> Path:
        return self.path / "preview.lock"
