"""The Learn section: the list, a lesson before, while and after its experiment runs, its links, its presentation."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from distill_core.folders import Home
from distill_core.jobs.previewing import Previews
from distill_core.lessons import find_lesson, load_lessons
from distill_core.lessons.outcome import Outcome
from distill_core.services import Lab
from distill_core.spec import ExperimentSpec
from distill_core.spec_links import token_of
from distill_core.store.store import Store
from tests.fixtures import FakeWorker, build_finished_experiment, build_running_experiment, create_experiment

PAGE = "learn/lessons.py"
NAMES = [lesson.name for lesson in load_lessons()]


@pytest.fixture(autouse=True)
def unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """No preview process is started for the deep check of a launch."""
    monkeypatch.setattr(Previews, "check", lambda self, spec: None)


def words_of(app: AppTest) -> str:
    parts = [*app.title, *app.header, *app.success, *app.warning, *app.error, *app.info, *app.caption, *app.markdown]
    return "\n".join(f"{getattr(part, 'value', '')} {getattr(part.proto, 'title', '')}" for part in parts).replace(
        "\\", ""
    )


def own_spec(home: Home, name: str) -> ExperimentSpec:
    return Lab(home).lessons.spec(find_lesson(name))


def finished(home: Home, name: str) -> str:
    spec = own_spec(home, name)
    if not spec.compression.chains:
        return build_finished_experiment(home, spec=spec)

    def stairs(worker: FakeWorker) -> None:
        for run in [run for run in worker.runs if run.name == "distilled"]:
            cut = worker.compress(run, "structured-pruning", "33% cut", loss=0.05, shrinks=0.6)
            worker.compress(cut, "static-int8", "int8 static", shrinks=0.4, slows=2.0)

    worker = create_experiment(home, spec=spec)
    worker.complete(then=stairs)
    return worker.experiment_id


def parts_named(app: AppTest, name: str) -> list:
    return [element for element in app.get("bidi_component") if name in element.proto.component_name]


def test_the_list_tells_what_is_ready_and_prepares_the_rest(open_page, home: Home) -> None:
    finished(home, "never-saw-a-3")
    app = open_page(PAGE)
    assert not app.exception
    told = words_of(app)
    assert all(lesson.title in told for lesson in load_lessons())
    assert "**1 of 7 experiments are ready.**" in told and told.count("not started yet") == 6
    app.button(key="prepare").click().run()
    assert not app.exception
    assert Store(home).counts()["queued"] == 6
    assert words_of(app).count("experiment on its way") == 6
    assert not [button for button in app.button if button.key == "prepare"], "nothing is left to prepare"


@pytest.mark.parametrize("name", NAMES)
def test_before_its_experiment_a_lesson_is_whole_and_starts_it(open_page, home: Home, name: str) -> None:
    app = open_page(PAGE, lesson=name)
    assert not app.exception and not app.error
    told = words_of(app)
    lesson = find_lesson(name)
    assert lesson.title in told and lesson.question in told and "has not been run here yet" in told
    assert "This opens once the experiment has run." in told and "run the experiment first" in told
    assert len(app.get("markdown")) and any("\\" in (one.value or "") for one in app.get("latex"))
    app.button(key="start").click().run()
    assert not app.exception
    row = Lab(home).experiments()[0]
    assert (row.state, row.name) == ("queued", own_spec(home, name).name)


def test_while_it_runs_the_curves_are_live(open_page, home: Home) -> None:
    build_running_experiment(home, spec=own_spec(home, "temperature"))
    app = open_page(PAGE, lesson="temperature")
    assert not app.exception
    assert len(parts_named(app, "curves")) == 1
    assert {metric.label for metric in app.metric} >= {"Elapsed", "Runs done"}
    assert "has not been run" not in words_of(app)


@pytest.mark.parametrize("name", NAMES)
def test_afterwards_it_has_figure_control_and_an_answer_behind_a_click(open_page, home: Home, name: str) -> None:
    identity = finished(home, name)
    app = open_page(PAGE, lesson=name)
    assert not app.exception and not app.error
    assert app.get("plotly_chart")
    told = words_of(app)
    lesson = find_lesson(name)
    controls = {
        "lens": lambda: parts_named(app, "lens"), "weights": lambda: [one for one in app.select_slider if one.key],
        "samples": lambda: app.get("button_group"), "seeds": lambda: app.select_slider,
        "staircase": lambda: app.select_slider,
    }
    assert controls[lesson.control]()
    app.button(key="show-answer").click().run()
    assert not app.exception
    lab = Lab(home)
    for sentence in lesson.answer(Outcome(lab.experiment(identity), tuple(lab.verdicts(identity)))):
        assert sentence.replace("\\", "") not in told and sentence.replace("\\", "") in words_of(app)
    assert not [button for button in app.button if button.key == "show-answer"]


def test_the_weight_slider_shows_another_student_and_is_in_the_address(open_page, home: Home) -> None:
    finished(home, "weights")
    app = open_page(PAGE, lesson="weights", weight="25")
    assert app.select_slider(key="weight").value == "25"
    shown = [one.value for one in app.get("latex")]
    assert any("0.75" in (one or "") for one in shown), shown
    first = [metric.value for metric in app.metric]
    app.select_slider(key="weight").set_value("100").run()
    assert not app.exception
    assert app.query_params["weight"] == "100"
    assert [metric.value for metric in app.metric] != first


def test_fewer_seeds_change_what_is_said(open_page, home: Home) -> None:
    finished(home, "no-help")
    app = open_page(PAGE, lesson="no-help", counted="1")
    assert "One seed cannot tell." in words_of(app)
    app.select_slider(key="counted").set_value("5").run()
    assert not app.exception and "One seed cannot tell." not in words_of(app)


def test_a_link_brings_settings_that_run_here_too(open_page, home: Home) -> None:
    spec = own_spec(home, "temperature")
    smaller = spec.model_copy(update={"name": "<b>two</b> seeds", "seeds": (3, 4)})
    app = open_page(PAGE, lesson="temperature", spec=token_of(smaller))
    assert not app.exception
    assert "<b>two</b> seeds" in words_of(app) and "settings of its own" in words_of(app)
    app.button(key="start").click().run()
    assert Lab(home).experiment(Lab(home).experiments()[0].experiment_id).spec.seeds == (3, 4)
    same = open_page(PAGE, lesson="temperature", spec=token_of(spec))
    assert "settings of its own" not in words_of(same), "a copied link of the lesson itself"


@pytest.mark.parametrize(("token", "sentence"), [
    ("nonsense", "cannot be read"), ("A" * 7000, "cannot be read"), ("of another lesson", "This lesson needs"),
    ("unknown data", "There is no dataset"),
])
def test_a_hostile_link_is_a_sentence_and_the_lesson_stays(open_page, home: Home, token: str, sentence: str) -> None:
    spec = own_spec(home, "temperature")
    made = {
        "of another lesson": spec.model_copy(update={"students": spec.students[:2]}),
        "unknown data": spec.model_copy(update={"data": spec.data.model_copy(
            update={"dataset": spec.data.dataset.model_copy(update={"name": "no-such-data"})}
        )}),
    }
    app = open_page(PAGE, lesson="temperature", spec=token_of(made[token]) if token in made else token)
    assert not app.exception
    assert len(app.warning) == 1 and sentence in words_of(app)
    assert find_lesson("temperature").question in words_of(app)


def test_an_unknown_lesson_is_one_sentence(open_page) -> None:
    app = open_page(PAGE, lesson="temprature")
    assert not app.exception
    assert "There is no lesson named 'temprature'; did you mean temperature" in words_of(app)
    assert app.get("page_link"), "a way on"


@pytest.mark.parametrize("name", ["no-help", "staircase"])
def test_every_step_of_a_presentation_is_drawn_without_a_form(open_page, home: Home, name: str) -> None:
    finished(home, name)
    lesson = find_lesson(name)
    titles = []
    for step in range(1, len(lesson.parts) + 8):
        app = open_page(PAGE, lesson=name, present="1", step=str(step))
        assert not app.exception and not app.error
        assert len(parts_named(app, "lectern")) == 1
        assert not app.text_input and not app.button, "chosen controls only"
        titles.append(app.title[0].value)
    assert titles[0] == lesson.title and titles[-1] == "Where to go from here"
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("step", ["0", "99", "-3", "x", "1e9"])
def test_a_step_that_is_none_leads_to_one_that_is(open_page, step: str) -> None:
    app = open_page(PAGE, lesson="weights", present="1", step=step)
    assert not app.exception and len(app.title) == 1


def test_the_lessons_speak_chinese(open_page, home: Home) -> None:
    finished(home, "unlabelled")
    app = open_page(PAGE, lesson="unlabelled", lang="zh")
    assert not app.exception
    app.button(key="show-answer").click().run()
    told = words_of(app)
    assert "没人标注的图像" in told and "个百分点" in told and "公平" in told
