"""The shelf of uploaded weights files: takes them in through a capped child process, names, lists and hides them."""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from distill_core.access import Acting, Actor, needs
from distill_core.audit import Audit
from distill_core.charts.names import plain_name
from distill_core.errors import HelperUnavailable, NotFound, WeightsError
from distill_core.folders import Home, read_json, write_json
from distill_core.spec import LONGEST_NAME

log = logging.getLogger("distill_lab.weights")

LARGEST_BYTES = 600_000_000
"""Enough for VGG-16 in float32; a browser's upload passes through the server's memory."""
_LONGEST_SECONDS = 240.0
_BLOCK_BYTES = 1 << 20
# What a crash left behind; no upload takes a day.
_STALE_SECONDS = 86_400.0
_KNOWN_ID = re.compile(r"[0-9a-f]{16}")

OnProgress = Callable[[str, float], object]
"""Told what is being done, and the share of it that is done, 0 to 1."""


@dataclass(frozen=True)
class WeightsFile:
    """Weights on the shelf. `parameters` counts learned numbers; `notes` are sentences on how they were read."""

    id: str
    name: str
    file_name: str
    tensors: int
    parameters: int
    size_bytes: int
    notes: tuple[str, ...]
    created_at: float
    removed: bool = False
    owner: str = ""


class WeightsShelf(Acting):
    """The weights in one home folder. Thread-safe and safe between processes; loads no torch."""

    def __init__(
        self, home: Home, *, clock: Callable[[], float] = time.time, largest_bytes: int = LARGEST_BYTES,
        longest_seconds: float = _LONGEST_SECONDS, check_room: Callable[[Actor], object] = lambda actor: None,
    ) -> None:
        """`check_room` refuses an upload of somebody whose disk quota is used up."""
        self._home, self._clock, self._check_room = home, clock, check_room
        self._audit = Audit(home, clock=clock)
        self._largest_bytes, self._longest_seconds = largest_bytes, longest_seconds

    @needs("operator")
    def add(
        self, name: str, source: BinaryIO, *, file_name: str, on_progress: OnProgress = lambda what, share: None
    ) -> WeightsFile:
        """Copy, check and keep a file; an empty name becomes the file's. Takes seconds.

        The same content again is the same file, under its new name if one was given. Raises WeightsError with the
        reason for a refusal, HelperUnavailable, HomeUnusable.
        """
        self._check_room(self.actor)
        shown = plain_name(Path(file_name.replace("\\", "/")).name)
        folder = self._home.weights("any").parent
        with self._home.usable():
            folder.mkdir(exist_ok=True)
            self._sweep(folder)
            copy = folder / f".upload-{secrets.token_hex(8)}.part"
        try:
            with self._home.usable():
                self._copy(source, copy, shown=shown, on_progress=on_progress)
            on_progress("Reading in a process of its own", 1.0)
            told = self._read(copy, folder, shown=shown)
        finally:
            copy.unlink(missing_ok=True)
        kept = self._keep(told, name=name, file_name=shown)
        self._audit.record(self.actor.name, "upload", kept.id, detail=kept.name)
        return kept

    @needs("viewer")
    def all(self) -> list[WeightsFile]:
        """What is on the shelf, newest first, without what was removed."""
        found = (self._known(path.stem) for path in self._home.weights_facts("any").parent.glob("*.json"))
        kept = [weights for weights in found if weights and not weights.removed]
        return sorted(kept, key=lambda weights: (weights.created_at, weights.id), reverse=True)

    @needs("viewer")
    def get(self, weights_id: str) -> WeightsFile:
        """One file, also a removed one, for experiments go on using it. Raises NotFound."""
        found = self._known(weights_id)
        if found is None:
            raise NotFound(f"There are no weights {weights_id[:40]!r} in this home folder. Upload them again.")
        return found

    @needs("operator")
    def rename(self, weights_id: str, name: str) -> WeightsFile:
        """Raises NotFound, and WeightsError for an empty or too long name."""
        return self._write(replace(self._own(weights_id), name=_checked(name)))

    @needs("operator")
    def remove(self, weights_id: str) -> None:
        """Take a file off the list; its content stays, for experiments that use it. Raises NotFound."""
        self._write(replace(self._own(weights_id), removed=True))
        self._audit.record(self.actor.name, "remove", weights_id, detail="Weights.")

    @needs("operator")
    def restore(self, weights_id: str) -> None:
        """Undo `remove`. Raises NotFound."""
        self._write(replace(self._own(weights_id), removed=False))
        self._audit.record(self.actor.name, "undelete", weights_id, detail="Weights.")

    def _own(self, weights_id: str) -> WeightsFile:
        weights = self.get(weights_id)
        self.actor.require_own(weights.owner)
        return weights

    def _copy(self, source: BinaryIO, target: Path, *, shown: str, on_progress: OnProgress) -> None:
        source.seek(0, os.SEEK_END)
        total = source.tell()
        source.seek(0)
        if total > self._largest_bytes:
            raise WeightsError(
                f"{shown} has {total / 1e6:,.0f} MB; allowed: up to {self._largest_bytes / 1e6:,.0f} MB. Save the "
                "weights alone, without the optimizer's state, or as float16."
            )
        with target.open("wb") as file:
            # The end is fixed, or a source that grows would pass the limit.
            for done in range(0, total, _BLOCK_BYTES):
                on_progress("Copying", done / total)
                file.write(source.read(min(_BLOCK_BYTES, total - done)))

    def _read(self, copy: Path, folder: Path, *, shown: str) -> dict[str, Any]:
        """What the child process tells of the file; raises WeightsError for a refusal."""
        command = [sys.executable, "-m", "distill_core.jobs.read_weights", str(copy), "--out", str(folder)]
        # Threads would each reserve memory, and a processor suffices; no file of the user's may need a GPU.
        environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        slow = f"{shown} took too long to read; allowed: files that are read within minutes. Save the weights alone."
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
                timeout=self._longest_seconds, env=environment, cwd=Path(__file__).resolve().parents[1],
            )
        except subprocess.TimeoutExpired as error:
            raise WeightsError(slow) from error
        except OSError as error:
            raise HelperUnavailable(f"{shown} could not be read: {error.strerror}. Try again.") from error
        if done.returncode == -signal.SIGXCPU:
            raise WeightsError(slow)
        if done.returncode:
            log.error("reading weights ended with %s: %s", done.returncode, done.stderr[-4000:])
            last = (done.stderr.strip().splitlines() or [f"its reader ended with code {done.returncode}"])[-1]
            raise HelperUnavailable(f"{shown} could not be read: {last[:300].rstrip('.')}. Try again.")
        told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        if "refused" in told:
            raise WeightsError(f"{shown} {told['refused']}")
        return told

    def _keep(self, told: dict[str, Any], *, name: str, file_name: str) -> WeightsFile:
        before = self._known(told["id"])
        if before is not None:
            if self.actor.role != "admin" and before.owner != self.actor.name:
                # Somebody else's file keeps the name that they gave it.
                name = ""
            return self._write(replace(before, removed=False, name=_checked(name) if name.strip() else before.name))
        return self._write(
            WeightsFile(
                id=told["id"], name=_checked(name if name.strip() else file_name), file_name=file_name,
                tensors=told["tensors"], parameters=told["parameters"], size_bytes=told["size_bytes"],
                notes=tuple(told["notes"]), created_at=self._clock(),
                owner=self.actor.name,
            )
        )

    def _write(self, weights: WeightsFile) -> WeightsFile:
        with self._home.usable():
            write_json(self._home.weights_facts(weights.id), asdict(weights))
        return weights

    def _known(self, weights_id: str) -> WeightsFile | None:
        """None too if the facts are damaged: uploading again mends that."""
        # Ids come from URLs and specs, and must never lead out of the folder.
        if not _KNOWN_ID.fullmatch(weights_id) or not self._home.weights(weights_id).exists():
            return None
        path = self._home.weights_facts(weights_id)
        try:
            facts = read_json(path)
            return WeightsFile(**facts | {"notes": tuple(facts["notes"])})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("the facts of weights %s cannot be read: %s", path, error)
            return None

    def _sweep(self, folder: Path) -> None:
        for left in folder.glob(".*.part"):
            try:
                if self._clock() - left.stat().st_mtime > _STALE_SECONDS:
                    left.unlink()
            except FileNotFoundError:
                # Another upload swept it, or it was that upload's own.
                continue


def _checked(name: str) -> str:
    cleaned = " ".join(name.split())
    if not 0 < len(cleaned) <= LONGEST_NAME:
        raise WeightsError(
            f"The name of weights has {len(cleaned)} characters; allowed: 1 to {LONGEST_NAME}. Choose another name."
        )
    return cleaned
