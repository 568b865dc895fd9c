"""Reads arrays out of npz files, whatever is in them: never a pickle, never more than allowed; loads no torch."""

from __future__ import annotations

import io
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from distill_core.errors import DataError, Problem

LARGEST_ARRAY_BYTES = 2**31
_SUFFIX = ".npy"
_LARGEST_DIRECTORY_BYTES = 2**20
_END, _END_BYTES = b"PK\x05\x06", 22
_LOCATOR, _LOCATOR_BYTES, _END64_BYTES = b"PK\x06\x07", 20, 56
_LONGEST_COMMENT = 2**16
_LARGEST_HEADER_BYTES = 2**14
_PLAIN_KINDS = "biufUS"


class ArrayFacts(NamedTuple):
    """An array in a file as its header tells; `dtype` is NumPy's word, such as uint8, or text."""

    key: str
    shape: tuple[int, ...]
    dtype: str


def peek_arrays(path: Path | str) -> list[ArrayFacts]:
    """What arrays an npz file holds, in its order; reads no array. Raises DataError."""
    with _opened(Path(path)) as archive:
        facts = []
        for info in _members(archive):
            shape, dtype = _header(archive, info)
            words = {"U": "text", "S": "text", "O": "object"}
            facts.append(ArrayFacts(info.filename.removesuffix(_SUFFIX), shape, words.get(dtype.kind, dtype.name)))
        return facts


def read_array(path: Path, key: str, *, field: str) -> np.ndarray:
    """One array of numbers, truth values or texts; of another, raises DataError naming `field` and reads nothing."""
    with _opened(path) as archive:
        members = {info.filename.removesuffix(_SUFFIX): info for info in _members(archive)}
        if key not in members:
            raise DataError(str(Problem(field, key, ", ".join(list(members)[:20]), "Choose one of the file's arrays.")))
        shape, dtype = _header(archive, members[key])
        if dtype.kind not in _PLAIN_KINDS:
            raise DataError(
                f"The array {key!r} holds {_kind_words(dtype)}; allowed: numbers, truth values or texts. Save it with "
                "a plain type: objects are never read, for they could run code."
            )
        size = math.prod(shape) * dtype.itemsize
        if size > LARGEST_ARRAY_BYTES:
            raise DataError(
                f"The array {key!r} of shape {_shape_words(shape)} takes {size / 2**20:,.0f} MiB; allowed: up to "
                f"{LARGEST_ARRAY_BYTES // 2**20:,}. Save fewer samples or a smaller type such as uint8."
            )
        if members[key].file_size < size:
            raise DataError(f"The array {key!r} is cut short: too few data for {_shape_words(shape)}. Save it anew.")
        with archive.open(members[key]) as file:
            return np.lib.format.read_array(file, allow_pickle=False)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive; whatever is wrong with it, now or while reading, becomes one sentence."""
    if not path.is_file():
        raise DataError(f"There is no file {str(path)!r} on this machine; allowed: an npz file. Check the path.")
    try:
        with path.open("rb") as file:
            if file.read(6) == np.lib.format.MAGIC_PREFIX:
                raise DataError(
                    f"The file {path.name!r} is a single npy array; allowed: npz. Save inputs and labels together with "
                    "numpy.savez."
                )
            if _directory_bytes(file) > _LARGEST_DIRECTORY_BYTES:
                raise DataError(f"The file {path.name!r} holds far too many arrays; save only those that are needed.")
            file.seek(0)
            with zipfile.ZipFile(file) as archive:
                yield archive
    except DataError:
        raise
    except (OSError, ValueError, EOFError, RuntimeError, NotImplementedError, zlib.error, struct.error,
            zipfile.BadZipFile) as error:  # fmt: skip
        # What the readers say of damaged files differs by version; their first words suffice.
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise DataError(
            f"The file {path.name!r} cannot be read as npz: {reason}. Save it anew with numpy.savez."
        ) from None


def _directory_bytes(file: IO[bytes]) -> int:
    """How long the archive's list of members claims to be, before anybody reads it into memory."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _LONGEST_COMMENT - _END_BYTES - _LOCATOR_BYTES - _END64_BYTES))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + _END_BYTES:
        return 0
    claimed: int = struct.unpack_from("<I", tail, at + 12)[0]
    locator = at - _LOCATOR_BYTES
    if locator >= _END64_BYTES and tail[locator : locator + 4] == _LOCATOR:
        claimed = struct.unpack_from("<Q", tail, locator - _END64_BYTES + 40)[0]
    return claimed


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    members = [info for info in archive.infolist() if info.filename.endswith(_SUFFIX)]
    if not members:
        raise ValueError("it holds no arrays")
    return members


def _header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type from an array's header alone; fields of mixed types count as objects."""
    with archive.open(info) as file:
        # A header that claims to be longer than this is refused by what follows instead of read.
        start = io.BytesIO(file.read(_LARGEST_HEADER_BYTES))
    version = np.lib.format.read_magic(start)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(start)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(start)
    else:
        # Version 3 is written only for fields with names beyond Latin-1.
        return (), np.dtype(object)
    if any(size < 0 for size in shape):
        raise ValueError(f"the array {info.filename!r} has a negative size")
    return shape, dtype if dtype.names is None and dtype.subdtype is None else np.dtype(object)


def _kind_words(dtype: np.dtype) -> str:
    return {"O": "Python objects or mixed fields", "c": "complex numbers", "M": "dates", "m": "durations"}.get(
        dtype.kind, "raw bytes"
    )


def _shape_words(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "()"
