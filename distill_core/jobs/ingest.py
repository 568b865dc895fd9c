"""`python -m distill_core.jobs.ingest DATA_FOLDER CACHE`: reads one uploaded data set and tells how far it is."""

from __future__ import annotations

import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from distill_core.errors import LabError
from distill_core.ingestion.bad_rows import count_problems
from distill_core.ingestion.data_folder import DataFolder, Reading, Record
from distill_core.ingestion.decoding import ImageSettings, decode_images
from distill_core.processes import hold, write_stamp

_GIB = 2**30
# Small images take a twentieth, one of 50 million pixels half; torch, for texts and arrays, maps more than it uses.
_MOST_MEMORY_BYTES = {"images": 2 * _GIB, "text": 4 * _GIB, "arrays": 8 * _GIB}
_SECONDS_BETWEEN_WORDS = 0.25
_LONGEST_REASON = 300

Tell = Callable[[int, int], None]


def main(path: Path, cache: Path) -> int:
    """0: ready; 1: failed, with the reason in the folder; 3: another process is reading it."""
    folder = DataFolder(path)
    lock = hold(folder.lock)
    if lock is None:
        print("Another process reads this data set.", file=sys.stderr)
        return 3
    write_stamp(folder.stamp, attempt=0, events_offset=0)
    os.nice(10)
    record = folder.read_record()
    _cap_memory(_MOST_MEMORY_BYTES[record.form])
    ended = _read(folder, record, cache)
    folder.write_reading(ended)
    lock.close()
    return 0 if ended.state == "ready" else 1


def _cap_memory(most_bytes: int) -> None:
    """What a hostile file makes a decoder ask for must not take the machine's memory; mapped files do not count."""
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    soft = most_bytes if hard == resource.RLIM_INFINITY else min(most_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _read(folder: DataFolder, record: Record, cache: Path) -> Reading:
    begun = Reading(state="reading", started_at=time.time())
    folder.write_reading(begun)
    folder.problems.unlink(missing_ok=True)
    progress = _Progress(folder, begun)
    try:
        found = _images(folder, record, cache, progress) if record.form == "images" else _samples(folder, record, cache)
    except LabError as error:
        return progress.failed(error.sentence)
    except MemoryError:
        gib = _MOST_MEMORY_BYTES[record.form] // _GIB
        return progress.failed(f"Reading needs more than the {gib} GiB of memory it may use; bring fewer samples.")
    # The last line of defence: the log has the traceback, the page a sentence.
    except Exception as error:
        traceback.print_exc()
        return progress.failed(
            f"Reading stopped by an unforeseen error ({type(error).__name__}: {error}); details are in {folder.log}."
        )
    return replace(found, state="ready", started_at=begun.started_at, ended_at=time.time())


class _Progress:
    """Writes how far the reading is, a few times a second at most."""

    def __init__(self, folder: DataFolder, begun: Reading) -> None:
        self._folder, self._now, self._told = folder, begun, float("-inf")

    def __call__(self, done: int, total: int) -> None:
        self._now = replace(self._now, done=done, total=total)
        if time.monotonic() - self._told >= _SECONDS_BETWEEN_WORDS:
            self._told = time.monotonic()
            self._folder.write_reading(self._now)

    def failed(self, reason: str) -> Reading:
        shown = reason if len(reason) <= _LONGEST_REASON else f"{reason[: _LONGEST_REASON - 1]}…"
        bad = count_problems(self._folder.problems)
        return replace(self._now, state="failed", reason=shown, bad=bad, ended_at=time.time())


def _images(folder: DataFolder, record: Record, cache: Path, tell: Tell) -> Reading:
    settings = ImageSettings(path=str(folder.upload(record)), **record.params)
    decoded = decode_images(settings, cache, on_progress=tell, problems=folder.problems)
    about = decoded.description()
    total = about["train"] + about["test"] + about["unlabelled"] + about["bad"]
    return Reading(
        state="ready", started_at=0, done=total, total=total, train=about["train"], test=about["test"],
        unlabelled=about["unlabelled"], class_counts=about["class_counts"], bad=about["bad"], kind="image",
        shape=tuple(about["shape"]), task="classification", notes=tuple(about["notes"]),
        decoded=str(decoded.folder), decoded_bytes=decoded.size_bytes(),
    )


def _samples(folder: DataFolder, record: Record, cache: Path) -> Reading:
    # Here, for it loads torch, which images do without.
    from distill_core.jobs.ingest_samples import read_samples

    return read_samples(folder, record, cache)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
