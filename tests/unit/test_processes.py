"""A process is known by more than its pid, and locks die with their holder."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from distill_core.processes import hold, identity_of, is_alive, is_held, read_stamp, write_stamp

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
HOLDER = (
    "import sys, time; from pathlib import Path; from distill_core.processes import hold;"
    "lock = hold(Path(sys.argv[1])); print('held' if lock else 'refused', flush=True); time.sleep(60)"
)


def test_a_stamp_names_this_process_and_no_other(tmp_path: Path) -> None:
    stamp = write_stamp(tmp_path / "worker.json", attempt=2, events_offset=17)
    assert read_stamp(tmp_path / "worker.json") == stamp
    assert is_alive(stamp) and (stamp.attempt, stamp.events_offset) == (2, 17)
    assert not is_alive(dataclasses.replace(stamp, identity="an earlier process with this pid"))


def test_a_process_that_ended_is_gone_even_before_it_is_reaped() -> None:
    process = subprocess.Popen(SLEEPER, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"up\n"
    name = identity_of(process.pid)
    assert name is not None and name == identity_of(process.pid)
    process.send_signal(signal.SIGKILL)
    # Wait without reaping: it stays as a zombie.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert identity_of(process.pid) is None
    process.wait()
    assert identity_of(process.pid) is None
    process.stdout.close()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 3}'])
def test_a_damaged_stamp_is_no_stamp(tmp_path: Path, content: str) -> None:
    (tmp_path / "worker.json").write_text(content)
    assert read_stamp(tmp_path / "worker.json") is None


def test_a_lock_is_held_until_its_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "some.lock"
    assert not is_held(path)
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"held\n"
    assert is_held(path) and hold(path) is None
    process.kill()
    process.wait()
    process.stdout.close()
    until = time.monotonic() + 5
    while is_held(path) and time.monotonic() < until:
        time.sleep(0.01)
    mine = hold(path)
    assert mine is not None
    mine.close()
