"""Reads zip archives that may be hostile, in memory and member by member; nothing is extracted to the disk."""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from distill_core.errors import DataError

_KIB, _MIB, _GIB = 2**10, 2**20, 2**30
_CHUNK_BYTES = 256 * _KIB
_END_BYTES, _ZIP64_LOCATOR_BYTES, _LONGEST_COMMENT = 22, 20, 65_535
_ENTRY_BYTES, _ENTRY_SIGNATURE = 46, b"PK\x01\x02"
_MOST_DIRECTORY_BYTES = 64 * _MIB
_LONGEST_PART = 255
_UTF8_FLAG, _ENCRYPTED_FLAG = 0x800, 0x1
_DEFLATE_AND_STORE = (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED)
_NESTED = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What an archive may hold at most.

    `most_ratio`: unpacked bytes a byte of the archive, for what goes beyond `free_bytes`: a small archive of blank
    pictures packs a thousandfold and harms nobody.
    """

    most_entries: int = 100_000
    most_unpacked_bytes: int = 64 * _GIB
    most_ratio: int = 100
    free_bytes: int = 256 * _MIB


STANDARD_LIMITS = Limits()


@dataclass(frozen=True)
class Member:
    """A plain file of an archive; `name` has forward slashes and no `.` or `..`."""

    name: str
    size_bytes: int
    crc: int
    info: zipfile.ZipInfo


class BadMember(Exception):
    """One file of an archive that cannot be read; the others may be fine. The message is the reason, in words."""


class SafeArchive:
    """The plain files of a zip archive, checked before anything is unpacked. Raises DataError, in one sentence.

    Dot files, `__MACOSX` and archives inside are left out: `ignored` counts them. Of several members of a name the last
    counts, as for everybody who unpacks; `repeated` names the others.
    """

    def __init__(self, path: Path, *, limits: Limits = STANDARD_LIMITS, name: str = "") -> None:
        self._name = name or path.name
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise DataError(
                f"The archive {self._name!r} cannot be opened ({error.strerror}); allowed: a zip file. Check the path."
            ) from error
        try:
            self._check_directory(self._file, limits)
            self._zip = zipfile.ZipFile(self._file)
            self.members, self.ignored, self.repeated = self._list(limits, path.stat().st_size)
        # zipfile lets struct and text errors of damaged directories through.
        except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError, EOFError, OSError) as error:
            self._file.close()
            raise self._no_zip() from error
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> SafeArchive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._zip.close()
        self._file.close()

    def read(self, member: Member, *, most_bytes: int) -> bytes:
        """The whole content; raises BadMember. One thread at a time."""
        if member.size_bytes > most_bytes:
            raise BadMember(f"{member.size_bytes / _MIB:,.0f} MiB are too many; at most {most_bytes / _MIB:,.0f}")
        content = bytearray()
        try:
            with self._zip.open(member.info) as stream:
                # In chunks: in one go zipfile would unpack up to 2 GiB behind a header that lies, then cut them off.
                while chunk := stream.read(_CHUNK_BYTES):
                    content += chunk
        except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, OSError) as error:
            raise BadMember(f"damaged in the archive: {_short(error)}") from error
        except (NotImplementedError, RuntimeError) as error:
            raise BadMember(f"cannot be unpacked: {_short(error)}") from error
        if len(content) != member.size_bytes:
            raise BadMember(f"{len(content):,} bytes instead of {member.size_bytes:,}; damaged in the archive")
        return bytes(content)

    def _no_zip(self) -> DataError:
        return DataError(
            f"{self._name!r} is not a complete zip archive; allowed: a .zip file. Make the archive or upload it again."
        )

    def _refuse(self, what: str, allowed: str, remedy: str) -> DataError:
        return DataError(f"The archive {self._name!r} {what}; allowed: {allowed}. {remedy}")

    def _check_directory(self, file: BinaryIO, limits: Limits) -> None:
        """Counts entries without building an object for each, as zipfile would for millions of them."""
        size, offset = _directory_place(file)
        if size <= _MOST_DIRECTORY_BYTES:
            file.seek(offset)
            count = _count_entries(file.read(size), most=limits.most_entries)
        if size > _MOST_DIRECTORY_BYTES or count > limits.most_entries:
            raise self._refuse(
                f"has more than {limits.most_entries:,} entries", f"at most {limits.most_entries:,}",
                "Leave out what is not needed, or unpack it on the machine that trains and give the folder.",
            )
        file.seek(0)

    def _list(self, limits: Limits, archive_bytes: int) -> tuple[tuple[Member, ...], int, tuple[str, ...]]:
        infos = self._zip.infolist()
        names = _decoded_names(infos)
        found: dict[str, Member] = {}
        repeated: list[str] = []
        ignored = unpacked = packed = 0
        for info, given in zip(infos, names, strict=True):
            self._check_entry(info, given)
            name = self._safe_name(given)
            unpacked += info.file_size
            packed += info.compress_size
            if given.endswith(("/", "\\")) or not name:
                continue
            if _is_ignored(name):
                ignored += 1
                continue
            if name in found:
                repeated.append(name)
            found[name] = Member(name, info.file_size, info.CRC, info)
        self._check_sizes(unpacked, packed, archive_bytes, limits)
        return tuple(found.values()), ignored, tuple(repeated)

    def _check_entry(self, info: zipfile.ZipInfo, given: str) -> None:
        if info.flag_bits & _ENCRYPTED_FLAG:
            raise self._refuse(
                f"has the encrypted file {_shown(given)}", "files without a password", "Zip them without encryption."
            )
        mode = stat.S_IFMT(info.external_attr >> 16)
        if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
            kind = "symbolic link" if mode == stat.S_IFLNK else "special file"
            raise self._refuse(
                f"has the {kind} {_shown(given)}", "plain files and folders", "Zip the files themselves."
            )
        if info.compress_type not in _DEFLATE_AND_STORE:
            raise self._refuse(
                f"packs {_shown(given)} by method {info.compress_type}", "deflate or no compression",
                "Zip the files with the standard compression.",
            )

    def _safe_name(self, given: str) -> str:
        """Relative, with forward slashes; raises DataError for a name that leads out of the folder."""
        slashed = given.replace("\\", "/")
        parts = [part for part in slashed.split("/") if part not in ("", ".")]
        outside = slashed.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", slashed)
        if outside or any(len(part) > _LONGEST_PART for part in parts):
            raise self._refuse(
                f"has a file named {_shown(given)}", "names inside the archive's own folder, up to 255 letters a part",
                "Zip the folder itself, from its parent.",
            )
        return "/".join(parts)

    def _check_sizes(self, unpacked: int, packed: int, archive_bytes: int, limits: Limits) -> None:
        if unpacked > limits.most_unpacked_bytes:
            raise self._refuse(
                f"unpacks to {unpacked / _GIB:,.1f} GiB", f"at most {limits.most_unpacked_bytes / _GIB:,.1f} GiB",
                "Unpack it on the machine that trains and give the folder.",
            )
        ratio = unpacked / max(archive_bytes, 1)
        if unpacked > limits.free_bytes and ratio > limits.most_ratio:
            raise self._refuse(
                f"unpacks to {ratio:,.0f} times its size", f"at most {limits.most_ratio} times",
                "This is how archives that fill a disk look; unpack it yourself and give the folder.",
            )
        if packed > archive_bytes:
            raise self._refuse(
                "lists more bytes than it has", "files that do not overlap", "It is damaged: make the archive anew."
            )


def _directory_place(file: BinaryIO) -> tuple[int, int]:
    """Size and offset of the central directory in bytes, as zipfile finds it; raises BadZipFile."""
    length = file.seek(0, 2)
    start = max(0, length - _END_BYTES - _LONGEST_COMMENT)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END_BYTES:
        raise zipfile.BadZipFile("no end record")
    end = start + at
    size = int(struct.unpack_from("<L", tail, at + 12)[0])
    locator_at = end - _ZIP64_LOCATOR_BYTES
    if locator_at >= 0:
        file.seek(locator_at)
        signature, _, record_at, _ = struct.unpack("<4sLQL", file.read(_ZIP64_LOCATOR_BYTES))
        if signature == b"PK\x06\x07":
            # As zipfile: the record lies right before the locator, whatever the locator says.
            file.seek(locator_at - 56)
            record = file.read(56)
            if record[:4] != b"PK\x06\x06":
                raise zipfile.BadZipFile(f"no 64-bit end record at {record_at}")
            size, end = int(struct.unpack_from("<Q", record, 40)[0]), locator_at - 56
    if size > end:
        raise zipfile.BadZipFile("the directory is longer than the file")
    return size, end - size


def _count_entries(directory: bytes, *, most: int) -> int:
    """How many entries a central directory has, or just more than `most`; raises BadZipFile."""
    count = at = 0
    while at + _ENTRY_BYTES <= len(directory) and count <= most:
        if directory[at : at + 4] != _ENTRY_SIGNATURE:
            raise zipfile.BadZipFile("damaged directory")
        at += _ENTRY_BYTES + sum(struct.unpack_from("<3H", directory, at + 28))
        count += 1
    return count


def _decoded_names(infos: Sequence[zipfile.ZipInfo]) -> list[str]:
    """Names in the letters their maker meant.

    Without the UTF-8 flag the standard says code page 437, which zipfile assumes; but many tools write UTF-8, and
    Chinese Windows GBK. One encoding is taken for all names of the archive.
    """
    raw = {id(info): _bytes_of(info) for info in infos if not info.flag_bits & _UTF8_FLAG}
    foreign = [name for name in raw.values() if name is not None and not name.isascii()]
    encoding = next((found for found in ("utf-8", "gbk") if foreign and _fits(foreign, found)), "cp437")
    names = []
    for info in infos:
        name = raw.get(id(info))
        # zipfile cuts names at a NUL; so must everybody, or two readers see two names.
        names.append(info.filename if name is None else name.split(b"\0")[0].decode(encoding))
    return names


def _bytes_of(info: zipfile.ZipInfo) -> bytes | None:
    try:
        return info.orig_filename.encode("cp437")
    except UnicodeEncodeError:
        return None


def _fits(names: Sequence[bytes], encoding: str) -> bool:
    try:
        text = "".join(name.decode(encoding) for name in names)
    except UnicodeDecodeError:
        return False
    if encoding == "utf-8":
        return True
    # Accented letters of code page 437 are valid GBK too, but rare characters of it: common ones lie in GB 2312, whose
    # bytes are line-drawing signs in code page 437.
    wide = [letter for letter in text if not letter.isascii()]
    common = sum(all(byte >= 0xA1 for byte in letter.encode("gbk")) for letter in wide)
    return common >= 0.6 * len(wide)


def _is_ignored(name: str) -> bool:
    parts = name.split("/")
    return (
        "__MACOSX" in parts
        or any(part.startswith(".") for part in parts)
        or any(ord(letter) < 32 or ord(letter) == 127 for letter in name)
        or name.lower().endswith(_NESTED)
    )


def _shown(name: str) -> str:
    return repr(name if len(name) <= 60 else f"{name[:59]}…")


def _short(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:80]
