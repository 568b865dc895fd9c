"""The latency lab's page: empty states, a measurement's way, results from the address, machines side by side."""

from __future__ import annotations

import subprocess
import time

import pytest
from streamlit.testing.v1 import AppTest

from distill_core import measurements
from distill_core.deployment.latency_report import LatencyReport
from distill_core.folders import Home, write_json
from distill_core.jobs.latency_record import LatencyFiles, read_record, write_record
from distill_core.measurements import Measurements
from distill_core.rows import RunRow
from distill_core.store.store import Store
from tests.fixtures import build_finished_experiment, preset_spec
from tests.latency_samples import exported_experiment, graph_of, report_bytes, report_of

PAGE = "latency/lab.py"


@pytest.fixture
def runs(home: Home) -> list[RunRow]:
    return exported_experiment(home)


@pytest.fixture
def shelf(home: Home) -> Measurements:
    return Measurements(home, lambda: Store(home))


@pytest.fixture
def at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process measures: it has not stamped yet."""
    monkeypatch.setattr(measurements, "start_measuring", lambda files, now: subprocess.Popen(["true"]))


def told(app: AppTest) -> str:
    parts = [*app.info, *app.warning, *app.error, *app.caption, *app.markdown]
    return " ".join(part.value for part in parts).replace("\\", "").replace("\u2060", "")


def test_without_an_exported_model_it_offers_the_demo(open_page, home: Home) -> None:
    app = open_page(PAGE)
    assert not app.exception and "no exported model to measure yet" in told(app)
    build_finished_experiment(home, spec=preset_spec(seeds=1))
    assert "no exported model to measure yet" in told(open_page(PAGE)), "its files are not on this disk"


def test_exported_models_are_offered_and_measured(
    open_page, home: Home, runs: list[RunRow], shelf: Measurements, at_rest: None
) -> None:
    app = open_page(PAGE)
    assert not app.exception and "Nothing is measured yet" in told(app)
    chooser = app.multiselect(key="models-one")
    assert [value.partition(".")[2] for value in chooser.value] == [run.run_id for run in runs]
    assert app.query_params["id"] == "one"
    chooser.set_value(chooser.value[:2])
    app.button(key="measure").click().run()
    assert not app.exception and app.button(key="stop-measuring")
    active = shelf.active()
    assert active is not None and [run.run_id for run in active.runs] == [run.run_id for run in runs[:2]]
    assert active.conditions is not None and active.conditions.batches == (1, 32)
    # It ends: the page shows its result, and the address names it.
    files = LatencyFiles(home, active.id)
    report = LatencyReport.model_validate(report_of([graph_of(home, run) for run in runs[:2]], batches=(1, 32)))
    write_record(files, read_record(files).model_copy(update={"state": "ready", "report": report}))
    app.run()
    assert not app.exception and app.query_params["result"] == active.id
    assert "is 2.0 times as fast as teacher" in told(app)
    assert len(app.dataframe[0].value) == 4


def test_what_it_waits_for_is_told_before_and_while(
    open_page, home: Home, runs: list[RunRow], shelf: Measurements, monkeypatch: pytest.MonkeyPatch, at_rest: None
) -> None:
    sentence = "Experiment “x” (y) is at work on this processor; measuring begins at its end."
    monkeypatch.setattr(Measurements, "obstacle", lambda self, provider: sentence)
    app = open_page(PAGE)
    assert sentence in told(app) and not app.error
    app.button(key="measure").click().run()
    active = shelf.active()
    assert not app.exception and not app.error and active is not None
    write_json(home.measurements / f"{active.id}.progress", {"done": 0, "total": 0, "what": sentence, "waits": True})
    app.run()
    shown = app.get("progress")[0].proto.text
    assert shown.replace("\\", "").startswith(sentence) and "Measuring:" not in shown


def test_machines_share_the_charts_by_their_address(
    open_page, home: Home, runs: list[RunRow], shelf: Measurements
) -> None:
    graphs = [graph_of(home, run) for run in runs[:2]]
    ids = [
        shelf.take_in(report_bytes(report_of(graphs, machine=machine, seconds=seconds, batches=(1, 8))), ["one"])
        for machine, seconds in (("server", 0.001), ("my **phone**", 0.02))
    ]
    app = open_page(PAGE, result=ids, at="batch 8, 1 thread")
    assert not app.exception and not app.warning
    assert app.multiselect(key="result").value == ids and app.query_params["id"] == "one"
    assert set(app.dataframe[0].value["machine"]) == {"server", "my **phone**"}
    assert "teacher takes 20 times as long on my **phone** as on server (p50 240 ms against 12 ms)" in told(app)
    assert "my **phone**" not in " ".join(part.value for part in app.info), "escaped"


def test_a_smaller_model_that_is_slower_is_a_warning(open_page, home: Home, runs: list[RunRow], shelf) -> None:
    slow = report_of([graph_of(home, run) for run in (runs[1], runs[0])])
    app = open_page(PAGE, result=shelf.take_in(report_bytes(slow), ["one"]))
    assert "is smaller than teacher, yet takes 2.0 times as long here" in told(app) and len(app.warning) == 1


def test_uploads_are_taken_in_or_told(open_page, home: Home, runs: list[RunRow], shelf: Measurements) -> None:
    good = report_bytes(report_of([graph_of(home, runs[0])], machine="my Pi"))
    app = open_page(PAGE)
    app.file_uploader[0].set_value([("pi.json", good, "application/json"), ("x.json", b"{}", "application/json")])
    app.run()
    assert not app.exception
    assert [one.machine for one in shelf.all()] == ["my Pi"] and app.query_params["result"] == shelf.all()[0].id
    assert len(app.error) == 1 and "no latency report" in app.error[0].value


def test_what_is_chosen_keeps_its_name_while_time_passes(
    open_page, home: Home, runs: list[RunRow], shelf: Measurements, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A browser tells choices by their names: one that is called otherwise a minute later would be lost.
    shelf.take_in(report_bytes(report_of([graph_of(home, runs[0])])), ["one"])
    app, now = open_page(PAGE), time.time()
    before = {key: app.multiselect(key=key).options for key in ("id", "result")}
    monkeypatch.setattr(time, "time", lambda: now + 600)
    app.run()
    assert before == {key: app.multiselect(key=key).options for key in ("id", "result")}


def test_without_an_experiment_it_asks_for_one(open_page, home: Home, runs: list[RunRow]) -> None:
    app = open_page(PAGE)
    app.multiselect(key="id").set_value([]).run()
    assert not app.exception and "Choose at least one experiment" in told(app)


def test_deleting_can_be_undone(open_page, home: Home, runs: list[RunRow], shelf: Measurements) -> None:
    result = shelf.take_in(report_bytes(report_of([graph_of(home, runs[0])])), ["one"])
    app = open_page(PAGE, result=result)
    app.button(key=f"delete-{result}").click().run()
    assert not app.exception and shelf.all() == [] and "Nothing is measured yet" in told(app)
    app.button(key="undo-latency-removal").click().run()
    assert not app.exception and [one.id for one in shelf.all()] == [result]


def test_unknown_names_in_the_address_are_left_out_with_a_sentence(
    open_page, home: Home, runs: list[RunRow], shelf: Measurements
) -> None:
    shelf.take_in(report_bytes(report_of([graph_of(home, runs[0])])), ["one"])
    app = open_page(PAGE, id=["nothing", "one"], result="0123456789ab")
    assert not app.exception
    assert "no experiment nothing" in told(app) and "no result 0123456789ab" in told(app)
