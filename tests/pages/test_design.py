"""The form: from preset to spec, errors beside their fields, variants, JSON both ways, one launch a start."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from distill_core.errors import HelperUnavailable
from distill_core.folders import Home
from distill_core.jobs.previewing import Previews
from distill_core.presets import find_preset, load_presets
from distill_core.services import Lab
from distill_core.spec import Choice, ExperimentSpec, read_spec
from distill_core.store.store import Store
from pages.ui import own_data
from tests.fixtures import build_finished_experiment, preset_spec

PAGE = "experiments/design.py"


def field(app: AppTest, path: str):
    """The widget of a spec field; its key holds the path between the generation and the entry."""
    for kind in (
        app.number_input, app.text_input, app.selectbox, app.checkbox, app.toggle, app.button_group, app.button,
    ):
        for widget in kind:
            if re.match(rf"field-\d+-{re.escape(path)}-", widget.key or ""):
                return widget
    raise AssertionError(f"no field {path}")


def sentences(app: AppTest) -> list[str]:
    return [str(part.value).replace("\\", "") for part in app.markdown if ":red[" in str(part.value)]


def launched(home: Home) -> list:
    return Store(home).experiments()


STUDENT_LAYERS = [
    {"name": "2", "kind": "ReLU", "shape": [8, 4, 4]}, {"name": "5", "kind": "ReLU", "shape": [16, 2, 2]},
    {"name": "6", "kind": "Flatten", "shape": [64]},
]
TEACHER_LAYERS = [
    {"name": "6", "kind": "MaxPool2d", "shape": [32, 4, 4]}, {"name": "10", "kind": "MaxPool2d", "shape": [64, 2, 2]},
    {"name": "11", "kind": "Flatten", "shape": [256]},
]


class Layers:
    """Answers what the preview process would, and counts how often it was asked."""

    def __init__(self, *, failing: bool = False) -> None:
        self.failing = failing
        self.asked: list[tuple[str, str, str]] = []

    def __call__(self, previews: Previews, dataset: Choice, teacher: Choice, student: Choice) -> dict[str, Any]:
        self.asked.append((dataset.name, teacher.name, student.name))
        if self.failing:
            raise HelperUnavailable("The helper did not answer.")
        return {"teacher": TEACHER_LAYERS, "student": STUDENT_LAYERS}


@pytest.fixture(autouse=True)
def layers(monkeypatch: pytest.MonkeyPatch) -> Layers:
    """No test here starts a preview process: a fake tells the layers, and no deep check is made before a launch."""
    found = Layers()
    monkeypatch.setattr(Previews, "layers", lambda self, *choices: found(self, *choices))
    monkeypatch.setattr(Previews, "check", lambda self, spec: None)
    return found


def written(app: AppTest, home: Home) -> ExperimentSpec:
    """The spec of the one experiment that Start launches."""
    assert not app.exception and not sentences(app)
    app.button(key="start").click().run()
    (row,) = launched(home)
    return read_spec(home.experiment(row.experiment_id).spec)


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


# What the data decide ------------------------------------------------------------------------


def choose(app: AppTest, path: str, value: Any) -> AppTest:
    return field(app, path).set_value(value).run()


def pills(app: AppTest, path: str):
    return next(group for group in app.button_group if f"-{path}-" in (group.key or ""))


def titles(home: Home, registry: str, needed: set[str], without: str = "-") -> list[str]:
    entries = getattr(Lab(home).catalogue(), registry)
    return [entry.title for entry in entries if needed <= entry.traits and without not in entry.traits]


@pytest.mark.parametrize(
    ("dataset", "network"), [("mnist", "resnet9"), ("digits-rows", "bilstm"), ("diabetes", "mlp")]
)
def test_a_dataset_of_the_catalogue_fills_the_form_from_the_preset_that_suits_it(
    open_page, dataset: str, network: str
) -> None:
    app = open_page(PAGE, dataset=dataset)
    assert not app.exception
    assert field(app, "data.dataset.name").value == dataset
    assert field(app, "teacher.architecture.name").value == network
    assert not sentences(app)


def test_embedded_data_bring_their_own_preset_whole(open_page, home: Home) -> None:
    app = open_page(PAGE, dataset="digits")
    assert field(app, "data.student_labels").value == 100
    named = [one.name for one in find_preset("digits").spec.students]
    assert [field(app, f"students.{place}.name").value for place in range(len(named))] == named


@pytest.mark.parametrize("unlabelled", [False, True])
def test_data_whose_labels_are_all_known_train_nobody_twice(home: Home, unlabelled: bool) -> None:
    lab, about = Lab(home), {"path": "/reviews.csv", "text_column": "review", "label_column": "mood"}
    made = own_data.spec_for(
        Choice(name="text-table", params=about), name="reviews", large=False, unlabelled=unlabelled,
        presets=lab.presets(), catalogue=lab.catalogue(),
    )
    preset = next(preset.spec for preset in lab.presets() if preset.name == "text-sst2")
    seen = {student["name"]: student["transfer"] for student in made["students"]}
    assert ("all" in seen.values()) == unlabelled
    assert seen.keys() == {one.name for one in preset.students if unlabelled or one.transfer == "labelled"}


def test_only_networks_and_losses_for_the_data_are_offered(open_page, home: Home) -> None:
    app = open_page(PAGE, preset="digits-tagging")
    able = {"sequence", "tagging"}
    assert field(app, "teacher.architecture.name").options == titles(home, "architectures", able, without="cut")
    assert field(app, "students.0.architecture.name").options == titles(home, "architectures", able)
    offered = set(pills(app, "students.0.labels").options) | set(pills(app, "students.0.teacher").options)
    assert offered == set(titles(home, "losses", {"tagging"}))
    assert "Values (squared error)" not in offered
    with pytest.raises(AssertionError, match="no field"):
        field(app, "data.withheld_classes")


def test_other_data_change_what_is_offered_at_once(open_page, home: Home) -> None:
    app = open_page(PAGE)
    assert field(app, "teacher.architecture.name").value == "small-cnn"
    choose(app, "data.dataset.name", "digits-rows")
    assert not app.exception
    assert field(app, "teacher.architecture.name").options == titles(
        home, "architectures", {"sequence", "classification"}, without="cut"
    )
    assert field(app, "student_views.augmentation.kind").options == [
        "None: as they are", "Small rotations, scalings, shears, shifts",
    ]
    choose(app, "data.dataset.name", "diabetes")
    assert not app.exception
    with pytest.raises(AssertionError, match="no field"):
        field(app, "student_views.augmentation.kind")
    assert "learn" in " ".join(sentences(app)) or "at least" in " ".join(sentences(app)), "no loss of before fits"


# Teachers ------------------------------------------------------------------------------------


def test_a_teacher_is_added_weighted_and_removed(open_page, home: Home) -> None:
    app = open_page(PAGE)
    with pytest.raises(AssertionError, match="no field"):
        field(app, "teacher.weight")
    field(app, "hire").click().run()
    assert field(app, "more_teachers.0.seed").value == field(app, "teacher.seed").value + 1
    field(app, "hire").click().run()
    choose(app, "more_teachers.1.architecture.name", "mlp")
    choose(app, "teacher.weight", 3.0)
    field(app, "dismiss-0").click().run()
    spec = written(app, home)
    (beside,) = spec.more_teachers
    assert (spec.teacher.weight, beside.weight, beside.architecture.name) == (3.0, 1.0, "mlp")
    assert beside.seed == spec.teacher.seed + 2


def test_two_teachers_fill_the_form(open_page) -> None:
    app = open_page(PAGE, preset="digits-two-teachers")
    given = find_preset("digits-two-teachers").spec.more_teachers[0]
    assert field(app, "more_teachers.0.architecture.name").value == given.architecture.name
    assert field(app, "more_teachers.0.weight").value == given.weight


def test_a_wrong_number_of_another_teacher_is_told_beside_its_field(open_page) -> None:
    app = open_page(PAGE, preset="digits-two-teachers")
    choose(app, "more_teachers.0.weight", 0.0)
    assert len(sentences(app)) == 1 and "above 0" in sentences(app)[0]
    assert app.button(key="start").disabled


# Starts, variants, coresets, schedules --------------------------------------------------------


def test_a_student_starts_from_the_teachers_weights(open_page, home: Home) -> None:
    app = open_page(PAGE)
    choose(app, "students.2.start", "teacher")
    assert [student.start for student in written(app, home).students] == ["random", "random", "teacher", "random"]


def test_variants_are_chosen_with_their_settings_and_share(open_page, home: Home) -> None:
    app = open_page(PAGE)
    offered = field(app, "students.3.generator.name").options
    assert offered == ["none: the samples as they are", *titles(home, "generators", {"image"})]
    with pytest.raises(AssertionError, match="no field"):
        field(app, "students.3.generated_share")
    choose(app, "students.3.generator.name", "masking")
    choose(app, "students.3.generator.params.share", 0.4)
    choose(app, "students.3.generated_share", 0.75)
    student = written(app, home).students[3]
    assert student.generator is not None and student.generator.name == "masking"
    assert (student.generator.params["share"], student.generated_share) == (0.4, 0.75)


def test_a_wrong_setting_of_variants_is_told_beside_its_field(open_page) -> None:
    app = open_page(PAGE, preset="digits-variants")
    number = next(
        place for place, student in enumerate(find_preset("digits-variants").spec.students) if student.generator
    )
    choose(app, f"students.{number}.generated_share", 0.0)
    assert len(sentences(app)) == 1 and "above 0" in sentences(app)[0]


def test_a_coreset_is_switched_on_and_off(open_page, home: Home) -> None:
    app = open_page(PAGE)
    with pytest.raises(AssertionError, match="no field"):
        field(app, "students.3.coreset.size")
    choose(app, "students.3.coreset?", True)
    choose(app, "students.3.coreset.size", 60)
    choose(app, "students.3.coreset.rule", "k-centre")
    choose(app, "students.2.coreset?", True)
    choose(app, "students.2.coreset?", False)
    students = written(app, home).students
    assert students[3].coreset is not None and students[2].coreset is None
    assert (students[3].coreset.size, students[3].coreset.rule) == (60, "k-centre")


def test_a_weight_over_time_asks_for_its_share_of_steps(open_page, home: Home) -> None:
    app = open_page(PAGE)
    with pytest.raises(AssertionError, match="no field"):
        field(app, "students.3.terms.0.schedule_fraction")
    choose(app, "students.3.terms.0.schedule", "decay")
    choose(app, "students.3.terms.0.schedule_fraction", 0.25)
    term = written(app, home).students[3].terms[0]
    assert (term.schedule, term.schedule_fraction) == ("decay", 0.25)


# Layers --------------------------------------------------------------------------------------


def with_hint(app: AppTest) -> AppTest:
    return pills(app, "students.3.teacher").set_value(["kd", "hint"]).run()


def hint_at(app: AppTest, number: int = 0) -> str:
    """Where the hint's parameters stand in the spec: the group's order is the catalogue's."""
    keys = [widget.key or "" for widget in app.selectbox if f"-hint {number} " in (widget.key or "")]
    found = re.search(r"students\.3\.terms\.\d+", keys[0])
    assert found
    return found[0]


def test_layers_are_offered_with_their_shapes_and_asked_once(open_page, home: Home, layers: Layers) -> None:
    app = with_hint(open_page(PAGE))
    assert not app.exception
    params = f"{hint_at(app)}.loss.params"
    assert field(app, f"{params}.student_tap").options == [
        "the last that fits", "2 (ReLU, 8×4×4)", "5 (ReLU, 16×2×2)", "6 (Flatten, 64)",
    ]
    assert len(field(app, f"{params}.teacher_tap").options) == 4
    choose(app, f"{params}.student_tap", "5")
    assert field(app, f"{params}.teacher_tap").options == [
        "the last that fits", "6 (MaxPool2d, 32×4×4)", "10 (MaxPool2d, 64×2×2)",
    ], "a vector is no pair of a map"
    choose(app, f"{params}.teacher_tap", "10")
    assert layers.asked == [("digits", "small-cnn", "tiny-cnn")]
    term = next(term for term in written(app, home).students[3].terms if term.loss.name == "hint")
    assert (term.loss.params["student_tap"], term.loss.params["teacher_tap"]) == ("5", "10")


def test_another_network_asks_for_its_own_layers(open_page, layers: Layers) -> None:
    app = with_hint(open_page(PAGE))
    choose(app, "students.3.architecture.name", "mlp")
    assert not app.exception
    assert layers.asked[-1] == ("digits", "small-cnn", "mlp") and len(layers.asked) == 2


def test_several_pairs_of_layers_each_have_a_weight(open_page, home: Home) -> None:
    app = with_hint(open_page(PAGE))
    choose(app, "students.3.copies", 2)
    first, second = (hint_at(app, number) for number in (0, 1))
    assert first != second
    choose(app, f"{first}.loss.params.student_tap", "2")
    choose(app, f"{second}.loss.params.student_tap", "5")
    choose(app, f"{second}.weight", 0.5)
    hints = [term for term in written(app, home).students[3].terms if term.loss.name == "hint"]
    assert [(term.loss.params["student_tap"], term.weight) for term in hints] == [("2", 1.0), ("5", 0.5)]


def test_layers_that_cannot_be_told_are_typed(open_page, home: Home, layers: Layers) -> None:
    layers.failing = True
    app = with_hint(open_page(PAGE))
    assert not app.exception
    said = [one.value.replace("\\", "") for one in app.caption]
    assert any("The layers cannot be listed yet: The helper did not answer." in sentence for sentence in said)
    (typed,) = [one for one in app.text_input if one.key and "student_tap" in one.key]
    typed.set_value("5").run()
    term = next(term for term in written(app, home).students[3].terms if term.loss.name == "hint")
    assert term.loss.params["student_tap"] == "5"


def test_a_layer_that_the_network_lacks_stays_visible(open_page) -> None:
    app = open_page(PAGE, preset="digits-hints")
    assert not app.exception
    keys = [one for one in app.selectbox if "student_tap" in (one.key or "")]
    # The preset names layer 4, which the fake network does not have.
    assert any(one.value == "4" and "4" in one.options for one in keys)
