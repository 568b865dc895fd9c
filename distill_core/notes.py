"""Notes that people keep on experiments and runs: Markdown, in the experiment's folder."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from distill_core.access import Acting, needs
from distill_core.audit import Audit
from distill_core.errors import Conflict, LabError, NotFound
from distill_core.folders import Home, read_json, write_json
from distill_core.language import marked, sayable
from distill_core.results import run_of
from distill_core.store.store import Store

LONGEST = 20_000
"""Characters; about eight pages."""


class NotesUnusable(LabError):
    """A note's file that cannot be read."""


@dataclass(frozen=True)
class Note:
    """One note. `run_id` is empty for that of the whole experiment; `at` in seconds since the epoch."""

    run_id: str
    text: str
    by: str
    at: float
    removed_at: float | None = None


class Notes(Acting):
    """The notes of one home: everybody reads them, the experiment's owner and admins write. Thread-safe, no torch."""

    def __init__(
        self, home: Home, store: Callable[[], Store], audit: Audit, *, clock: Callable[[], float]
    ) -> None:
        self._home, self._store, self._audit, self._clock = home, store, audit, clock
        self._lock = threading.RLock()

    @needs("viewer")
    def of(self, experiment_id: str) -> dict[str, Note]:
        """By run id; that of the whole experiment by an empty one, first. Raises NotFound, NotesUnusable."""
        self._store().state(experiment_id)
        folder = self._home.experiment(experiment_id).written("note-").parent
        found = [self._read(path) for path in sorted(folder.glob("note-*.json"))]
        return {note.run_id: note for note in found if note is not None and note.removed_at is None}

    @needs("operator")
    def write(self, experiment_id: str, text: str, *, run_id: str = "") -> None:
        """Keep a note in place of the one there was; an empty text removes it.

        Raises NotFound, NotAllowed, Conflict for one that is too long, HomeUnusable.
        """
        path = self._own(experiment_id, run_id)
        if not text.strip():
            before = self._mark(path, self._clock())
            if before is not None and before.removed_at is None:
                self._record_removal(experiment_id, run_id)
            return
        if len(text) > LONGEST:
            raise Conflict(
                f"The note has {len(text):,} characters; allowed: {LONGEST:,}. Shorten it, or put the rest elsewhere."
            )
        note = Note(run_id, text, self.actor.name, self._clock())
        with self._lock, self._home.usable():
            write_json(path, asdict(note))
        self._audit.record(self.actor.name, "note", experiment_id, detail=run_id)

    @needs("operator")
    def remove(self, experiment_id: str, run_id: str = "") -> None:
        """Take a note away; `restore` brings it back. Raises NotFound, NotAllowed."""
        if self._mark(self._own(experiment_id, run_id), self._clock()) is None:
            raise NotFound("There is no such note any more; look at the experiment again.")
        self._record_removal(experiment_id, run_id)

    @needs("operator")
    def restore(self, experiment_id: str, run_id: str = "") -> None:
        """Bring back the note that was removed last. Raises NotFound, NotAllowed."""
        if self._mark(self._own(experiment_id, run_id), None) is None:
            raise NotFound("There is no such note to bring back; write it anew.")
        detail = sayable(f"brought back {run_id}") if run_id else marked("brought back")
        self._audit.record(self.actor.name, "note", experiment_id, detail=detail)

    def _record_removal(self, experiment_id: str, run_id: str) -> None:
        detail = sayable(f"removed {run_id}") if run_id else marked("removed")
        self._audit.record(self.actor.name, "note", experiment_id, detail=detail)

    def _own(self, experiment_id: str, run_id: str) -> Path:
        view = self._store().experiment(experiment_id)
        self.actor.require_own(view.row.owner)
        if run_id:
            run_of(view, run_id)
        return self._home.experiment(experiment_id).written(f"note-{run_id}")

    def _mark(self, path: Path, removed_at: float | None) -> Note | None:
        """The note as it was before, if there is one."""
        with self._lock, self._home.usable():
            note = self._read(path)
            if note is not None:
                write_json(path, asdict(replace(note, removed_at=removed_at)))
            return note

    def _read(self, path: Path) -> Note | None:
        try:
            return Note(**read_json(path))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise NotesUnusable(
                f"The note {path} cannot be read; move the file away to write the note anew."
            ) from error
