"""`python -m distill_core.jobs.exporting FOLDER EXPORTER`: writes one experiment's events into another tool.

A process of its own, so that nothing it does or suffers reaches the training. It ends when the experiment is at rest.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import IO

from distill_core.entries import ExporterEntry
from distill_core.errors import LabError
from distill_core.event_log import read_lines
from distill_core.events import Noted, StateChanged
from distill_core.exporters import REGISTRY
from distill_core.exporters.exporter import Exporter, without_password
from distill_core.exporters.story import Story
from distill_core.folders import ExperimentFolder, read_json, write_json
from distill_core.processes import hold, is_alive, is_held, read_stamp
from distill_core.spec import read_spec
from distill_core.store.store import Store
from distill_core.store.transitions import ENDED

NICENESS = 19
HANG_SECONDS = 300.0
SECONDS_BETWEEN_LOOKS = 2.0
SECONDS_WITHOUT_WORKER = 30.0
MOST_TRIES_AT_REST = 5
_LONGEST_PAUSE_SECONDS = 60.0
_EVENTS_A_FLUSH = 500
_LONGEST_REASON = 200
DONE, GAVE_UP, HUNG = 0, 2, 3

log = logging.getLogger("distill_lab.exporting")


class Writing:
    """One exporter and how far it has come; `step` writes what is new."""

    def __init__(self, folder: ExperimentFolder, entry: ExporterEntry) -> None:
        self._folder, self._entry = folder, entry
        self._exporter: Exporter | None = None
        self._story: Story | None = None
        self._offset = 0

    def step(self) -> int:
        """Write up to so many new events; returns how many there were. Whatever the exporter raises comes through."""
        exporter, story = self._exporter, self._story
        if exporter is None or story is None:
            exporter, story = self._begin()
        lines = list(islice(read_lines(self._folder.events, offset=self._offset), _EVENTS_A_FLUSH))
        if not lines:
            return 0
        for event, _ in lines:
            for record in story.records(event):
                exporter.write(record)
        position = exporter.flush()
        self._offset = lines[-1][1]
        write_json(self._folder.export(self._entry.name, "json"), {"offset": self._offset, "position": dict(position)})
        return len(lines)

    def drop(self) -> None:
        """After trouble: the next step builds a new exporter that goes on from the last flush."""
        exporter, self._exporter, self._story = self._exporter, None, None
        if exporter is not None:
            # It is broken already; that it cannot be closed either tells nothing new.
            with suppress(Exception):
                exporter.close()

    def close(self) -> None:
        exporter, self._exporter = self._exporter, None
        if exporter is not None:
            exporter.close()

    def _begin(self) -> tuple[Exporter, Story]:
        """Tell a new story what was written before, and build the exporter at its last position."""
        offset, position = _last_state(self._folder, self._entry.name)
        story = Story(read_spec(self._folder.spec), self._folder)
        for event, after in read_lines(self._folder.events, offset=0):
            if after > offset:
                break
            for _ in story.records(event):
                pass
        self._offset = offset
        self._story = story
        self._exporter = self._entry.build(self._entry.resolve({}), self._folder, position)
        return self._exporter, story


def _last_state(folder: ExperimentFolder, name: str) -> tuple[int, dict[str, int]]:
    """Offset and position of the last flush; from the start if there was none, or the events are other ones now."""
    try:
        state = read_json(folder.export(name, "json"))
        offset, position = int(state["offset"]), {key: int(value) for key, value in state["position"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return 0, {}
    size = folder.events.stat().st_size if folder.events.exists() else 0
    return (offset, position) if offset <= size else (0, {})


class Rest:
    """Whether nothing more will be written: the experiment has ended, is gone, or nobody works on it any more."""

    def __init__(self, folder: ExperimentFolder, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._monotonic = folder, monotonic
        self._seen_at_work = monotonic()
        self._beat = b""

    def __call__(self) -> bool:
        if not self._folder.path.exists():
            return True
        changes = [event for event, _ in read_lines(self._folder.journal, offset=0) if isinstance(event, StateChanged)]
        if changes and changes[-1].state in ENDED:
            return True
        stamp = read_stamp(self._folder.worker_stamp)
        # On a cluster the worker is a process of another machine, of which only its heartbeat tells.
        if (stamp is not None and is_alive(stamp)) or self._beats():
            self._seen_at_work = self._monotonic()
        # A dispatcher starts the next worker, and then an exporter too.
        return self._monotonic() - self._seen_at_work > SECONDS_WITHOUT_WORKER

    def _beats(self) -> bool:
        """Whether the heart has beaten since the last look."""
        try:
            beat = self._folder.heartbeat.read_bytes()
        except OSError:
            return False
        before, self._beat = self._beat, beat
        return beat != before


class Watch:
    """Ends this process if a step takes too long: what hangs must neither stay for ever nor be waited for."""

    def __init__(self, seconds: float, on_hang: Callable[[], object]) -> None:
        self._seconds, self._on_hang = seconds, on_hang

    @contextmanager
    def __call__(self) -> Iterator[None]:
        # The second is for who hangs inside C, where no thread of Python's gets its turn.
        faulthandler.dump_traceback_later(self._seconds + 30.0, exit=True)
        timer = threading.Timer(self._seconds, self._end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            faulthandler.cancel_dump_traceback_later()

    def _end(self) -> None:
        try:
            faulthandler.dump_traceback()
            self._on_hang()
        finally:
            os._exit(HUNG)


def serve(
    folder: ExperimentFolder, entry: ExporterEntry, *, rest: Callable[[], bool], note: Callable[[str], object],
    hang_seconds: float = HANG_SECONDS, sleep: Callable[[float], object] = time.sleep,
) -> int:
    """Write until the experiment is at rest and all is written; DONE, or GAVE_UP after some tries at rest."""
    remedy = f"Write what is missing with `python -m distill_core tools {folder.path.name}`."
    hung = f"{entry.title} did not answer for {hang_seconds:g} s and was left alone. {remedy}"
    watch, writing = Watch(hang_seconds, lambda: note(hung)), Writing(folder, entry)
    failures, failures_at_rest = 0, 0
    while True:
        # Asked before the events are read: what was written before the end is then all there.
        over = rest()
        if over and not folder.path.exists():
            return DONE
        if is_held(folder.home.measuring_lock):
            sleep(SECONDS_BETWEEN_LOOKS)
            continue
        try:
            with watch():
                new = writing.step()
                if not new and over:
                    writing.close()
                    return DONE
            failures, failures_at_rest = 0, 0
        except Exception as error:
            log.exception("%s: trouble", entry.name)
            with watch():
                writing.drop()
            failures, failures_at_rest = failures + 1, failures_at_rest + over
            reason = f"{type(error).__name__}: {' '.join(without_password(str(error)).split())[:_LONGEST_REASON]}"
            if failures_at_rest >= MOST_TRIES_AT_REST:
                note(f"Not everything has reached {entry.title} ({reason}). {remedy}")
                return GAVE_UP
            # Once may be chance.
            if failures == 2:
                note(f"Nothing reaches {entry.title} just now ({reason}). The training goes on; it is tried again.")
            sleep(min(_LONGEST_PAUSE_SECONDS, 2.0**failures))
            continue
        if not new:
            sleep(SECONDS_BETWEEN_LOOKS)


def _lock(folder: ExperimentFolder, name: str, rest: Callable[[], bool]) -> IO[str] | None:
    """Wait for a predecessor to leave, which may be about to; None if the experiment comes to rest meanwhile."""
    while (lock := hold(folder.export(name, "lock"))) is None and not rest():
        time.sleep(1.0)
    return lock


def _note(folder: ExperimentFolder, text: str) -> None:
    """Tell whoever looks at the experiment; a reason not to be able to is in the log, and no reason to stop."""
    log.warning("%s", text)
    try:
        with closing(Store(folder.home)) as store:
            store.note(folder.path.name, Noted(at=time.time(), text=text, level="warning"))
    except Exception:
        log.exception("the note could not be written")


def _step_back() -> None:
    """Leave the processor to everybody else: a worker on it is nice too, though less."""
    os.nice(NICENESS)
    if sys.platform == "linux":
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def main(arguments: list[str]) -> int:
    """DONE, GAVE_UP, HUNG; 1 for what cannot even begin."""
    _step_back()
    folder, name = ExperimentFolder(Path(arguments[0]).resolve()), arguments[1]
    hang_seconds = float(arguments[2]) if len(arguments) > 2 else HANG_SECONDS
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    rest = Rest(folder)
    try:
        entry = REGISTRY[name]
        lock = _lock(folder, name, rest)
    except LabError as error:
        print(error.sentence, file=sys.stderr)
        return 1
    if lock is None:
        return DONE
    with lock:
        return serve(folder, entry, rest=rest, note=lambda text: _note(folder, text), hang_seconds=hang_seconds)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
