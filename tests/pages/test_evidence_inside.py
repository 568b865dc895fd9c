"""The panels on robustness and on the inside of networks: the offer, the progress, what was found, what cannot be."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from distill_core.event_log import EventLog
from distill_core.events import StepChanged
from distill_core.examined import Attention
from distill_core.folders import Home, read_json, write_json
from distill_core.signature import Task
from distill_core.store.store import Store
from pages.ui import session
from pages.ui.recent import Recent
from tests.examined_samples import write_examination
from tests.fixtures import build_finished_experiment, preset_spec
from tests.pages.test_detail import boxes
from tests.task_samples import build_task_experiment

PAGE = "evidence/evidence.py"
CHARTS = {"robust": 1, "inside": 2 + 3 + 2 + 1}


def charts(app: AppTest) -> int:
    return len(app.get("plotly_chart"))


@pytest.fixture
def name(home: Home) -> str:
    return build_finished_experiment(home, spec=preset_spec(seeds=2))


@pytest.mark.parametrize("group", CHARTS)
def test_what_was_found_is_shown_with_both_sentences_and_a_link_to_int8(
    open_page, home: Home, name: str, group: str
) -> None:
    write_examination(home, Store(home).experiment(name))
    app = open_page(PAGE, id=name, panel=group)
    assert not app.exception and not app.error
    assert charts(app) == CHARTS[group]
    told = boxes(app)
    assert told.count("Shows:") == told.count("Does not show:") == (1 if group == "robust" else 4)
    assert "Seed 0; examined in 2 s." in told
    assert not [button for button in app.button if button.label == "Examine the networks"]
    if group == "robust":
        assert "The int8 file was made for this comparison alone" in told
    else:
        assert "alone: It has neither a map of at least 4 × 4 places" in told
        assert "In the answers: 0.91." in told
        assert "92.5% of the ten nearest in all dimensions have the same class." in told


def test_the_offer_says_what_it_takes_and_a_press_queues_it(
    open_page, home: Home, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What was seen a moment ago would be shown again.
    monkeypatch.setattr(session, "_watched", Recent(fresh_seconds=0))
    app = open_page(PAGE, id=name, panel="robust", seed="1")
    assert "nothing is trained and no result changes" in boxes(app) and not charts(app)
    app.button(key="examine-robustness").click().run()
    assert not app.exception
    assert read_json(home.experiment(name).request)["examine"] == {"seed": 1}
    store = Store(home)
    assert store.state(name) == "queued"
    assert not [button for button in app.button if button.label == "Examine the networks"]
    for state in ("starting", "running"):
        store.transition(name, expected={"queued", "starting"}, to=state, at=1.0)  # type: ignore[arg-type]
    log = EventLog(home.experiment(name).events)
    log(StepChanged(at=2.0, step="examination", title="Inside the networks", state="running", done=12, total=67))
    log.close()
    store.ingest(name)
    app = open_page(PAGE, id=name, panel="robust", seed="1")
    bars = [element.proto for element in app.get("progress")]
    assert [(bar.text, bar.value) for bar in bars] == [("Examining the networks: 12 of 67 looks", 17)]
    store.transition(name, expected={"running"}, to="failed", at=3.0, reason="The disk was full.")
    app = open_page(PAGE, id=name, panel="robust", seed="1")
    assert "The examination failed: The disk was full." in boxes(app)
    assert app.button(key="examine-robustness").disabled is False


def test_networks_trained_further_are_said_to_be_of_before(open_page, home: Home, name: str) -> None:
    write_examination(home, Store(home).experiment(name))
    place = home.experiment(name).examination(0, Attention.part)
    held = read_json(place)
    held["networks"][1]["stopped_epoch"] += 1
    write_json(place, held)
    app = open_page(PAGE, id=name, panel="inside")
    assert boxes(app).count("were trained further since they were examined") == 1
    assert app.button(key="examine-attention").disabled is False


@pytest.mark.parametrize(("task", "panels"), [("tagging", 2), ("regression", 3)])
def test_other_tasks_have_the_panels_that_make_sense(open_page, home: Home, task: Task, panels: int) -> None:
    name = build_task_experiment(home, task)
    app = open_page(PAGE, id=name, panel="inside")
    assert not app.exception and not app.error
    assert boxes(app).count("Does not show:") == panels
