"""Where pictures lie: in a folder or in a zip archive, listed by name and read one by one."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Protocol

from distill_core.errors import DataError
from distill_core.ingestion.archive import STANDARD_LIMITS, BadMember, Limits, SafeArchive
from distill_core.ingestion.picture import LARGEST_FILE_BYTES, SUFFIXES, BadPicture

# Deeper folders are no data set, and links that lead back up would never end.
_DEEPEST = 8


class ImageFiles(AbstractContextManager["ImageFiles"], Protocol):
    """`names` are relative, with forward slashes, sorted; `ignored` counts files that are no pictures.

    `repeated` names files that another file of the same name replaced.
    """

    title: str
    names: tuple[str, ...]
    ignored: int
    repeated: tuple[str, ...]

    def read(self, index: int) -> bytes:
        """The content of one file; raises BadPicture."""
        ...

    def stamp(self, index: int) -> str:
        """Changes whenever the file does; cheap."""
        ...


def open_image_files(path: str, *, limits: Limits = STANDARD_LIMITS) -> ImageFiles:
    """The pictures of a folder or a .zip file; raises DataError."""
    place = Path(path).expanduser()
    if place.is_dir():
        return FolderFiles(place)
    if place.is_file():
        return ZipFiles(place, limits=limits)
    raise DataError(
        f"data.dataset.params.path is {path!r}; allowed: a folder or a .zip file with train/<class>/ and "
        "test/<class>/, or with <class>/ folders. There is no such folder or file on this machine."
    )


class FolderFiles(ImageFiles):
    """Pictures below a folder of this machine. Links are followed: whoever can name the folder can read it."""

    def __init__(self, root: Path) -> None:
        self._root, self.title = root, root.name
        self.repeated = ()
        self._stamps: dict[str, str] = {}
        self.ignored = self._collect(root, "", depth=1)
        self.names = tuple(sorted(self._stamps, key=_parts))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held open."""

    def read(self, index: int) -> bytes:
        file = self._root / self.names[index]
        try:
            size = file.stat().st_size
            if size > LARGEST_FILE_BYTES:
                raise BadPicture(f"{size / 2**20:,.0f} MiB are too many; at most {LARGEST_FILE_BYTES / 2**20:,.0f}")
            return file.read_bytes()
        except OSError as error:
            raise BadPicture(f"cannot be opened ({error.strerror})") from error

    def stamp(self, index: int) -> str:
        return self._stamps[self.names[index]]

    def _collect(self, folder: Path, prefix: str, *, depth: int) -> int:
        ignored = 0
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            raise DataError(
                f"The folder {folder.name!r} cannot be read ({error.strerror}); allowed: readable folders. "
                "Change its permissions or leave it out."
            ) from error
        for entry in entries:
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                ignored += 1
            elif entry.is_dir():
                if depth < _DEEPEST:
                    ignored += self._collect(Path(entry.path), f"{prefix}{entry.name}/", depth=depth + 1)
            elif entry.is_file() and _is_picture(entry.name):
                status = entry.stat()
                self._stamps[prefix + entry.name] = f"{status.st_size}:{status.st_mtime_ns}"
            else:
                ignored += 1
        return ignored


class ZipFiles(ImageFiles):
    """Pictures inside a zip archive; one folder around everything is taken off."""

    def __init__(self, path: Path, *, limits: Limits) -> None:
        self.title = path.name
        self._archive = SafeArchive(path, limits=limits)
        pictures = [member for member in self._archive.members if _is_picture(member.name)]
        self.ignored = self._archive.ignored + len(self._archive.members) - len(pictures)
        pictures.sort(key=lambda member: _parts(member.name))
        self._members = pictures
        around = _folder_around([member.name for member in pictures])
        self.names = tuple(member.name[len(around) :] for member in pictures)
        self.repeated = tuple(name[len(around) :] for name in self._archive.repeated if _is_picture(name))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._archive.close()

    def read(self, index: int) -> bytes:
        try:
            return self._archive.read(self._members[index], most_bytes=LARGEST_FILE_BYTES)
        except BadMember as error:
            raise BadPicture(str(error)) from error

    def stamp(self, index: int) -> str:
        member = self._members[index]
        return f"{member.size_bytes}:{member.crc:08x}"


def _is_picture(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def _parts(name: str) -> list[str]:
    return name.split("/")


def _folder_around(names: list[str]) -> str:
    """`x/` if every picture lies in x and at least one folder deeper, else nothing."""
    firsts = {name.split("/", 1)[0] for name in names}
    if len(firsts) != 1 or not any(name.count("/") >= 2 for name in names):
        return ""
    return f"{firsts.pop()}/"
