"""Marking answers wrong, an experiment's corrections, the form that begins with them, and what they did."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from distill_core.evaluation.feedback import Feedback, HeldBack, RunEffect
from distill_core.folders import Home, write_json
from distill_core.services import Lab
from tests.correction_samples import digits_experiment, drawn
from tests.fixtures import build_finished_experiment, preset_spec
from tests.pages.design_form import Layers
from tests.task_samples import build_task_experiment

DETAIL, DESIGN = "experiments/detail.py", "experiments/design.py"


def said(app: AppTest) -> str:
    parts = [*app.success, *app.warning, *app.error, *app.info, *app.caption, *app.markdown]
    return "\n".join(str(getattr(part, "value", "")) for part in parts).replace("\\", "")


def correcting(experiment_id: str, number: int, answers: dict[str, str], blank: bool, test_index: int | None) -> None:
    """The widget alone, as a page calls it."""
    from pages.ui.correcting import show_correcting
    from pages.ui.session import lab
    from tests.correction_samples import drawn as sample_of

    sample = sample_of(number, test_index=test_index, source="drawn" if test_index is None else "test")
    if blank:
        sample.inputs[:] = 0
    show_correcting(experiment_id, lab().experiment(experiment_id), sample, answers)


def widget(experiment_id: str, number: int = 1, *, answers: dict[str, str] | None = None, blank: bool = False,
           test_index: int | None = None) -> AppTest:
    app = AppTest.from_function(
        correcting, args=(experiment_id, number, answers or {}, blank, test_index), default_timeout=30
    )
    return app.run()


def pressed(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


@pytest.fixture(autouse=True)
def links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside the real frame a page of it cannot be linked to."""
    import streamlit

    real = streamlit.page_link
    monkeypatch.setattr(
        streamlit, "page_link",
        lambda page, **said: real("https://localhost", label=said["label"]) if not in_frame() else real(page, **said),
    )


def in_frame() -> bool:
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    context = get_script_run_ctx()
    return context is not None and "frame.py" in context.main_script_path


def test_an_answer_is_marked_wrong_and_taken_back(home: Home) -> None:
    identity = digits_experiment(home)
    app = widget(identity, answers={"teacher": "1", "alone": "7"})
    assert not app.exception
    wrong = next(button for button in app.button if button.label == "This is wrong")
    assert wrong.disabled, "no class is chosen"
    app.selectbox[0].select("4").run()
    pressed(app, "This is wrong")
    assert not app.exception and "Noted: the right class is 4" in app.toast[0].value
    kept = Lab(home).corrections.all(identity)
    assert [(one.label, one.source, one.answers) for one in kept] == [("4", "drawn", {"teacher": "1", "alone": "7"})]
    assert "the right class is **4**" in said(app)
    pressed(app, "Undo")
    assert not app.exception and Lab(home).corrections.all(identity) == []
    assert app.selectbox[0].label == "Right class"


def test_what_everybody_answers_is_no_correction_and_a_blank_drawing_is_one_sentence(home: Home) -> None:
    identity = digits_experiment(home)
    app = widget(identity, answers={"teacher": "4", "alone": "4"})
    app.selectbox[0].select("4").run()
    assert next(button for button in app.button if button.label == "This is wrong").disabled
    assert "nothing to correct" in said(app)
    app = widget(identity, blank=True)
    app.selectbox[0].select("4").run()
    pressed(app, "This is wrong")
    assert not app.exception and "This image is blank" in said(app)
    assert Lab(home).corrections.all(identity) == []
    assert "never teaches" in said(widget(identity, test_index=3))


def test_a_regression_offers_no_correction(home: Home) -> None:
    app = widget(build_task_experiment(home, "regression"))
    assert not app.exception and not app.button and not app.selectbox


def corrected(home: Home, count: int = 7, **changes: Any) -> str:
    identity = digits_experiment(home)
    for number in range(count):
        Lab(home).corrections.add(identity, drawn(number, **changes), "3", answers={"teacher": "1", "alone": "1"})
    return identity


def test_an_experiment_lists_its_corrections_only_when_it_has_some(open_page: Any, home: Home) -> None:
    identity = corrected(home)
    app = open_page(DETAIL, id=identity)
    assert not app.exception and not app.error
    assert "7 corrections: 5 to learn from, 2 held back." in said(app)
    frame = app.dataframe[-1].value
    assert list(frame.columns) == ["picture", "label", "answers", "source", "at"]
    assert set(frame["answers"]) == {"1 by all 2"} and frame["picture"].str.startswith("data:image/png").all()
    other = open_page(DETAIL, id=build_finished_experiment(home, spec=preset_spec(seeds=2, name="other")))
    assert "Corrections" not in [one.value for one in other.header]


def test_the_next_experiment_begins_with_the_corrections(open_page: Any, home: Home, layers: Layers) -> None:
    identity = corrected(home)
    app = open_page(DETAIL, id=identity)
    app.button(key="learn-corrections").click().run()
    assert not app.exception
    digest = Lab(home).corrections.freeze(identity)
    app = open_page(DESIGN, **{"from": identity, "corrections": digest})
    assert not app.exception and not app.error
    assert "5 corrections to learn from, 2 held back" in said(app)
    assert app.text_input[0].value.endswith(", corrected")
    assert [toggle.label for toggle in app.toggle][:1] == ["Learn from 5 corrections too"]
    app.button(key="start").click().run()
    row, *_ = Lab(home).experiments()
    assert Lab(home).experiment(row.experiment_id).spec.data.corrections == digest
    app = open_page(DESIGN, **{"from": row.experiment_id})
    app.toggle[0].set_value(False).run()
    app.button(key="start").click().run()
    row, *_ = Lab(home).experiments()
    assert Lab(home).experiment(row.experiment_id).spec.data.corrections == ""


def test_only_test_samples_make_no_next_experiment(open_page: Any, home: Home) -> None:
    app = open_page(DETAIL, id=corrected(home, 1, source="test", test_index=4))
    app.button(key="learn-corrections").click().run()
    assert not app.exception and "test samples never teach" in said(app)


def test_a_lost_set_is_told_beside_its_field(open_page: Any, home: Home, layers: Layers) -> None:
    identity = corrected(home)
    digest = Lab(home).corrections.freeze(identity)
    spec = preset_spec(seeds=2, name="next")
    spec = spec.model_copy(update={"data": spec.data.model_copy(update={"corrections": digest})})
    follower = build_finished_experiment(home, spec=spec)
    home.corrections(digest).unlink()
    app = open_page(DESIGN, **{"from": follower})
    assert not app.exception and app.button(key="start").disabled
    assert "There is no set of corrections" in said(app)
    app.toggle[0].set_value(False).run()
    assert not app.button(key="start").disabled
    app = open_page(DETAIL, id=follower)
    assert not app.exception and "There is no set of corrections" in said(app)


def test_the_result_tells_what_the_corrections_did(open_page: Any, home: Home) -> None:
    identity = corrected(home)
    digest = Lab(home).corrections.freeze(identity)
    facts = Lab(home).corrections.frozen(digest)
    spec = preset_spec(seeds=1, name="next")
    spec = spec.model_copy(update={"data": spec.data.model_copy(update={"corrections": digest})})
    follower = build_finished_experiment(home, spec=spec)
    app = open_page(DETAIL, id=follower)
    assert "Learns from 5 corrections too, 2 more held back" in said(app)
    assert "What the corrections did" not in [one.value for one in app.header], "nothing is told yet"

    held = tuple(
        HeldBack(row=row, label=one.label) for row, one in enumerate(facts.samples) if not one.learnt
    )
    long = "*distilled* › 33% cut › fine-tuned (teacher, T 4) › fine-tuned › "
    made = (f"{long}int8 static", f"{long}int8 dynamic")
    runs = tuple(
        RunEffect(
            run_id=name, role=role, name=name, seed=0, before_run_id=name, only_corrections=name != "alone",
            test_total=640, test_before=600, test_after=605, fixed=9, broken=4, held_before=0, held_after=1,
            learnt_before=0, learnt_after=5, answers_before=("1", "1"), answers_after=("3", "1"),
        )
        for role, name in (("baseline", "alone"), ("student", "*distilled*"), *(("compressed", one) for one in made))
    )
    told = Feedback(corrections=digest, experiment_id=identity, learnt=5, held_back=held, runs=runs, notes=("A note.",))
    write_json(home.experiment(follower).feedback, told.model_dump(mode="json"))
    app = open_page(DETAIL, id=follower)
    assert not app.exception and not app.error
    text = said(app)
    assert "accuracy of *distilled* on the test set went from 93.8% to 94.5%" in text
    assert "from 0 of 2 to 1 of 2 right" in text and "2 are few" in text and "A note." in text
    assert "differ from those before in more than the corrections" in text
    tables = [one.value for one in app.dataframe]
    effects = next(table for table in tables if "held_after" in table)
    assert list(effects["name"])[:2] == ["alone ⚠", "*distilled*"] and list(effects["held_after"]) == ["1 of 2"] * 4
    assert [name.rpartition(" › ")[2] for name in effects["name"]][2:] == ["int8 static", "int8 dynamic"]
    answers = next(table for table in tables if "after" in table and "label" in table)
    assert list(answers["before"]) == ["✗ 1", "✗ 1"] and list(answers["after"]) == ["✓ 3", "✗ 1"]

    home.experiment(follower).feedback.write_text("{")
    app = open_page(DETAIL, id=follower)
    assert not app.exception and "cannot be read; resume the experiment" in said(app)
