"""Where the files of one sweep lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SweepFolder:
    """The files of one sweep, the truth about it; what its experiments found lies in theirs."""

    path: Path

    @property
    def sweep(self) -> Path:
        """Spec, time of creation, idempotency key, owner, and figures of networks where limits need them."""
        return self.path / "sweep.json"

    @property
    def trials(self) -> Path:
        """A JSON line each, appended by whoever launches or extends, and by the dispatcher."""
        return self.path / "trials.jsonl"

    @property
    def journal(self) -> Path:
        """States, rounds, how these ended and what was pruned, a JSON line each."""
        return self.path / "journal.jsonl"

    @property
    def deleted(self) -> Path:
        """Its presence hides the sweep; tells which experiments were deleted with it."""
        return self.path / "deleted.json"
