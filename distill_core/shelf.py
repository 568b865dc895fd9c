"""The data sets that users brought: kept in the home folder, read in the background, shown without torch."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Literal

from distill_core.access import Acting, Actor, needs
from distill_core.audit import Audit
from distill_core.errors import Conflict, DataError, NotFound
from distill_core.folders import Home, write_json
from distill_core.ingestion.data_folder import DataFolder, Form, Reading, ReadingState, Record
from distill_core.ingestion.data_set import DataSet, FileProblem, data_set_of
from distill_core.ingestion.decoded import DecodedImages
from distill_core.ingestion.examples import Example, Part, image_examples, kept_examples
from distill_core.jobs.reading import start_reading
from distill_core.spec import LONGEST_NAME

__all__ = ["DataSet", "Example", "FileProblem", "Form", "Part", "ReadingState", "Shelf"]

_CHUNK_BYTES = 2**20
_ID_BYTES = 6
_ID = re.compile(r"[0-9a-f]{12}")
_SUFFIXES: dict[Form, tuple[str, ...]] = {
    "images": (".zip",), "text": (".csv", ".tsv", ".txt", ".tab"), "arrays": (".npz",)
}  # fmt: skip
_ENTRIES: dict[Form, str] = {"images": "image-folder", "text": "text-table", "arrays": "arrays"}


class Shelf(Acting):
    """Thread-safe; loads no torch; every method returns soon, but for the copying of an upload to the disk."""

    def __init__(
        self, home: Home, *, clock: Callable[[], float] = time.time, token: Callable[[int], str] = secrets.token_hex,
        check_room: Callable[[Actor], object] = lambda actor: None,
    ) -> None:
        """`check_room` refuses an upload of somebody whose disk quota is used up."""
        self.home, self._clock, self._token, self._check_room = home, clock, token, check_room
        self._audit = Audit(home, clock=clock)
        self._lock = threading.RLock()
        self._started: list[subprocess.Popen[bytes]] = []

    # Bring ------------------------------------------------------------------------------------

    @needs("operator")
    def begin_images(
        self, name: str, source: BinaryIO | Path, *, file_name: str, image_size: int = 32,
        channels: Literal["rgb", "grey"] = "rgb", test_fraction: float = 0.2,
    ) -> str:
        """Keep a zip of images and start to read it; returns its id. Raises DataError, HomeUnusable."""
        params = {"image_size": image_size, "channels": channels, "test_fraction": test_fraction}
        return self._begin("images", name, source, file_name, params)

    @needs("operator")
    def begin_text(
        self, name: str, source: BinaryIO | Path, *, file_name: str, text_column: str, label_column: str,
        header: Literal["auto", "yes", "no"] = "auto", separator: Literal["auto", "tab", "comma", "semicolon"] = "auto",
        task: Literal["classification", "regression"] = "classification", test_fraction: float = 0.2,
    ) -> str:
        """Keep a table of texts and start to read it; returns its id. Raises DataError, HomeUnusable."""
        params = {
            "text_column": text_column, "label_column": label_column, "header": header, "separator": separator,
            "task": task, "test_fraction": test_fraction,
        }
        return self._begin("text", name, source, file_name, params)

    @needs("operator")
    def begin_arrays(
        self, name: str, source: BinaryIO | Path, *, file_name: str, inputs: str, labels: str,
        kind: Literal["image", "sequence", "table"], task: Literal["classification", "tagging", "regression"],
        test_inputs: str = "", test_labels: str = "", test_fraction: float = 0.2,
    ) -> str:
        """Keep an npz file of arrays and start to read it; returns its id. Raises DataError, HomeUnusable."""
        params = {
            "inputs": inputs, "labels": labels, "kind": kind, "task": task, "test_inputs": test_inputs,
            "test_labels": test_labels, "test_fraction": test_fraction,
        }
        return self._begin("arrays", name, source, file_name, params)

    @needs("operator")
    def begin_again(self, data_id: str) -> None:
        """Read once more, after it failed or its decoded copy was cleared away. Raises NotFound, Conflict."""
        with self._lock:
            folder = self._own(data_id)
            if self.get(data_id).state == "reading":
                raise Conflict(f"Data set {data_id} is being read; wait for its end.")
            folder.reading.unlink(missing_ok=True)
            self._start(folder)

    # Look -------------------------------------------------------------------------------------

    @needs("viewer")
    def all(self, *, include_removed: bool = False) -> list[DataSet]:
        """Newest first."""
        paths = list(self.home.data.iterdir()) if self.home.data.is_dir() else []
        found = []
        with self._lock:
            for path in paths:
                folder = DataFolder(path)
                # Without a record it is half an upload of a process that was killed: it never was a data set.
                if not _ID.fullmatch(path.name) or not folder.record.is_file():
                    continue
                try:
                    found.append(data_set_of(folder, self._record(folder)))
                except NotFound:
                    # One damaged record hides no other data set; `get` tells of it.
                    continue
        found = [data for data in found if include_removed or not data.removed]
        return sorted(found, key=lambda data: (data.created_at, data.data_id), reverse=True)

    @needs("viewer")
    def get(self, data_id: str) -> DataSet:
        """Also of a removed one. Raises NotFound."""
        # Locked, so that a process just being started is not taken for one that died.
        with self._lock:
            folder = self._folder(data_id)
            return data_set_of(folder, self._record(folder))

    @needs("viewer")
    def examples(
        self, data_id: str, *, split: Part = "train", label: str | None = None, offset: int = 0, count: int = 24
    ) -> list[Example]:
        """Samples of a split, of one class if `label` is given; of texts and arrays only among 2,000 of each split.

        Raises NotFound, Conflict while it is not ready or its decoded copy is gone.
        """
        folder = self._folder(data_id)
        if self.get(data_id).state != "ready":
            raise Conflict(f"Data set {data_id} is not read yet; its samples show once it is.")
        reading = folder.read_reading()
        try:
            if reading is not None and reading.decoded:
                decoded = DecodedImages(Path(reading.decoded))
                return image_examples(decoded, split=split, label=label, offset=offset, count=count)
            return kept_examples(folder.examples, split=split, label=label, offset=offset, count=count)
        except (OSError, ValueError, KeyError) as error:
            raise Conflict(
                f"The decoded copy of data set {data_id} is gone or damaged; read it again to see its samples."
            ) from error

    @needs("viewer")
    def problems(self, data_id: str, *, offset: int = 0, count: int = 50) -> list[FileProblem]:
        """Files or rows left out, in order; DataSet.bad is how many there are. Raises NotFound."""
        folder = self._folder(data_id)
        try:
            with folder.problems.open(encoding="utf-8") as lines:
                return [FileProblem(**json.loads(line)) for line in islice(lines, offset, offset + count)]
        except FileNotFoundError:
            return []

    # Change -----------------------------------------------------------------------------------

    @needs("operator")
    def rename(self, data_id: str, name: str) -> None:
        """Raises NotFound, DataError."""
        with self._lock:
            folder = self._own(data_id)
            folder.write_record(replace(self._record(folder), name=_checked_name(name)))

    @needs("operator")
    def remove(self, data_id: str) -> None:
        """Hide it; nothing is taken from the disk, so that `restore` can undo it. Raises NotFound."""
        write_json(self._own(data_id).deleted, {"at": self._clock()})
        self._audit.record(self.actor.name, "remove", data_id, detail="Data set.")

    @needs("operator")
    def restore(self, data_id: str) -> None:
        """Raises NotFound."""
        self._own(data_id).deleted.unlink(missing_ok=True)
        self._audit.record(self.actor.name, "undelete", data_id, detail="Data set.")

    @needs("operator")
    def purge(self, data_id: str) -> None:
        """Delete a removed data set from the disk for good. Raises NotFound, Conflict."""
        with self._lock:
            folder = self._own(data_id)
            if not folder.deleted.exists():
                raise Conflict(f"Data set {data_id} is in use; remove it before deleting it for good.")
            if self.get(data_id).state == "reading":
                raise Conflict(f"Data set {data_id} is being read; wait for its end.")
            reading = folder.read_reading()
            shutil.rmtree(folder.path)
            # Two uploads of the same pictures share one decoded copy.
            shared = {other.decoded for other in self._readings() if other.decoded}
            if reading is not None and reading.decoded and reading.decoded not in shared:
                shutil.rmtree(reading.decoded, ignore_errors=True)
        self._audit.record(self.actor.name, "purge", data_id, detail="Data set.")

    # Within -----------------------------------------------------------------------------------

    def _begin(self, form: Form, name: str, source: BinaryIO | Path, file_name: str, params: dict[str, Any]) -> str:
        checked, suffix = _checked_name(name), _suffix(file_name, _SUFFIXES[form])
        folder = DataFolder(self.home.data / self._token(_ID_BYTES))
        record = Record(
            name=checked, form=form, entry=_ENTRIES[form], params=params, file_name=file_name, upload=f"upload{suffix}",
            created_at=self._clock(), owner=self.actor.name,
        )
        self._check_room(self.actor)
        with self.home.usable():
            folder.path.mkdir(parents=True)
        try:
            if isinstance(source, Path):
                _move(source, folder.upload(record))
            else:
                self._copy(source, folder.upload(record))
            with self._lock:
                folder.write_record(record)
                self._start(folder)
        except BaseException:
            shutil.rmtree(folder.path, ignore_errors=True)
            raise
        self._audit.record(self.actor.name, "upload", folder.path.name, detail=checked)
        return folder.path.name

    def _copy(self, source: BinaryIO, target: Path) -> None:
        try:
            with target.open("wb") as out:
                shutil.copyfileobj(source, out, _CHUNK_BYTES)
        except OSError as error:
            target.unlink(missing_ok=True)
            raise DataError(
                f"The upload cannot be kept in the home folder ({error.strerror}); allowed: a disk with room for it. "
                "Free some space."
            ) from error

    def _start(self, folder: DataFolder) -> None:
        # poll reaps: an ended child would stay a zombie for as long as a web server runs.
        self._started = [process for process in self._started if process.poll() is None]
        self._started.append(start_reading(folder, cache=self.home.cache, now=self._clock()))

    def _folder(self, data_id: str) -> DataFolder:
        folder = DataFolder(self.home.data / data_id)
        if not _ID.fullmatch(data_id) or not folder.record.is_file():
            raise NotFound(f"There is no data set {data_id[:60]!r} in this home folder.")
        return folder

    def _own(self, data_id: str) -> DataFolder:
        folder = self._folder(data_id)
        self.actor.require_own(self._record(folder).owner)
        return folder

    def _record(self, folder: DataFolder) -> Record:
        try:
            return folder.read_record()
        except (OSError, ValueError, TypeError) as error:
            raise NotFound(f"The record of data set {folder.path.name} is damaged; bring the data again.") from error

    def _readings(self) -> list[Reading]:
        folders = [DataFolder(path) for path in self.home.data.iterdir() if _ID.fullmatch(path.name)]
        return [reading for folder in folders if (reading := folder.read_reading()) is not None]


def _move(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except OSError as error:
        raise DataError(
            f"The upload is no longer there ({error.strerror}); allowed: one of the last day. Upload the file again."
        ) from error


def _suffix(file_name: str, allowed: Sequence[str]) -> str:
    suffix = Path(file_name).suffix.lower()
    if suffix not in allowed:
        raise DataError(
            f"The file is called {file_name[-60:]!r}; allowed: {', '.join(allowed)}. Choose another file or kind."
        )
    return suffix


def _checked_name(name: str) -> str:
    stripped = " ".join(name.split())
    if not 1 <= len(stripped) <= LONGEST_NAME:
        raise DataError(
            f"The name has {len(stripped)} characters; allowed: 1 to {LONGEST_NAME}. Give the data set a short name."
        )
    return stripped
