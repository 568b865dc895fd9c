"""The files of decoded data: arrays a split, a description beside them, and what was left out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal

import numpy as np

from distill_core.folders import read_json

Split = Literal["train", "test"]
# From this size on, arrays are mapped instead of read.
MAPPED_BYTES = 512 * 2**20


@dataclass(frozen=True)
class DecodedImages:
    """A folder with pictures as uint8 [N,C,H,W] and labels int64 [N] of each split; complete once `about` is there."""

    folder: Path

    @property
    def about(self) -> Path:
        """class_names, shape, mean, std, train, unlabelled, test, class_counts, bad, notes."""
        return self.folder / "about.json"

    @property
    def problems(self) -> Path:
        """One JSON line {"file", "reason"} for each file that was left out."""
        return self.folder / "problems.jsonl"

    def inputs(self, split: Split) -> Path:
        return self.folder / f"{split}_inputs.npy"

    def labels(self, split: Split) -> Path:
        return self.folder / f"{split}_labels.npy"

    def is_complete(self) -> bool:
        return self.about.is_file()

    def description(self) -> dict[str, Any]:
        """What `about` holds."""
        read: dict[str, Any] = read_json(self.about)
        return read

    def size_bytes(self) -> int:
        return sum(entry.stat().st_size for entry in os.scandir(self.folder))


def open_array(path: Path, *, mapped_bytes: int = MAPPED_BYTES) -> np.ndarray:
    """The array of a .npy file: mapped if it is large, with changes that stay in memory, else read."""
    if path.stat().st_size >= mapped_bytes:
        return np.load(path, mmap_mode="c", allow_pickle=False)
    array: np.ndarray = np.load(path, allow_pickle=False)
    return array


class NpyRows:
    """Writes a .npy file of uint8 rows whose number shows only at the end; memory stays that of one block."""

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self._path, self._shape, self._count = path, shape, 0
        self._file: IO[bytes] | None = None

    def __enter__(self) -> NpyRows:
        self._file = self._path.open("wb")
        self._header_bytes = self._write_header(self._file)
        return self

    def append(self, rows: np.ndarray) -> None:
        """`rows` uint8 [n,*shape]."""
        assert self._file is not None and rows.dtype == np.uint8 and rows.shape[1:] == self._shape
        self._file.write(np.ascontiguousarray(rows).data)
        self._count += len(rows)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._file is not None
        with self._file as file:
            if kind is None:
                file.seek(0)
                # numpy leaves room in the header for a longer first axis, so that arrays can grow on the disk.
                if self._write_header(file) != self._header_bytes:
                    raise ValueError(f"the header of {self._path.name} outgrew its room")

    def _write_header(self, file: IO[bytes]) -> int:
        shape = (self._count, *self._shape)
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        return file.tell()
