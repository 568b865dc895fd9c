"""Whatever another tool does, the experiment succeeds in its time, somebody is told, and no process stays."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from distill_core.entries import ExporterEntry
from distill_core.executors.local import LocalExecutor
from distill_core.folders import ExperimentFolder, Home
from distill_core.jobs.dispatcher import Dispatcher
from distill_core.jobs.exporters import Exporters
from distill_core.processes import is_held
from distill_core.store.store import Store
from distill_core.store.transitions import ENDED
from tests.faults.fake_exporting import entry
from tests.store_samples import small_spec

pytestmark = pytest.mark.faults
FAKE_WORKER = (sys.executable, str(Path(__file__).with_name("fake_worker.py")))
FAKE_EXPORTING = (sys.executable, str(Path(__file__).with_name("fake_exporting.py")))


class Bench:
    """A dispatcher turned by hand, with fake workers and bad tools beside them."""

    def __init__(self, home: Home, tools: Callable[[], list[ExporterEntry]]) -> None:
        self.home, self.store = home, Store(home)
        self.exporters = Exporters(command=FAKE_EXPORTING, tools=tools)
        self.executor = LocalExecutor(command=FAKE_WORKER)
        self.dispatcher = Dispatcher(home, self.store, self.executor, exporters=self.exporters)

    def launch(self, behaviour: str = "succeeds") -> ExperimentFolder:
        name = self.store.create(small_spec(behaviour), experiment_id=behaviour, created_at=time.time())
        return self.home.experiment(name)

    def turn_until(self, done: Callable[[], bool], *, seconds: float = 200) -> None:
        until = time.monotonic() + seconds
        self.dispatcher.tick()
        while not done():
            assert time.monotonic() < until, "waited in vain"
            time.sleep(0.02)
            self.dispatcher.tick()

    def end_of(self, folder: ExperimentFolder) -> str:
        self.turn_until(lambda: self.store.state(folder.path.name) in ENDED)
        return self.store.state(folder.path.name)

    def writers(self) -> list[psutil.Process]:
        """Living processes that write for an experiment of this home, whoever started them."""
        place, found = str(self.home.path), []
        for process in psutil.process_iter(["cmdline", "status"]):
            words = process.info["cmdline"] or []
            if FAKE_EXPORTING[1] in words and any(word.startswith(place) for word in words):
                found += [process] if process.info["status"] != psutil.STATUS_ZOMBIE else []
        return found


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[Callable[[Callable[[], list[ExporterEntry]]], Bench]]:
    benches: list[Bench] = []

    def make(tools: Callable[[], list[ExporterEntry]]) -> Bench:
        benches.append(Bench(Home(tmp_path), tools))
        return benches[-1]

    yield make
    for bench in benches:
        for process in bench.writers():
            process.kill()
        for folder in bench.home.experiments.glob("*"):
            bench.executor.end(ExperimentFolder(folder), force=True)


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        ("raises", "Not everything has reached A tool that raises (RuntimeError: this tool is broken)."),
        ("fills-the-disk", "(OSError: [Errno 28] No space left on device)."),
        ("hangs", "A tool that hangs did not answer for 5 s and was left alone."),
        ("dies", ""),
    ],
)
def test_the_experiment_succeeds_all_the_same(
    make_bench, behaviour: str, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    bench = make_bench(lambda: [entry(behaviour)])
    folder = bench.launch()
    assert bench.end_of(folder) == "succeeded"
    assert behaviour != "hangs" or bench.writers(), "nobody waits for the tool"
    # A process that ends has no command line any more while its files are still being closed.
    bench.turn_until(lambda: not bench.writers() and not is_held(folder.export(behaviour, "lock")))
    view = bench.store.experiment(folder.path.name)
    assert view.row.state == "succeeded" and view.runs[0].accuracy == 0.9
    texts = [note.text for note in view.notes]
    if told:
        assert any(told in text for text in texts), texts
        assert any("python -m distill_core tools" in text for text in texts)
    else:
        # Who is killed can tell nothing; the dispatcher does, when it next starts or follows an experiment.
        bench.end_of(bench.launch("another"))
        assert texts == [] and "its writer ended with code -9" in caplog.text


def test_tools_do_not_wait_for_each_other(make_bench) -> None:
    bench = make_bench(lambda: [entry("hangs"), entry("behaves"), entry("dies")])
    folder = bench.launch()
    assert bench.end_of(folder) == "succeeded"
    bench.turn_until(lambda: not bench.writers())
    assert folder.export("behaves", "json").exists()
    assert not folder.export("hangs", "json").exists()


def test_a_writer_leaves_everybody_else_the_processor_and_ends_with_its_experiment(make_bench) -> None:
    bench = make_bench(lambda: [entry("behaves")])
    folder = bench.launch("works-until-told")
    bench.turn_until(lambda: folder.export("behaves", "json").exists())
    (writer,) = bench.writers()
    assert writer.nice() == 19 and os.getsid(writer.pid) == writer.pid, "in a session of its own"
    if hasattr(os, "SCHED_IDLE"):
        assert os.sched_getscheduler(writer.pid) == os.SCHED_IDLE
    (folder.path / "go-on").touch()
    assert bench.end_of(folder) == "succeeded"
    bench.turn_until(lambda: not bench.writers())


def test_a_worker_that_begins_anew_gets_a_writer_again(make_bench) -> None:
    bench = make_bench(lambda: [entry("behaves")])
    folder = bench.launch("fails")
    assert bench.end_of(folder) == "failed"
    bench.turn_until(lambda: not bench.writers())
    written = folder.export("behaves", "json").read_text()
    bench.store.transition("fails", expected={"failed"}, to="queued", at=time.time(), attempt=0)
    assert bench.end_of(folder) == "failed"
    bench.turn_until(lambda: not bench.writers())
    assert folder.export("behaves", "json").read_text() != written


def test_tools_that_cannot_even_be_listed_or_started_harm_nobody(make_bench, tmp_path: Path) -> None:
    def broken() -> list[ExporterEntry]:
        raise ImportError("a plug-in that is not well")

    bench = make_bench(broken)
    assert bench.end_of(bench.launch()) == "succeeded"
    bench.exporters._tools, bench.exporters._command = lambda: [entry("behaves")], (str(tmp_path / "no such program"),)
    assert bench.end_of(bench.launch("waits-not")) == "succeeded"
