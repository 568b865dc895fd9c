"""One experiment's page: verdict, runs, reuse, stop and resume, export, and addresses that lead nowhere."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from distill_core.events import RunChanged
from distill_core.folders import Home
from distill_core.store.store import Store
from tests.fixtures import build_finished_experiment, build_running_experiment, create_experiment, preset_spec

PAGE = "experiments/detail.py"
TABS = ("Runs", "Trade-off", "Per class", "Confusion", "ONNX and latency", "Log and settings")


def boxes(app: AppTest) -> str:
    parts = [*app.success, *app.warning, *app.error, *app.info, *app.caption, *app.markdown]
    return "\n".join(f"{getattr(part, 'value', '')} {getattr(part.proto, 'title', '')}" for part in parts).replace("\\",
        "")


def curves_of(app: AppTest) -> list:
    return [element for element in app.get("bidi_component") if "curves" in element.proto.component_name]


def test_a_finished_experiment_tells_its_verdict_with_the_student_alone(open_page, home: Home) -> None:
    identity = build_finished_experiment(home)
    app = open_page(PAGE, id=identity)
    assert not app.exception
    told = boxes(app)
    assert "distilled T=8: distillation helped" in told
    assert re.search(r"distilled T=8 9\d\.\d%, alone 9\d\.\d%", told) and "95% CI" in told and "5 seeds" in told
    assert "Control without a teacher: alone, label smoothing" in told
    assert "the teacher from 1,157 labelled images" in told
    assert len(curves_of(app)) == 1


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_opens_from_its_address(open_page, home: Home, tab: str) -> None:
    identity = build_finished_experiment(home, spec=preset_spec(seeds=2))
    app = open_page(PAGE, id=identity, tab=tab)
    assert not app.exception
    assert not app.error


def test_the_table_of_runs_has_every_figure(open_page, home: Home) -> None:
    identity = build_finished_experiment(home, spec=preset_spec(seeds=2))
    app = open_page(PAGE, id=identity)
    frame = app.dataframe[0].value
    assert len(frame) == 9
    expected = {
        "role", "name", "seed", "state", "accuracy", "nll", "ece", "agreement", "parameters", "macs", "file_bytes",
        "p50",
        "p95", "best_epoch", "stop_rule",
    }
    assert expected <= set(frame.columns)
    assert frame["accuracy"].between(80, 100).all()


def test_latency_stands_with_its_conditions_and_after_parity(open_page, home: Home) -> None:
    identity = build_finished_experiment(home, spec=preset_spec(seeds=2))
    app = open_page(PAGE, id=identity, tab="ONNX and latency")
    parity, latency = (table.value for table in app.dataframe[:2])
    assert list(parity["same"].unique()) == ["640 of 640"]
    assert {"batch", "threads", "provider", "p50", "p95", "p99", "machine"} <= set(latency.columns)


def test_conditions_and_mistakes_come_from_the_address(open_page, home: Home) -> None:
    identity = build_finished_experiment(home, spec=preset_spec(seeds=2))
    app = open_page(PAGE, id=identity, tab="Trade-off", measured="batch 32, 1 thread")
    assert app.selectbox(key="measured").value == "batch 32, 1 thread"
    app = open_page(PAGE, id=identity, tab="Confusion", mistakes="distilled T=8", **{"mistakes-seed": "seed 1"})
    assert not app.exception
    assert app.selectbox(key="mistakes").value[2] == "distilled T=8"
    assert app.selectbox(key="mistakes-seed").value == "seed 1"
    app.selectbox(key="mistakes-seed").select("all seeds").run()
    assert not app.exception
    assert "Numbers: percent of the row." in boxes(app), "the caption stands below the chart"


def test_a_running_experiment_shows_progress_and_no_verdict(open_page, home: Home) -> None:
    worker = build_running_experiment(home)
    app = open_page(PAGE, id=worker.experiment_id)
    assert not app.exception
    assert not app.success
    assert app.button(key="stop").label == "Stop"
    assert {metric.label for metric in app.metric} == {"Elapsed", "Time left", "Runs done"}
    assert app.metric[2].value == "1 of 21"


def test_stop_asks_the_worker_and_resume_queues_again(open_page, home: Home) -> None:
    worker = build_running_experiment(home)
    app = open_page(PAGE, id=worker.experiment_id)
    app.button(key="stop").click().run()
    assert not app.exception
    assert Store(home).state(worker.experiment_id) == "stopping"
    assert home.experiment(worker.experiment_id).stop_request.exists()
    worker.end("cancelled", "Stopped; what was trained so far is kept and can be resumed.")
    app.run()
    assert "can be resumed" in boxes(app)
    app.button(key="resume").click().run()
    assert Store(home).state(worker.experiment_id) == "queued"


def test_reused_runs_are_named_with_their_source(open_page, home: Home) -> None:
    source = build_finished_experiment(home, spec=preset_spec(seeds=2), created_at=1_790_000_000)
    worker = create_experiment(home, spec=preset_spec(seeds=2, name="again"), created_at=1_790_100_000)
    worker.begin()
    for run in worker.runs[:4]:
        worker.emit(RunChanged(at=worker.at, run_id=run.run_id, state="reused", reused_from=source))
    worker.ingest()
    app = open_page(PAGE, id=worker.experiment_id)
    assert not app.exception
    assert f"4 of 9 runs are reused from {source}" in boxes(app)


def test_a_run_that_is_not_exported_can_be_asked_for(open_page, home: Home) -> None:
    identity = build_finished_experiment(home, spec=preset_spec(seeds=2))
    app = open_page(PAGE, id=identity)
    chooser = app.selectbox(key="export-run")
    missing = next(option for option in chooser.options if "not exported" in option)
    chooser.select(missing).run()
    button = next(button for button in app.button if button.label == "Export this run")
    button.click().run()
    assert not app.exception
    assert Store(home).state(identity) == "queued"
    assert home.experiment(identity).request.exists()


@pytest.mark.parametrize("identity", ["nothing-here", "../../etc/passwd", "<b>x</b>", "a" * 500])
def test_an_unknown_experiment_is_one_sentence(open_page, identity: str) -> None:
    app = open_page(PAGE, id=identity)
    assert not app.exception
    assert len(app.warning) == 1
    assert "Traceback" not in boxes(app)


def test_no_id_offers_the_list(open_page) -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert app.get("page_link")
