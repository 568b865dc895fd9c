"""The form of a sweep, with the real service: what it begins with, its size, its refusals, its start."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from distill_core.folders import Home
from distill_core.services import Lab
from distill_core.sweep_rows import Forecast, NetworkFigures
from distill_core.sweep_spec import SweepSpec
from distill_core.sweeping import Sweeps
from pages.ui.axis_values import entry_typed, numbers_typed, numbers_written
from tests.fixtures import build_finished_experiment, preset_spec

PAGE, FORM = "sweeps/new_sweep.py", "experiments/design.py"


def told(app: AppTest) -> str:
    parts = [*app.title, *app.info, *app.warning, *app.error, *app.caption, *app.markdown]
    return " ".join(part.value for part in parts).replace("\\", "").replace("\u2060", "")


def metrics(app: AppTest) -> dict[str, str]:
    return {one.label: one.value for one in app.metric}


def text(app: AppTest, label: str):
    return next(one for one in app.text_input if one.label == label)


def test_it_begins_with_the_temperature_map_and_knows_its_size(open_page, home: Home) -> None:
    app = open_page(PAGE)
    assert not app.exception and not app.error and metrics(app)["Trials"] == "25"
    assert metrics(app)["Seeds"] == "5" and int(metrics(app)["Runs"]) >= 131 and metrics(app)["Experiments"] == "1"
    text(app, "Temperature").set_value("1, 4").run()
    assert not app.exception and metrics(app)["Trials"] == "10"
    text(app, "Seeds").set_value("0-1").run()
    assert metrics(app)["Seeds"] == "2" and not app.button(key="start").disabled


def test_a_refusal_stands_beside_its_field_and_nothing_typed_is_lost(open_page, home: Home) -> None:
    app = open_page(PAGE)
    text(app, "Name of the sweep").set_value("My sweep").run()
    text(app, "Temperature").set_value("1, -4, hot").run()
    assert not app.exception and app.button(key="start").disabled and "Mend the marked fields" in told(app)
    beside = [one.value for one in app.markdown if one.value.startswith(":red[:material/error:")]
    assert any("numbers" in sentence for sentence in beside), beside
    assert text(app, "Temperature").value == "1, -4, hot" and text(app, "Name of the sweep").value == "My sweep"
    text(app, "Temperature").set_value("1, 4").run()
    assert not app.error and not app.button(key="start").disabled


def test_a_search_takes_ranges_and_what_was_typed_of_an_axis_comes_back(open_page, home: Home) -> None:
    app = open_page(PAGE)
    text(app, "Temperature").set_value("3, 5").run()
    pills = next(one for one in app.button_group if one.label == "Settings that vary")
    pills.set_value(["teacher_share"]).run()
    assert not app.exception and metrics(app)["Trials"] == "5"
    next(one for one in app.button_group if one.label == "Settings that vary").set_value(
        ["temperature", "teacher_share"]
    ).run()
    assert text(app, "Temperature").value == "3, 5"
    next(one for one in app.button_group if one.label == "Method").set_value("optuna").run()
    assert not app.exception and not app.error, told(app)
    next(one for one in app.toggle if one.label == "Range").set_value(True).run()
    assert not app.exception and not app.error, told(app)
    assert {"Temperature: from", "to", "Trials", "Trials at a time"} <= {one.label for one in app.number_input}
    assert "there is no grid to show" in told(app)


def test_time_and_reuse_are_told_before_the_start_and_start_leads_to_the_sweep(
    open_page, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[SweepSpec] = []

    def forecast(self: Sweeps, spec: SweepSpec) -> Forecast:
        asked.append(spec)
        return Forecast(95.0, 131, 31, 1, (NetworkFigures("tiny-cnn", "Tiny CNN", 1_898, 9_400, 0.02),), ())

    monkeypatch.setattr(Sweeps, "forecast", forecast)
    app = open_page(PAGE)
    app.button(key="forecast").click().run()
    assert not app.exception and metrics(app)["Estimated time"] == "1 min 35 s"
    assert metrics(app)["Reused"] == "31 of 131"
    text(app, "Temperature").set_value("1, 4").run()
    assert "Estimated time" not in metrics(app) and "changed since the last estimate" in told(app)
    app.button(key="start").click().run()
    assert not app.exception and not app.error, told(app)
    rows = Lab(home).sweeps.list()
    assert len(asked) == 1 and [row.trials for row in rows] == [10] and app.query_params["id"] == rows[0].sweep_id
    assert rows[0].name in told(app)


def test_it_sweeps_around_an_experiment_and_one_of_its_students(open_page, home: Home) -> None:
    build_finished_experiment(home, spec=preset_spec(seeds=2), experiment_id="one")
    app = open_page(PAGE, experiment="one")
    student = next(one for one in app.selectbox if one.label == "Student that is swept")
    assert not app.exception and not app.error and student.value == "distilled T=1"
    assert metrics(app)["Seeds"] == "2" and "Around the experiment" in told(app)
    student.set_value("alone").run()
    assert not app.exception and app.button(key="start").disabled, "a student without a teacher has nothing to sweep"


def test_it_sweeps_around_what_is_in_the_experiments_form(open_page, home: Home) -> None:
    app = open_page(FORM)
    text(app, "Seeds").set_value("0-2").run()
    app.button(key="sweep-this").click().run()
    assert not app.exception and app.title[0].value == "New sweep" and metrics(app)["Seeds"] == "3"
    assert "Around the experiment that you have in the form" in told(app)
    assert metrics(open_page(PAGE, form="gone"))["Seeds"] == "5", "another tab begins as without it"


def test_json_goes_both_ways(open_page, home: Home) -> None:
    app = open_page(PAGE)
    area = app.text_area[0]
    data = json.loads(area.value) | {"name": "From a file"}
    area.set_value(json.dumps(data))
    app.button(key="apply-json").click().run()
    assert not app.exception and text(app, "Name of the sweep").value == "From a file"
    app.text_area[0].set_value("{").run()
    app.button(key="apply-json").click().run()
    assert "not valid JSON" in told(app)


def test_networks_that_differ_in_width_alone_all_stay(open_page, home: Home) -> None:
    """The preset's four widths of one network; another can be typed."""
    app = open_page(PAGE, preset="digits-smallest-good-student")
    student = next(one for one in app.multiselect if one.label == "Student")
    assert student.value == [f"tiny-cnn (width {width})" for width in (2, 4, 8, 16)]
    draft = json.loads(app.text_area[0].value)
    (axis,) = (one for one in draft["axes"] if one["field"] == "student")
    assert [one["params"]["width"] for one in axis["values"]] == [2, 4, 8, 16]
    student.set_value([*student.value[1:], "tiny-cnn (width = 32)", "mlp"]).run()
    assert not app.exception and not app.error, told(app)
    (axis,) = (one for one in json.loads(app.text_area[0].value)["axes"] if one["field"] == "student")
    widths = [{"name": "tiny-cnn", "params": {"width": width}} for width in (4, 8, 16, 32)]
    assert axis["values"] == [*widths, "mlp"]
    student = next(one for one in app.multiselect if one.label == "Student")
    assert any(one.endswith("(width 2)") for one in student.options), "what was taken out can be chosen again"
    student.set_value([*student.value, "tiny-cnn (width: 8)"]).run()
    (axis,) = (one for one in json.loads(app.text_area[0].value)["axes"] if one["field"] == "student")
    assert axis["values"] == [*widths, "mlp"], "typed once more, it is there once"
    student = next(one for one in app.multiselect if one.label == "Student")
    student.set_value(["tiny-cnn (width hot)", "no-such-network"]).run()
    assert not app.exception and app.button(key="start").disabled


@pytest.mark.parametrize(("text", "entry"), [
    ("tiny-cnn", "tiny-cnn"), ("tiny CNN", "tiny-cnn"), ("Gated (2 layers)", "gru"),
    ("Gated (2 layers) (cell gru)", {"name": "gru", "params": {"cell": "gru"}}),
    ("tiny-cnn (width 8)", {"name": "tiny-cnn", "params": {"width": 8}}),
    ("tiny cnn(width=8, batch_norm: true)", {"name": "tiny-cnn", "params": {"width": 8, "batch_norm": True}}),
    ("gru (cell lstm)", {"name": "gru", "params": {"cell": "lstm"}}), ("tiny-cnn (8)", "tiny-cnn (8)"), ("(", "("),
])
def test_entries_as_people_type_them(text: str, entry: object) -> None:
    assert entry_typed(text, {"tiny-cnn": "Tiny CNN", "gru": "Gated (2 layers)"}) == entry


def test_numbers_as_people_type_them() -> None:
    assert numbers_typed("1, 2;4  .5，1e1") == [1.0, 2.0, 4.0, 0.5, 10.0]
    assert numbers_typed("10 2.5 x", whole=True) == [10, 2.5, "x"]
    assert numbers_written([1.0, 0.25, "hot"]) == "1, 0.25, hot"
