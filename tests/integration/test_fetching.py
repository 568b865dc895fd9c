"""Public data on a slow line: who asks is told how far they are, and an experiment starts all the same."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from distill_core.datasets.digits import ENTRY as DIGITS
from distill_core.datasets.samples import Samples
from distill_core.entries import DatasetEntry, Registry, Tell
from distill_core.errors import DataError, SpecError
from distill_core.folders import Home
from distill_core.jobs.fetching import Fetching
from distill_core.jobs.preview_answers import PreviewAnswers
from distill_core.spec import Choice, parse_spec
from distill_core.training.preparation import installed_catalogue

PUBLIC = Choice(name="public-digits")


class Line:
    """A public data set whose download goes on when it is let, and fails when it is told to."""

    def __init__(self) -> None:
        self.open, self.told, self.broken, self.begun = threading.Event(), threading.Event(), False, 0

    def load(self, params: Any, cache: Path, tell: Tell) -> Samples:
        self.begun += 1
        tell("Public digits: 3 of 9 MiB (33%)")
        self.told.set()
        assert self.open.wait(30)
        if self.broken:
            raise DataError("Public digits are not on this machine and could not be fetched.")
        return DIGITS.load(DIGITS.params(), cache)

    def entry(self) -> DatasetEntry:
        return replace(
            DIGITS, name=PUBLIC.name, title="Public digits", load=self.load, traits=DIGITS.traits | {"download"}
        )


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.open.set()


@pytest.fixture
def fetching(line: Line, tmp_path: Path) -> Fetching:
    catalogue = replace(installed_catalogue(), datasets=Registry("dataset", [DIGITS, line.entry()]))
    return Fetching(Home(tmp_path), catalogue)


def test_who_asks_is_told_how_far_it_is_and_one_download_serves_all(fetching: Fetching, line: Line) -> None:
    with pytest.raises(DataError, match="still being fetched"):
        fetching.wait_for(PUBLIC, seconds=0.0)
    assert line.told.wait(30)
    for _ in range(3):
        with pytest.raises(DataError, match=r"Public digits is still being fetched \(Public digits: 3 of 9 MiB"):
            fetching.wait_for(PUBLIC, seconds=0.05)
    assert line.begun == 1
    line.open.set()
    for thread in threading.enumerate():
        if thread.name.startswith("fetch "):
            thread.join(30)
    fetching.wait_for(PUBLIC)
    assert (fetching.still(PUBLIC), line.begun) == ("", 1)


def test_a_failed_download_is_told_once_and_begun_anew(fetching: Fetching, line: Line) -> None:
    line.broken = True
    line.open.set()
    with pytest.raises(DataError, match="could not be fetched"):
        while fetching.still(PUBLIC):
            pass
    line.broken = False
    while fetching.still(PUBLIC):
        pass
    assert line.begun == 2


@pytest.mark.parametrize("name", ["digits", "no-such-data"])
def test_what_needs_no_download_is_not_waited_for(fetching: Fetching, line: Line, name: str) -> None:
    fetching.wait_for(Choice(name=name))
    assert line.begun == 0


def test_only_the_check_before_a_start_lets_it_pass(
    spec_data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = PreviewAnswers(Home(tmp_path))
    monkeypatch.setattr(Fetching, "still", lambda *_, **__: "It is still being fetched.")
    asked = {"spec": spec_data, "generator": {"name": "masking"}}
    for question in (answers.profile, answers.variants):
        with pytest.raises(DataError, match="still being fetched"):
            question(asked, lambda: False)
    network = {"name": "tiny-cnn"}
    with pytest.raises(DataError, match="still being fetched"):
        answers.layers({"dataset": {"name": "digits"}, "teacher": network, "student": network}, lambda: False)
    assert answers.check(asked, lambda: False) == {"spec": parse_spec(spec_data).to_json()}
    monkeypatch.undo()
    spec_data["student_training"]["batch_size"] = 5000
    with pytest.raises(SpecError):
        answers.check(asked, lambda: False)
