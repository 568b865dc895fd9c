"""The loop that writes into another tool: it goes on after trouble, gives up at rest, and never repeats itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from distill_core.entries import ExporterEntry, Params
from distill_core.exporters.story import Curves, Record
from distill_core.folders import ExperimentFolder, Home, read_json, write_json
from distill_core.jobs import exporting
from distill_core.jobs.exporting import DONE, GAVE_UP, MOST_TRIES_AT_REST, SECONDS_WITHOUT_WORKER, Rest, serve
from distill_core.processes import write_stamp
from distill_core.store.store import Store
from tests.store_samples import declared, epoch, finished, small_spec, write_events


@dataclass
class Tool:
    """Keeps the steps that it was told, and fails as often as it is asked to."""

    kept: list[int] = field(default_factory=list)
    positions: list[Mapping[str, int]] = field(default_factory=list)
    failures: int = 0
    closed: int = 0

    def entry(self) -> ExporterEntry:
        return ExporterEntry(
            name="tool", title="A tool", summary="One.", source="here", params=Params, build=self.build,
            why_off=lambda: None, look=str,
        )

    def build(self, params: Params, folder: ExperimentFolder, position: Mapping[str, int]) -> ToolWriter:
        self.positions.append(position)
        return ToolWriter(self)


class ToolWriter:
    def __init__(self, tool: Tool) -> None:
        self.tool, self.waiting = tool, list[int]()

    def write(self, record: Record) -> None:
        if isinstance(record, Curves):
            self.waiting.append(record.step)

    def flush(self) -> Mapping[str, int]:
        if self.tool.failures:
            self.tool.failures -= 1
            raise ConnectionError("nobody\nanswers at http://me:secret@host/api")
        self.tool.kept += self.waiting
        self.waiting.clear()
        return {"kept": len(self.tool.kept)}

    def close(self) -> None:
        self.tool.closed += 1


@pytest.fixture
def folder(tmp_path: Path) -> ExperimentFolder:
    store = Store(Home(tmp_path))
    made = store.home.experiment(store.create(small_spec(), experiment_id="e1", created_at=1.0))
    write_events(store.home, "e1", declared("r"), epoch("r", 1), epoch("r", 2))
    return made


@dataclass
class Served:
    code: int
    notes: list[str]
    slept: list[float]


def served(
    folder: ExperimentFolder, tool: Tool, *, rest: Callable[[], bool] = lambda: True,
    on_sleep: Callable[[], object] = lambda: None,
) -> Served:
    notes, slept = list[str](), list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        assert len(slept) < 50, "it never ends"
        on_sleep()

    return Served(serve(folder, tool.entry(), rest=rest, note=notes.append, sleep=sleep), notes, slept)


def test_it_follows_until_rest_and_writes_what_came_last(folder: ExperimentFolder) -> None:
    tool, over = Tool(), list[bool]()

    def more() -> None:
        write_events(folder.home, "e1", epoch("r", 3), finished("r"))
        over.append(True)

    done = served(folder, tool, rest=lambda: bool(over), on_sleep=more)
    assert (done.code, tool.kept, tool.closed, done.notes) == (DONE, [1, 2, 3], 1, [])
    state = read_json(folder.export("tool", "json"))
    assert state == {"offset": folder.events.stat().st_size, "position": {"kept": 3}}


def test_after_trouble_a_new_exporter_goes_on_from_the_last_flush(folder: ExperimentFolder) -> None:
    tool = Tool()
    served(folder, tool)
    write_events(folder.home, "e1", epoch("r", 3))
    tool.failures = 1
    done = served(folder, tool)
    assert tool.kept == [1, 2, 3] and tool.positions == [{}, {"kept": 2}, {"kept": 2}]
    assert done.code == DONE and done.notes == [], "once may be chance"


def test_trouble_that_stays_is_told_once_and_ends_some_time_after_the_rest(folder: ExperimentFolder) -> None:
    tool, asked = Tool(failures=1000), list[int]()

    def rest() -> bool:
        asked.append(1)
        return len(asked) > 10

    done = served(folder, tool, rest=rest)
    assert done.code == GAVE_UP and tool.kept == []
    assert len(asked) == 10 + MOST_TRIES_AT_REST and tool.closed == len(asked)
    reason = "(ConnectionError: nobody answers at http://host/api)"
    assert len(done.notes) == 2 and all(reason in note for note in done.notes)
    assert "training goes on" in done.notes[0] and "`python -m distill_core tools e1`" in done.notes[1]
    assert max(done.slept) == 60.0 and done.slept[:3] == [2.0, 4.0, 8.0]
    tool.failures = 0
    assert served(folder, tool).code == DONE and tool.kept == [1, 2]


def test_other_events_than_before_are_written_from_the_start(folder: ExperimentFolder) -> None:
    tool = Tool()
    served(folder, tool)
    folder.events.unlink()
    write_events(folder.home, "e1", declared("r"), epoch("r", 1))
    served(folder, tool)
    assert tool.positions[-1] == {} and tool.kept == [1, 2, 1]


@pytest.mark.parametrize("damage", ["", "[]", '{"offset": "x"}', '{"offset": 5, "position": []}'])
def test_a_damaged_note_of_how_far_it_came_begins_anew(folder: ExperimentFolder, damage: str) -> None:
    tool = Tool()
    served(folder, tool)
    folder.export("tool", "json").write_text(damage)
    assert served(folder, tool).code == DONE
    assert tool.positions == [{}, {}]


def test_nothing_is_written_while_latency_is_measured(
    folder: ExperimentFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool, looks = Tool(), list[Path]()

    def held(path: Path) -> bool:
        looks.append(path)
        assert len(looks) > 4 or tool.kept == []
        return len(looks) < 4

    monkeypatch.setattr(exporting, "is_held", held)
    done = served(folder, tool)
    assert looks[0] == folder.home.measuring_lock and len(done.slept) == 3 and tool.kept == [1, 2]


def test_an_experiment_that_is_gone_ends_it(folder: ExperimentFolder) -> None:
    folder.path.rename(folder.path.with_name("elsewhere"))
    tool = Tool()
    assert served(folder, tool, rest=Rest(folder)).code == DONE and tool.positions == []


def test_rest_is_the_end_or_nobody_at_work_for_a_while(folder: ExperimentFolder) -> None:
    now = [0.0]
    rest = Rest(folder, monotonic=lambda: now[0])
    assert not rest()
    write_stamp(folder.worker_stamp, attempt=1, events_offset=0)
    now[0] = 2 * SECONDS_WITHOUT_WORKER
    assert not rest(), "its worker, which is this process, is alive"
    folder.worker_stamp.unlink()
    assert not rest(), "a dispatcher may start another"
    now[0] += SECONDS_WITHOUT_WORKER + 1
    assert rest()
    write_stamp(folder.worker_stamp, attempt=1, events_offset=0)
    assert not rest()
    Store(folder.home).transition("e1", expected={"queued"}, to="cancelled", at=2.0)
    assert rest()


def test_a_worker_on_another_machine_is_at_work_while_its_heart_beats(folder: ExperimentFolder) -> None:
    now = [0.0]
    rest = Rest(folder, monotonic=lambda: now[0])
    for beat in range(3):
        write_json(folder.heartbeat, {"token": "t", "beat": beat})
        now[0] += SECONDS_WITHOUT_WORKER + 1
        assert not rest()
    now[0] += SECONDS_WITHOUT_WORKER + 1
    assert rest(), "it is silent"


def test_a_note_is_seen_on_the_page_and_changes_nothing_else(folder: ExperimentFolder) -> None:
    exporting._note(folder, "A tool is away.")
    view = Store(folder.home).experiment("e1")
    assert [note.text for note in view.notes] == ["A tool is away."] and view.row.state == "queued"
