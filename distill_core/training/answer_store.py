"""Keeps what a teacher answered to each pass over the samples on the disk, for whoever asks it the same again."""

from __future__ import annotations

import os
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill_core.folders import read_json, write_json
from distill_core.teacher_answers import Limits, make_room

# A pass that is asked for in less time is asked for again: files and checksums take their time too.
WORTH_SECONDS, BYTES_A_SECOND = 0.5, 50_000_000
TIMED_BATCHES = 4
_TOGETHER = 32
"""So many batches are brought from the device at once: each trip waits for it."""


@dataclass
class _Writing:
    """A pass on its way to the disk: what came so far, and whether keeping it pays."""

    number: int
    batches: int = 0
    rows: int = 0
    seconds: float = 0.0
    waiting: list[Tensor] = field(default_factory=list)
    checksum: int = 0
    file: Any = None
    path: Path | None = None
    shape: tuple[int, ...] = ()


class AnswerStore:
    """The passes of one stream's batches before one teacher: a file of logits each, in the order of the steps.

    The folder's name is the digest of all that determines the answers, to the last bit: reading gives what asking would
    give. Logits are kept as students see them: float32, or float16 where they were rounded to it. A pass is kept whole,
    or from its start to where a training ended; it has a checksum, is renamed into its place, and is read through a
    memory map. Whatever is missing or damaged is asked again.
    """

    def __init__(
        self, folder: Path, *, batches: int, batch_size: int, half: bool, limits: Limits,
        rounding: Callable[[], float] = lambda: 0.0, error: Callable[[], float] = lambda: 0.0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._folder, self._batches, self._size, self._half = folder, batches, batch_size, half
        self._limits, self._rounding, self._error, self._clock = limits, rounding, error, clock
        self._open: tuple[int, NDArray[Any] | None] | None = None
        self._writing: _Writing | None = None
        self._marked = False
        self.error_read = 0.0
        """The largest error of the passes that were read, as it was measured when they were asked."""

    def read(self, number: int, place: int) -> Tensor | None:
        """Logits [B,...] float32 of a pass's batch, counted from 0; None where they are not kept."""
        if self._open is None or self._open[0] != number:
            self._open = (number, self._mapped(number))
        held = self._open[1]
        if held is None or place * self._size >= len(held):
            return None
        return torch.from_numpy(np.array(held[place * self._size : (place + 1) * self._size], dtype=np.float32))

    def asked(
        self, number: int, place: int, ask: Callable[[], Tensor], *, device: torch.device
    ) -> Tensor:
        """What `ask` gives, logits [B,...], kept once the pass is whole."""
        if place == 0:
            self._drop()
            self._writing = _Writing(number)
        writing = self._writing
        if writing is None or writing.number != number or writing.batches != place:
            # Begun in the middle, or with a gap.
            self._drop()
            return ask()
        if place < TIMED_BATCHES:
            began = self._now(device)
            logits = ask()
            writing.seconds += self._now(device) - began
        else:
            logits = ask()
        self._add(writing, logits)
        return logits

    def _now(self, device: torch.device) -> float:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return self._clock()

    def _add(self, writing: _Writing, logits: Tensor) -> None:
        writing.batches += 1
        writing.rows += len(logits)
        writing.waiting.append(logits.detach())
        timed = min(TIMED_BATCHES, self._batches)
        if writing.batches == timed and not self._pays(writing, logits):
            self._drop()
        elif writing.batches == self._batches or len(writing.waiting) >= _TOGETHER:
            self._flush(writing)
            if self._writing is writing and writing.batches == self._batches:
                self._finish(writing)

    def _pays(self, writing: _Writing, logits: Tensor) -> bool:
        whole = writing.seconds / writing.batches * self._batches
        return whole > WORTH_SECONDS + self._bytes(logits) / BYTES_A_SECOND

    def _bytes(self, logits: Tensor) -> int:
        return logits.numel() * (2 if self._half else 4) * self._batches

    def _flush(self, writing: _Writing) -> None:
        """Bring what waits to the temporary file; a disk that is full or away ends the keeping, not the training."""
        rows = torch.cat(writing.waiting).cpu().numpy().astype(np.float16 if self._half else np.float32)
        size = self._bytes(writing.waiting[0])
        writing.waiting.clear()
        try:
            if writing.file is None:
                if not make_room(self._limits, size, keep=self._folder):
                    self._drop()
                    return
                self._folder.mkdir(parents=True, exist_ok=True)
                # Of this thread alone: two experiments may ask the same at the same time.
                writing.path = self._folder / f".{_name(writing.number)}.{os.getpid()}-{threading.get_ident()}.tmp"
                writing.file, writing.shape = writing.path.open("wb"), rows.shape[1:]
            content = rows.tobytes()
            writing.checksum = zlib.crc32(content, writing.checksum)
            writing.file.write(content)
        except OSError:
            self._drop()

    def _finish(self, writing: _Writing) -> None:
        assert writing.path is not None
        facts = {
            "rows": writing.rows, "shape": list(writing.shape), "batches": self._batches,
            "kind": "float16" if self._half else "float32", "checksum": writing.checksum,
            "largest_rounding": self._rounding(), "largest_error": self._error(),
        }
        try:
            writing.file.flush()
            os.fsync(writing.file.fileno())
            writing.file.close()
            # The facts last: without them the file is not read.
            writing.path.replace(self._folder / _name(writing.number))
            write_json(self._facts(writing.number), facts)
        except (OSError, ValueError):
            # ValueError: logits of NaN or infinity are no JSON, and need no keeping.
            self._drop()
        self._writing = None

    def _drop(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None and writing.file is not None and writing.path is not None:
            # On a full disk even closing may fail, and so may a folder that somebody took away.
            with suppress(OSError):
                writing.file.close()
            with suppress(OSError):
                writing.path.unlink(missing_ok=True)

    def close(self) -> None:
        """The training has ended: what was asked of its last pass is kept too."""
        if self._writing is not None and self._writing.batches > TIMED_BATCHES:
            if self._writing.waiting:
                self._flush(self._writing)
            if self._writing is not None:
                self._finish(self._writing)
        self._drop()
        self._open = None

    def _facts(self, number: int) -> Path:
        return (self._folder / _name(number)).with_suffix(".json")

    def _mapped(self, number: int) -> NDArray[Any] | None:
        """A pass's answers where they lie; None unless they are whole and as they were written."""
        path = self._folder / _name(number)
        try:
            facts = read_json(self._facts(number))
            shape = (int(facts["rows"]), *(int(size) for size in facts["shape"]))
            if facts["kind"] != ("float16" if self._half else "float32") or facts["batches"] != self._batches:
                return None
            held: NDArray[Any] = np.memmap(path, dtype=facts["kind"], mode="r", shape=shape)
            if path.stat().st_size != held.nbytes or zlib.crc32(held.data) != facts["checksum"]:
                return None
            self.error_read = max(self.error_read, float(facts["largest_error"]))
            if not self._marked:
                # Whoever makes room takes what was not used for longest.
                os.utime(self._folder)
                self._marked = True
        except (OSError, KeyError, TypeError, ValueError):
            return None
        return held


def _name(number: int) -> str:
    return f"pass-{number:06d}.bin"
