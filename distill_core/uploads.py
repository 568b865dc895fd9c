"""Takes files from a browser to the disk in pieces, under caps, so that no process ever holds a whole one."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from distill_core.access import Acting, Actor, NotAllowed, needs
from distill_core.charts.names import plain_name
from distill_core.charts.units import size
from distill_core.errors import Conflict, LabError, NotFound
from distill_core.folders import Home, read_json, write_json
from distill_core.weights import LARGEST_BYTES

Kind = Literal["data", "weights"]
_GB = 1_000_000_000


@dataclass(frozen=True)
class Allowed:
    """What files of a kind may be: endings (none: any, the content decides) and bytes."""

    suffixes: tuple[str, ...]
    most_bytes: int


KINDS: dict[Kind, Allowed] = {
    "data": Allowed((".zip", ".csv", ".tsv", ".txt", ".npz"), 2 * _GB), "weights": Allowed((), LARGEST_BYTES),
}
_SECONDS_OF_A_DAY = 86_400.0
_FREE_BYTES = _GB
"""Stay free on the disk, so that experiments can go on writing."""
_MOST_BYTES, _MOST_OF_ONE = 8 * _GB, 4 * _GB
_MOST_AT_ONCE = 3
_LOOK_EVERY_BYTES = 8_000_000
_ID = re.compile(r"[0-9a-f]{32}")


class TooLarge(LabError):
    """A file above a cap, or without room on the disk."""


@dataclass(frozen=True)
class Upload:
    """A whole file that has come. `file_name` is what its owner calls it: made safe, but for a page not escaped."""

    upload_id: str
    kind: Kind
    file_name: str
    size_bytes: int
    by: str
    path: Path


class Uploads(Acting):
    """Thread-safe. A *pass* is what a page gives its own browser to bring one file: it names kind and person."""

    def __init__(
        self, home: Home, *, clock: Callable[[], float] = time.time,
        free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
        check_room: Callable[[Actor], object] = lambda actor: None,
    ) -> None:
        """`check_room` refuses somebody whose disk quota is used up."""
        self._home, self._clock = home, clock
        self._free_bytes, self._check_room = free_bytes, check_room
        # In memory alone: a restart makes passes worthless, and pages get new ones as they are drawn anew.
        self._secret = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._coming: dict[str, str] = {}
        """Who brings what at this moment: a person by the id of the file."""

    @needs("operator")
    def pass_for(self, kind: Kind) -> str:
        """Lets the browser of the present person bring files of a kind for a day. No other site can know it."""
        until = int(self._clock() + _SECONDS_OF_A_DAY)
        return f"{kind}.{until}.{self._signature(kind, until)}"

    @needs("operator")
    @contextmanager
    def receiving(self, permit: str, *, file_name: str, expected_bytes: int | None) -> Iterator[Receiver]:
        """Write a file in pieces: `Receiver.write` each, then `Receiver.finish`. Without that nothing is kept.

        Raises NotAllowed for a wrong pass; Conflict, TooLarge or HomeUnusable for what cannot be taken.
        """
        kind = self._kind(permit)
        allowed, shown = KINDS[kind], plain_name(file_name, 120)
        suffix = Path(shown).suffix.lower()
        if allowed.suffixes and suffix not in allowed.suffixes:
            raise Conflict(
                f"The file is called {shown[-60:]!r}; allowed: {', '.join(allowed.suffixes)}. Choose another file."
            )
        self._check_room(self.actor)
        with self._home.usable():
            self._home.uploads.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._sweep()
        upload_id = secrets.token_hex(16)
        with self._lock:
            if sum(by == self.actor.name for by in self._coming.values()) >= _MOST_AT_ONCE:
                raise Conflict(f"{_MOST_AT_ONCE} files of yours are on their way already, as many as allowed. Wait.")
            self._coming[upload_id] = self.actor.name
        part = self._home.uploads / f"{upload_id}.part"
        try:
            with self._home.usable():
                file = part.open("xb")
            with file:
                receiver = Receiver(self, file, upload_id, kind, shown, suffix if allowed.suffixes else "")
                receiver.check(expected_bytes or 0)
                yield receiver
        finally:
            part.unlink(missing_ok=True)
            with self._lock:
                del self._coming[upload_id]

    @needs("operator")
    def get(self, upload_id: str) -> Upload:
        """A file that has come, of the present person. Raises NotFound."""
        if _ID.fullmatch(upload_id):
            try:
                told = read_json(self._home.uploads / f"{upload_id}.json")
                found = Upload(**told | {"path": self._path(upload_id, told["file_name"], told["kind"])})
            except (OSError, ValueError, TypeError, KeyError):
                found = None
            if found is not None and found.path.is_file() and found.by == self.actor.name:
                return found
        raise NotFound("This file is no longer there; files are kept for a day. Upload it again.")

    @needs("operator")
    def discard(self, upload_id: str) -> None:
        """Delete a file that has come; one that is not there is no error."""
        try:
            found = self.get(upload_id)
        except NotFound:
            if _ID.fullmatch(upload_id) and self._owner(upload_id) == self.actor.name:
                (self._home.uploads / f"{upload_id}.json").unlink(missing_ok=True)
            return
        found.path.unlink(missing_ok=True)
        (self._home.uploads / f"{upload_id}.json").unlink(missing_ok=True)

    # Within -----------------------------------------------------------------------------------

    def _signature(self, kind: str, until: int) -> str:
        message = json.dumps([kind, until, self.actor.name]).encode()
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()

    def _kind(self, permit: str) -> Kind:
        name, _, rest = permit.partition(".")
        until, _, signature = rest.partition(".")
        kind = next((one for one in KINDS if one == name), None)
        known = kind is not None and re.fullmatch(r"[0-9]{1,12}", until) and signature.isascii()
        if not known or not hmac.compare_digest(signature, self._signature(name, int(until))):
            raise NotAllowed("This page may not upload any more. Reload it, then try again.")
        if self._clock() > int(until):
            raise NotAllowed("This page has been open for more than a day. Reload it, then try again.")
        assert kind is not None
        return kind

    def _path(self, upload_id: str, file_name: str, kind: Kind) -> Path:
        """With the ending by which readers know the form; nothing else of the name reaches the disk."""
        suffix = Path(file_name).suffix.lower() if KINDS[kind].suffixes else ""
        return self._home.uploads / f"{upload_id}{suffix if suffix in KINDS[kind].suffixes else '.file'}"

    def _owner(self, upload_id: str) -> str | None:
        try:
            owner: str = read_json(self._home.uploads / f"{upload_id}.json")["by"]
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return owner

    def _used(self, *, without: str) -> tuple[int, int]:
        """Bytes of all uploads, and of the present person's, but for one."""
        total = mine = 0
        for path in self._home.uploads.iterdir():
            upload_id = path.name.partition(".")[0]
            if path.suffix == ".json" or upload_id == without:
                continue
            try:
                found = path.stat().st_size
            except FileNotFoundError:
                # It was moved to where it belongs.
                continue
            total += found
            with self._lock:
                coming = self._coming.get(upload_id)
            mine += found if (coming or self._owner(upload_id)) == self.actor.name else 0
        return total, mine

    def _sweep(self) -> None:
        """Deletes what nobody wanted for a day, and what a killed server left half."""
        for path in self._home.uploads.iterdir():
            with self._lock:
                if path.name.partition(".")[0] in self._coming:
                    continue
            try:
                if self._clock() - path.stat().st_mtime > _SECONDS_OF_A_DAY:
                    path.unlink()
            except FileNotFoundError:
                # Another sweep, or its owner, was quicker.
                continue


class Receiver:
    """One file on its way; used by one thread at a time."""

    def __init__(self, uploads: Uploads, file: BinaryIO, upload_id: str, kind: Kind, shown: str, suffix: str) -> None:
        self._uploads, self._file, self._id, self._kind, self._shown = uploads, file, upload_id, kind, shown
        self.size_bytes = self._checked = 0

    def check(self, expected_bytes: int) -> None:
        """Whether a file of so many bytes would be taken. Raises TooLarge."""
        uploads, most = self._uploads, KINDS[self._kind].most_bytes
        if expected_bytes > most:
            raise TooLarge(f"{self._shown} is larger than allowed: up to {size(most)}. Choose a smaller file.")
        total, mine = uploads._used(without=self._id)
        if total + expected_bytes > _MOST_BYTES or mine + expected_bytes > _MOST_OF_ONE:
            raise TooLarge(
                f"Files that wait to be read fill {size(total)}, of them {size(mine)} yours; allowed: "
                f"{size(_MOST_BYTES)} and {size(_MOST_OF_ONE)}. Have them read or discard some."
            )
        if uploads._free_bytes(uploads._home.uploads) - (expected_bytes - self.size_bytes) < _FREE_BYTES:
            raise TooLarge(
                f"There is no room for {self._shown}: {size(_FREE_BYTES)} stay free on the disk. Free some space first."
            )

    def write(self, piece: bytes) -> None:
        """Raises TooLarge above a cap, HomeUnusable for a full disk."""
        self.size_bytes += len(piece)
        # Whoever gives no length, or a wrong one, meets the caps on the way.
        if self.size_bytes > KINDS[self._kind].most_bytes or self.size_bytes - self._checked >= _LOOK_EVERY_BYTES:
            self._checked = self.size_bytes
            self.check(self.size_bytes)
        with self._uploads._home.usable():
            self._file.write(piece)

    def finish(self) -> Upload:
        """On the disk when this returns. Raises Conflict for an empty file, TooLarge, HomeUnusable."""
        uploads = self._uploads
        if not self.size_bytes:
            raise Conflict(f"{self._shown} is empty; choose another file.")
        self.check(self.size_bytes)
        home, by = uploads._home, uploads.actor.name
        path = uploads._path(self._id, self._shown, self._kind)
        upload = Upload(self._id, self._kind, self._shown, self.size_bytes, by, path)
        with home.usable():
            self._file.flush()
            os.fsync(self._file.fileno())
            write_json(home.uploads / f"{self._id}.json", asdict(upload) | {"path": ""})
            (home.uploads / f"{self._id}.part").replace(path)
        return upload
