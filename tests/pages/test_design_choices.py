"""The form's choices: what the data offer, teachers, starts, variants, coresets, schedules and layers."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from distill_core.folders import Home
from distill_core.presets import find_preset
from distill_core.services import Lab
from distill_core.spec import Choice
from pages.ui import own_data
from tests.pages.design_form import (
    PAGE,
    Layers,
    choose,
    field,
    pills,
    sentences,
    titles,
    written,
)

# No test here starts a preview process.
pytestmark = pytest.mark.usefixtures("layers")


# What the data decide ------------------------------------------------------------------------


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
