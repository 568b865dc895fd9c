"""Pages of taggings and regressions: their words, their tabs, and answers against the true values."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from distill_core.folders import Home
from pages.ui.live.component import views_of
from pages.ui.tables import run_columns, run_frame
from tests.fixtures import build_finished_experiment, preset_spec
from tests.pages.conftest import OpenPage
from tests.task_samples import build_task_experiment
from tests.unit.chart_rows import run

DETAIL, COMPARE = "experiments/detail.py", "compare/runs.py"


def told(app: AppTest) -> str:
    parts = [*app.success, *app.warning, *app.error, *app.info, *app.caption, *app.markdown]
    return "\n".join(f"{part.value} {getattr(part.proto, 'title', '')}" for part in parts).replace("\\", "")


def tabs(app: AppTest) -> list[str]:
    return [tab.label for tab in app.tabs]


def titles(app: AppTest) -> list[str]:
    """Titles of the charts of answers."""
    found = [json.loads(chart.proto.spec)["layout"] for chart in app.get("plotly_chart")]
    return [layout["title"]["text"] for layout in found if "R²" in layout.get("title", {}).get("text", "")]


def test_a_regression_shows_r2_everywhere_and_accuracy_nowhere(open_page: OpenPage, home: Home) -> None:
    app = open_page(DETAIL, id=build_task_experiment(home, "regression"))
    assert not app.exception
    assert "distilled R² 0." in told(app) and "distillation helped" in told(app)
    assert "the teacher from 360 labelled rows" in told(app) and "image" not in told(app)
    assert tabs(app) == ["Runs", "Trade-off", "Predictions", "ONNX and latency", "Log and settings"]
    frame = app.dataframe[0].value
    assert {"r2", "mse", "teacher_mse"} <= set(frame.columns)
    assert not {"accuracy", "nll", "ece", "agreement"} & set(frame.columns)
    assert app.get("button_group")[0].options == [
        "Validation R²", "Validation squared error", "Training loss", "Loss shares", "Gradient shares",
    ]


def test_a_tagging_speaks_of_steps(open_page: OpenPage, home: Home) -> None:
    app = open_page(DETAIL, id=build_task_experiment(home, "tagging"), tab="Confusion")
    assert not app.exception
    assert tabs(app)[2:4] == ["Per class", "Confusion"]
    assert "Validation accuracy per step" in app.get("button_group")[0].options
    assert "sequences" in told(app) and "image" not in told(app)


@pytest.mark.parametrize("task", ["regression", "tagging"])
@pytest.mark.parametrize("tab", ["Trade-off", "Predictions", "Per class", "Confusion", "ONNX and latency"])
def test_every_tab_opens_even_one_that_the_task_has_not(open_page: OpenPage, home: Home, task: str, tab: str) -> None:
    app = open_page(DETAIL, id=build_task_experiment(home, task, seeds=2), tab=tab)  # type: ignore[arg-type]
    assert not app.exception and not app.error


def test_answers_of_teacher_alone_and_distilled_stand_side_by_side(open_page: OpenPage, home: Home) -> None:
    app = open_page(DETAIL, id=build_task_experiment(home, "regression"), tab="Predictions")
    first = titles(app)
    assert [title.split(" · ")[0] for title in first] == ["teacher", "alone", "distilled"]
    app.selectbox(key="answers-seed").select(2).run()
    second = titles(app)
    assert second[0] == first[0] and second[1:] != first[1:], "the students' seed changes, the teacher stays"
    app.selectbox(key="answers-value").select(1).run()
    assert not app.exception and titles(app)[0] != first[0]
    assert "standardised" in told(app)


def test_answers_that_cannot_be_read_are_a_sentence_and_the_others_stay(open_page: OpenPage, home: Home) -> None:
    identity = build_task_experiment(home, "regression")
    home.experiment(identity).run("a0").test_logits.write_bytes(b"damaged")
    app = open_page(DETAIL, id=identity, tab="Predictions")
    assert not app.exception
    assert "cannot be read" in told(app) and "Run the experiment again" in told(app)
    assert [title.split(" · ")[0] for title in titles(app)] == ["teacher", "distilled"]


def test_several_teachers_are_told_as_such(open_page: OpenPage, home: Home) -> None:
    identity = build_task_experiment(home, "regression", teachers=3, seeds=2)
    app = open_page(DETAIL, id=identity, tab="Predictions")
    assert not app.exception
    assert "all teachers from 360 labelled rows; all students from 60" in told(app)
    assert {"teacher", "teacher 2", "teacher 3"} <= set(app.multiselect(key="answers-of").options)


def test_experiments_of_different_tasks_share_a_table_but_no_axis(open_page: OpenPage, home: Home) -> None:
    both = [build_task_experiment(home, "regression", seeds=2), build_task_experiment(home, "tagging", seeds=2)]
    app = open_page(COMPARE, ids=both)
    assert not app.exception
    assert {"r2", "accuracy"} <= set(app.dataframe[0].value.columns)
    assert tabs(app) == ["Runs", "Trade-off", "Per class", "Confusion", "Predictions", "Differences"]
    assert "different tasks" in told(open_page(COMPARE, ids=both, tab="Trade-off"))
    for tab in ("Per class", "Predictions"):
        app = open_page(COMPARE, ids=both, tab=tab)
        assert not app.exception and not app.info and app.get("plotly_chart")
    app = open_page(COMPARE, ids=both[0], tab="Predictions")
    assert "Confusion" not in tabs(app) and len(titles(app)) == 3


def test_taggings_and_classifications_do_not_share_their_classes(open_page: OpenPage, home: Home) -> None:
    both = [
        build_task_experiment(home, "tagging", seeds=2), build_finished_experiment(home, spec=preset_spec(seeds=1)),
    ]
    app = open_page(COMPARE, ids=both, tab="Confusion")
    assert not app.exception and "different classes" in told(app)


def test_a_distilled_regression_never_stands_without_the_student_alone(open_page: OpenPage, home: Home) -> None:
    app = open_page(COMPARE, ids=build_task_experiment(home, "regression", seeds=2))
    chooser = app.multiselect(key="only")
    chooser.select("distilled").run()
    assert not app.exception
    assert set(app.dataframe[0].value["name"]) == {"distilled", "alone"}


def test_views_of_a_regression_have_no_percent() -> None:
    main, loss = (views_of("regression")[name] for name in ("accuracy", "nll"))
    assert (main["title"], main["factor"], main["digits"]) == ("Validation R²", 1.0, 3)
    assert loss["title"] == "Validation squared error" and not loss["higher"]
    assert views_of("classification")["accuracy"]["title"] == "Validation accuracy (%)"
    assert views_of("tagging")["nll"]["title"] == "Validation NLL per step (nats)"


def test_columns_explain_what_is_counted() -> None:
    rows = [run("student", "s", task="tagging")]
    assert run_columns(rows)["accuracy"]["label"] == "Accuracy per step %"
    assert "test steps" in run_columns(rows)["accuracy"]["help"]
    mixed = run_columns([*rows, run("student", "t", experiment="e2")])["accuracy"]
    assert mixed["label"] == "Accuracy %" and "of a tagging: steps" in mixed["help"]
    assert set(run_frame(rows).columns) <= set(run_columns(rows)), "no column without an explanation"
