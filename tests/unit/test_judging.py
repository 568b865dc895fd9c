"""Every end without a result has its class, and only what passes is tried again."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from distill_core.errors import DataError, DeviceError, Diverged, LabError, Problem, SpecError, UnknownName
from distill_core.events import PASSING, Failure
from distill_core.folders import ExperimentFolder, HomeUnusable, write_json
from distill_core.jobs import judging
from distill_core.jobs.judging import failure_of, failure_of_death, is_retried, kernel_kills, without_result
from distill_core.processes import Stamp, write_stamp
from distill_core.rows import RunRow


class OutOfMemoryError(RuntimeError):
    """As torch's own is called, wherever torch keeps it."""


OutOfMemoryError.__module__ = "torch.cuda"


def caused(error: Exception, by: Exception) -> Exception:
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (MemoryError(), "out-of-memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "out-of-memory"),
        (OutOfMemoryError("CUDA out of memory. Tried to allocate"), "gpu-out-of-memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"), "gpu-out-of-memory"),
        (RuntimeError("CUDA error: out of memory. CUDA kernel errors might"), "gpu-out-of-memory"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "gpu-out-of-memory"),
        (OSError(errno.ENOSPC, "No space left"), "disk-full"), (OSError(errno.EDQUOT, "Quota"), "disk-full"),
        (OSError(errno.EFBIG, "Too large"), "disk-full"), (OSError(errno.EACCES, "Denied"), "error"),
        (caused(HomeUnusable("/home", "full"), OSError(errno.ENOSPC, "full")), "disk-full"),
        (Diverged("NaN"), "diverged"), (SpecError([Problem("seeds", [], "some")]), "bad-spec"),
        (UnknownName("loss", "x", ["kd"]), "bad-spec"), (DeviceError("no GPU"), "bad-spec"),
        (DataError("not there"), "missing-data"), (LabError("whatever"), "error"), (ValueError("whatever"), "error"),
        (ValueError("not enough memory"), "error"),
    ],
)
def test_the_class_of_what_a_worker_meets(error: Exception, failure: Failure) -> None:
    assert failure_of(error) == failure


def test_what_was_caught_on_the_way_counts_unless_it_was_hidden() -> None:
    with pytest.raises(ValueError) as caught:
        try:
            raise OSError(errno.ENOSPC, "full")
        except OSError:
            raise ValueError("while tidying up")  # noqa: B904
    assert failure_of(caught.value) == "disk-full"
    with pytest.raises(ValueError) as hidden:
        try:
            raise OSError(errno.ENOSPC, "full")
        except OSError:
            raise ValueError("something else") from None
    assert failure_of(hidden.value) == "error"


def test_a_death_is_told_apart_by_the_kernel_s_count_on_the_same_machine(tmp_path: Path) -> None:
    stamp = write_stamp(tmp_path / "worker.json", attempt=1, events_offset=0, kernel_kills=4)

    def of(stamp: Stamp | None, now: int | None) -> Failure:
        return failure_of_death(stamp, folder=tmp_path, kills=lambda: now)

    assert of(stamp, 5) == "out-of-memory"
    assert of(stamp, 4) == of(stamp, None) == of(None, 5) == of(replace(stamp, kernel_kills=None), 5) == "killed"
    assert of(replace(stamp, identity=f"another-boot:{os.getpid()}:1"), 5) == "killed", "another machine's count"


def test_a_death_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = judging.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(judging.shutil, "disk_usage", lambda path: usage._replace(free=1000))
    assert failure_of_death(None, folder=tmp_path, kills=lambda: None) == "disk-full"
    assert not judging.has_space(tmp_path)


def test_the_kernel_s_count_can_be_read_here() -> None:
    count = kernel_kills()
    assert count is None or count >= 0
    if os.path.exists("/proc/vmstat"):
        assert count is not None


def test_only_what_passes_is_tried_again_and_three_times_at_most() -> None:
    for failure in get_args(Failure):
        tries = [is_retried(failure, attempt=attempt, most_attempts=3) for attempt in (1, 2, 3)]
        assert tries == ([True, True, False] if failure in PASSING else [False] * 3), failure
        if failure in PASSING:
            assert judging.BECAUSE[failure] in judging.again_reason(failure, attempt=1, most_attempts=3)
            assert "3 times" in judging.last_reason(failure, attempt=3)


def run(state: str) -> RunRow:
    return RunRow(
        run_id="r", experiment_id="e", experiment_name="e", role="student", name="s", seed=0, state=state,  # type: ignore[arg-type]
        architecture="tiny-cnn", parameters=1, macs=1, size_bytes=1, epochs=1,
    )


@pytest.mark.parametrize(
    ("states", "sentence"),
    [
        (["finished", "reused", "refused"], ""), ([], "finished no run"), (["waiting"], "finished no run"),
        (["diverged", "refused"], "finished no run"), (["finished", "training", "stopped"], "2 of 3 runs have no end"),
    ],
)
def test_success_is_believed_only_with_every_run_s_end(tmp_path: Path, states: list[str], sentence: str) -> None:
    folder = ExperimentFolder(tmp_path)
    told = without_result(folder, [run(state) for state in states])
    assert sentence in told and bool(told) == bool(sentence)
    write_json(folder.request, {"export": ["r"], "train": False})
    assert without_result(folder, [run(state) for state in states]) == ""
