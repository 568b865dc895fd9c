"""The form: from preset to spec, errors beside their fields, JSON both ways, one launch a start."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from distill_core.folders import Home
from distill_core.language import speaking
from distill_core.presets import find_preset, load_presets
from distill_core.services import Lab
from distill_core.spec import read_spec
from tests.fixtures import build_finished_experiment, preset_spec
from tests.pages.design_form import (
    PAGE,
    field,
    launched,
    sentences,
    written,
)

# No test here starts a preview process.
pytestmark = pytest.mark.usefixtures("layers")


READY = [preset.name for preset in load_presets() if not preset.needs_path]


@pytest.mark.parametrize("preset", READY)
def test_an_unchanged_preset_starts_as_it_is(open_page, home: Home, preset: str) -> None:
    app = open_page(PAGE, preset=preset)
    assert not app.exception
    assert not sentences(app)
    app.button(key="start").click().run()
    assert not app.exception
    (row,) = launched(home)
    asked = read_spec(home.experiment(row.experiment_id).spec).to_json()
    assert asked == Lab(home).complete(find_preset(preset).spec.to_json()).to_json()


def test_in_chinese_a_preset_brings_a_chinese_name_and_purpose_which_stays_readable_to_all(
    open_page, home: Home
) -> None:
    preset = find_preset("digits-rows")
    app = open_page(PAGE, preset="digits-rows", lang="zh")
    name, purpose = field(app, "name").value, app.text_area[0].value
    assert "手写数字" in name and name != preset.spec.name
    assert purpose != preset.spec.shows and not re.search("[a-z]{3,} [a-z]{3,} [a-z]{3,}", purpose)
    # What the test presses is read in the language of the test.
    with speaking("zh"):
        kept = written(app, home)
    assert kept.name == name, "the name is the one that was read"
    assert kept.shows == preset.spec.shows, "each reader is told the purpose in their language"
    assert [one.name for one in kept.students] == [one.name for one in preset.spec.students]
    changed = open_page(PAGE, preset="digits-rows", lang="zh")
    with speaking("zh"):
        changed.text_area[0].set_value("我的实验").run()
        changed.button(key="start").click().run()
    assert "我的实验" in {read_spec(home.experiment(row.experiment_id).spec).shows for row in launched(home)}


def test_a_preset_that_needs_a_folder_says_so_beside_the_path_and_then_starts(
    open_page, home: Home, tmp_path: Path
) -> None:
    app = open_page(PAGE, preset="cifar10")
    assert any("a folder or file on this machine" in sentence for sentence in sentences(app))
    field(app, "data.dataset.params.path").set_value(str(tmp_path)).run()
    assert not sentences(app)
    app.button(key="start").click().run()
    assert launched(home)[0].dataset == "image-folder"


def test_a_name_that_tells_another_temperature_is_noticed(open_page) -> None:
    app = open_page(PAGE)
    assert not app.warning
    field(app, "students.3.terms.0.loss.params.temperature").set_value(4.0).run()
    assert "The name says T=8, but the temperature is 4." in app.warning[0].value


def test_a_double_click_launches_once(open_page, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    # However slow the machine of the test is, the second press comes in time.
    monkeypatch.setattr("pages.ui.starting.DOUBLE_CLICK_SECONDS", 600.0)
    app = open_page(PAGE)
    app.button(key="start").click().run()
    pressed = app.session_state["launch-form"]
    again = open_page(PAGE)
    again.session_state["launch-form"] = pressed
    again.button(key="start").click().run()
    assert len(launched(home)) == 1
    again = open_page(PAGE)
    again.session_state["launch-form"] = (pressed[0], pressed[1] - 3600)
    again.button(key="start").click().run()
    assert len(launched(home)) == 2


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("students.3.terms.0.loss.params.temperature", 0.0, "above 0"),
        ("students.3.terms.0.weight", 0.0, "at least one weight above 0"),
        ("students.3.terms.0.weight", -1.0, "at least 0"),
        ("student_training.batch_size", 0, "at least 1"),
        ("student_training.optimizer.learning_rate", 0.0, "above 0"),
        ("data.validation_fraction", 0.9, "at most 0.5"),
        ("teacher.training.epochs", 0, "at least 1"),
    ],
)
def test_a_wrong_number_is_told_beside_its_field(open_page, path: str, value: float, says: str) -> None:
    app = open_page(PAGE)
    field(app, path).set_value(value).run()
    assert not app.exception
    assert len(sentences(app)) == 1
    assert says in sentences(app)[0]
    assert app.button(key="start").disabled


@pytest.mark.parametrize(
    ("seeds", "says"), [("1, 1", "different seeds"), ("", "at least 1"), ("x", "integer"), ("-3", "at least 0")]
)
def test_wrong_seeds_are_told_beside_their_field(open_page, seeds: str, says: str) -> None:
    app = open_page(PAGE)
    field(app, "seeds").set_value(seeds).run()
    assert not app.exception
    assert says in " ".join(sentences(app))
    assert app.button(key="start").disabled


def test_two_students_of_one_name_are_told(open_page) -> None:
    app = open_page(PAGE)
    field(app, "students.1.name").set_value("alone").run()
    assert "different names" in " ".join(sentences(app))


def test_a_very_long_name_with_markup_is_told_and_never_rendered(open_page) -> None:
    app = open_page(PAGE)
    field(app, "name").set_value("<img src=x onerror=alert(1)>**" * 20).run()
    assert not app.exception
    assert sentences(app) and "80" in sentences(app)[0]


def test_students_are_duplicated_and_removed_with_what_was_typed(open_page, home: Home) -> None:
    app = open_page(PAGE)
    field(app, "students.3.terms.0.loss.params.temperature").set_value(3.0).run()
    field(app, "twin-3").click().run()
    assert not app.exception
    assert field(app, "students.4.name").value == "distilled T=8 (2)"
    assert field(app, "students.4.terms.0.loss.params.temperature").value == 3.0
    field(app, "remove-0").click().run()
    app.button(key="start").click().run()
    (row,) = launched(home)
    assert row.students == ("alone, label smoothing", "distilled T=1", "distilled T=8", "distilled T=8 (2)")


def test_a_second_term_is_added_with_its_weight(open_page, home: Home) -> None:
    app = open_page(PAGE)
    group = next(group for group in app.button_group if "students.3.labels" in (group.key or ""))
    group.set_value(["cross-entropy"]).run()
    field(app, "students.3.terms.0.weight").set_value(0.25).run()
    app.button(key="start").click().run()
    (row,) = launched(home)
    student = read_spec(home.experiment(row.experiment_id).spec).students[3]
    assert [(term.loss.name, term.weight) for term in student.terms] == [("cross-entropy", 0.25), ("kd", 1.0)]


def test_same_as_but_keeps_everything_else(open_page, home: Home) -> None:
    source = build_finished_experiment(home, spec=preset_spec(seeds=2, name="the source"))
    app = open_page(PAGE, **{"from": source})
    assert not app.exception
    assert "the source" in app.info[0].value
    field(app, "students.3.terms.0.loss.params.temperature").set_value(5.0).run()
    app.button(key="start").click().run()
    newest = launched(home)[0]
    assert newest.experiment_id != source
    spec = read_spec(home.experiment(newest.experiment_id).spec)
    assert spec.seeds == (0, 1)
    assert spec.students[3].terms[0].loss.params["temperature"] == 5.0


def test_json_fills_the_form_and_bad_json_is_one_sentence(open_page) -> None:
    app = open_page(PAGE)
    data = preset_spec(seeds=3, name="from text").to_json()
    text = next(area for area in app.text_area if (area.key or "").startswith("json-"))
    text.set_value("{ not json").run()
    app.button(key="apply-json").click().run()
    assert "not valid JSON" in app.error[0].value
    text = next(area for area in app.text_area if (area.key or "").startswith("json-"))
    text.set_value(json.dumps(data | {"version": 99})).run()
    app.button(key="apply-json").click().run()
    assert "newer spec" in app.error[0].value
    text = next(area for area in app.text_area if (area.key or "").startswith("json-"))
    text.set_value(json.dumps(data)).run()
    app.button(key="apply-json").click().run()
    assert not app.exception and not app.error
    assert field(app, "name").value == "from text"
    assert field(app, "seeds").value == "0-2"


def test_an_unknown_source_is_one_sentence(open_page) -> None:
    app = open_page(PAGE, **{"from": "nothing-here"})
    assert not app.exception
    assert len(app.warning) == 1
