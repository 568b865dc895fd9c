"""The processor belongs to one process of a home at a time, so that no training disturbs a measurement."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from distill_core.processes import is_held, lock_held

HOLDER = (
    "import sys; from pathlib import Path; from distill_core.processes import lock_held\n"
    "with lock_held(Path(sys.argv[1]), wait=False) as held:\n"
    "    print(held, flush=True); input()\n"
    "print('let go', flush=True); input()"
)


class Other:
    """Another process that asks for the lock."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.has_it = self.line() == "True"

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def let_go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert self.line() == "let go"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "processor.lock"


@pytest.fixture
def other(path: Path) -> Iterator[Other]:
    other = Other(path)
    yield other
    other.process.kill()
    other.process.communicate()


def test_who_asks_while_another_has_it_goes_without(path: Path, other: Other) -> None:
    assert other.has_it
    with lock_held(path, wait=False) as held:
        assert not held
    other.let_go()
    with lock_held(path, wait=False) as held:
        assert held


def test_who_waits_gets_it_and_is_told_once_that_it_waits(path: Path, other: Other) -> None:
    waits: list[str] = []
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            other.let_go()

    with lock_held(path, on_wait=lambda: waits.append("waits"), sleep=nap) as held:
        assert held
    assert waits == ["waits"] and len(naps) == 3


def test_a_stop_ends_the_wait(path: Path, other: Other) -> None:
    stops = iter([False, False, True])
    with lock_held(path, should_stop=lambda: next(stops), sleep=lambda seconds: None) as held:
        assert not held
    assert is_held(path), "the other keeps it"


def test_who_has_it_gets_it_again_and_keeps_it_to_the_end(path: Path) -> None:
    with lock_held(path) as outer:
        with lock_held(path, on_wait=lambda: pytest.fail("waits for itself")) as inner:
            assert outer and inner
        rival = Other(path)
        assert not rival.has_it, "the inner end must not let go"
        rival.process.communicate("\n\n")
    late = Other(path)
    assert late.has_it
    late.process.communicate("\n\n")


def test_it_is_let_go_by_an_error_too(path: Path) -> None:
    with pytest.raises(ValueError, match="trouble"), lock_held(path):
        raise ValueError("trouble")
    late = Other(path)
    assert late.has_it
    late.process.communicate("\n\n")
