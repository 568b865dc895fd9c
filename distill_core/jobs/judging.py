"""Why a worker came to no result, by classes, and which of them are worth another attempt."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from distill_core.errors import (
    DataError,
    DeviceError,
    Diverged,
    NotFound,
    SpecError,
    UnknownName,
    WeightsError,
    WeightsUnavailable,
)
from distill_core.events import PASSING, Failure, RunState
from distill_core.folders import ExperimentFolder, read_json
from distill_core.processes import Stamp, boot_of
from distill_core.rows import RunRow

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# Libraries in C++ tell of it only in words.
_WORDS: tuple[tuple[str, Failure], ...] = (
    ("CUDA out of memory", "gpu-out-of-memory"), ("CUDA error: out of memory", "gpu-out-of-memory"),
    ("CUBLAS_STATUS_ALLOC_FAILED", "gpu-out-of-memory"), ("CUDNN_STATUS_ALLOC_FAILED", "gpu-out-of-memory"),
    ("can't allocate memory", "out-of-memory"), ("not enough memory", "out-of-memory"), ("bad_alloc", "out-of-memory"),
    ("Failed to allocate memory", "out-of-memory"), ("No space left on device", "disk-full"),
    ("File too large", "disk-full"), ("Disk quota exceeded", "disk-full"),
)
_SPEAKERS = frozenset({"onnxruntime", "safetensors_rust", "safetensors"})
_BY_TYPE: tuple[tuple[type[Exception], Failure], ...] = (
    (MemoryError, "out-of-memory"), (Diverged, "diverged"), (SpecError, "bad-spec"), (UnknownName, "bad-spec"),
    (DeviceError, "bad-spec"), (DataError, "missing-data"), (WeightsUnavailable, "missing-data"),
    (WeightsError, "missing-data"), (NotFound, "missing-data"),
)
BECAUSE: dict[Failure, str] = {
    "killed": "the worker was killed or crashed", "out-of-memory": "the machine's memory did not suffice",
    "gpu-out-of-memory": "the GPU's memory did not suffice", "disk-full": "the disk was full",
    "lost-lease": "the worker gave no sign of life",
}
_REMEDIES: dict[Failure, str] = {
    "killed": "The end of its log may tell why.", "out-of-memory": "Start a new experiment with half the batch.",
    "gpu-out-of-memory": "Start a new experiment with half the batch.", "disk-full": "Make space, then resume it.",
    "lost-lease": "The end of its log may tell why.",
}
# Of a small disk a twentieth: less would be full again at the next checkpoint.
_ENOUGH_BYTES, _ENOUGH_SHARE = 64 * 2**20, 0.05
# So little that not even a last word could be written.
_FULL_BYTES = 2**20
_ENDED: frozenset[RunState] = frozenset({"finished", "reused", "diverged", "refused"})
_RESULT: frozenset[RunState] = frozenset({"finished", "reused"})


def failure_of(error: BaseException) -> Failure:
    """The class of what a worker met, or of what caused it; torch's own errors are known by name, not by import."""
    for one in _causes(error):
        if isinstance(one, OSError) and one.errno in _NO_SPACE:
            return "disk-full"
        if any(kind.__name__ == "OutOfMemoryError" and kind.__module__.startswith("torch") for kind in type(one).mro()):
            return "gpu-out-of-memory"
        for kind, failure in _BY_TYPE:
            if isinstance(one, kind):
                return failure
        if isinstance(one, (RuntimeError, OSError)) or type(one).__module__.partition(".")[0] in _SPEAKERS:
            for words, failure in _WORDS:
                if words in str(one):
                    return failure
    return "error"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def failure_of_death(stamp: Stamp | None, *, folder: Path, kills: Callable[[], int | None]) -> Failure:
    """The class of a worker that left no last word; `folder` is where it wrote, `kills` see `kernel_kills`."""
    if shutil.disk_usage(folder).free < _FULL_BYTES:
        return "disk-full"
    here = stamp is not None and boot_of(stamp.identity) == boot_of(None)
    if stamp is not None and here and stamp.kernel_kills is not None:
        now = kills()
        if now is not None and now > stamp.kernel_kills:
            return "out-of-memory"
    return "killed"


def kernel_kills() -> int | None:
    """How many processes the kernel has killed for want of memory: in this control group, else on this machine.

    None where the system does not count them. Source: the kernel's admin-guide/cgroup-v2 on memory.events.
    """
    own = Path("/sys/fs/cgroup")
    with suppress(OSError, IndexError):
        own /= Path("/proc/self/cgroup").read_text(encoding="utf-8").partition("0::/")[2].splitlines()[0].strip("/")
    for path in (own / "memory.events", Path("/proc/vmstat")):
        try:
            found = dict(line.split()[:2] for line in path.read_text(encoding="utf-8").splitlines())
            return int(found["oom_kill"])
        except (OSError, KeyError, ValueError):
            continue
    return None


def has_space(folder: Path) -> bool:
    """Whether so much of the disk is free that going on is worth while."""
    usage = shutil.disk_usage(folder)
    return usage.free >= min(_ENOUGH_BYTES, _ENOUGH_SHARE * usage.total)


def without_result(folder: ExperimentFolder, runs: Sequence[RunRow]) -> str:
    """Why a worker that says it succeeded has not, in a sentence; empty if every run it declared has an end.

    One that was only asked to export trains nothing, and is judged by its files.
    """
    with suppress(OSError, ValueError, AttributeError):
        if not read_json(folder.request).get("train", True):
            return ""
    if not any(run.state in _RESULT for run in runs):
        return "The worker said that it succeeded, but finished no run. The end of its log may tell why."
    if open_ones := sum(run.state not in _ENDED for run in runs):
        return (
            f"The worker said that it succeeded, but {open_ones} of {len(runs)} runs have no end. Resume it, and they "
            "are trained."
        )
    return ""


def is_retried(failure: Failure, *, attempt: int, most_attempts: int) -> bool:
    return failure in PASSING and attempt < most_attempts


def lost_reason(failure: Failure, reason: str, *, attempt: int, most_attempts: int) -> str:
    """What the reader is told of one attempt; `reason` is the worker's own word, if it had one."""
    word = reason.rstrip(".") or {
        "killed": "The worker ended without a last word",
        "out-of-memory": "The kernel ended a process for want of memory, and the worker is gone",
        "disk-full": "The worker ended without a last word while the disk was full",
    }.get(failure, "The worker ended without a last word")
    return f"{word} (attempt {attempt} of {most_attempts})."


def again_reason(failure: Failure, *, attempt: int, most_attempts: int) -> str:
    return f"Attempt {attempt + 1} of {most_attempts} because {BECAUSE[failure or 'killed']}."


def last_reason(failure: Failure, *, attempt: int) -> str:
    times = f"{attempt} time{'s' * (attempt != 1)}"
    passing: Failure = failure or "killed"
    return (
        f"The worker was lost {times}, at last because {BECAUSE[passing]}; what it had saved is kept. "
        f"{_REMEDIES[passing]}"
    )
