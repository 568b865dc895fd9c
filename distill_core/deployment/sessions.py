"""Keeps the ONNX Runtime sessions used last, so that asking again needs no loading; no torch."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from distill_core.deployment.session import open_session
from distill_core.errors import ExportError, NotFound

_Key = tuple[str, int, int]
_TYPES = {
    "tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(int64)": np.int64, "tensor(int32)": np.int32,
}


class Sessions:
    """At most `most` sessions, and `most_bytes` of graph files, are held; the longest unused leaves first. Thread-safe.

    One thread each: many visitors of a server share its cores, and one sample keeps no more than one busy.
    """

    def __init__(
        self, *, most: int = 24, most_bytes: int = 512 * 2**20, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._most, self._most_bytes, self._clock = most, most_bytes, clock
        self._lock = threading.Lock()
        self._held: OrderedDict[_Key, onnxruntime.InferenceSession] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def answer(self, path: Path, inputs: NDArray[np.generic]) -> tuple[NDArray[np.float32], float]:
        """What a graph answers to one sample without the batch, and the milliseconds of that call.

        A graph that is not loaded yet answers once before, uncounted. Raises NotFound, ExportError.
        """
        session, is_new = self._session(path)
        known = session.get_inputs()[0]
        feed = {known.name: inputs[None].astype(_TYPES.get(known.type, inputs.dtype))}
        try:
            if is_new:
                session.run(None, feed)
            start = self._clock()
            answer = session.run(None, feed)[0]
            milliseconds = 1000 * (self._clock() - start)
        # The runtime raises a class of its own for each kind of trouble, without a common public base.
        except Exception as error:
            reason = str(error).strip().partition("\n")[0][:200].rstrip(".")
            raise ExportError(
                f"The exported graph cannot answer this sample: {reason}. Export the run again."
            ) from error
        return np.asarray(answer[0], dtype=np.float32), milliseconds

    def _session(self, path: Path) -> tuple[onnxruntime.InferenceSession, bool]:
        try:
            status = path.stat()
        except OSError as error:
            raise NotFound(f"The exported graph of run {path.parent.name} is gone; export the run again.") from error
        key = (str(path), status.st_mtime_ns, status.st_size)
        # Opened under the lock: two visitors who come together load a graph once.
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key], False
            session = open_session(path, threads=1)
            self._held[key] = session
            while len(self._held) > 1 and (
                len(self._held) > self._most or sum(size for _, _, size in self._held) > self._most_bytes
            ):
                self._held.popitem(last=False)
            return session, True
