"""The page to try models on: every way to give a sample, the answers beside each other, and trouble in sentences."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
from streamlit.testing.v1 import AppTest

from distill_core.folders import Home
from pages.trying.sentences import class_sentence, step_sentence, value_sentence
from tests.fixtures import build_running_experiment
from tests.trying_samples import STROKES, build_tryable_digits, build_tryable_task

PAGE = "trying/ask.py"
NAMES = ["teacher", "alone", "alone, label smoothing", "distilled T=1", "distilled T=8"]


def component(app: AppTest, name: str) -> dict[str, Any] | None:
    found = [element.proto for element in app.get("bidi_component") if name in element.proto.component_name]
    return json.loads(found[0].json or found[0].mixed.json) if found else None


def cards(app: AppTest) -> list[dict[str, Any]]:
    found = component(app, "replies")
    return found["cards"] if found else []


def told(app: AppTest) -> str:
    parts = [*app.warning, *app.error, *app.info, *app.caption, *app.markdown]
    return "\n".join(f"{part.value} {getattr(part.proto, 'title', '')}" for part in parts).replace("\\", "")


def test_a_drawing_is_answered_by_one_of_each_variant(open_page, home: Home) -> None:
    identity = build_tryable_digits(home)
    app = open_page(PAGE, id=identity)
    assert not app.exception and component(app, "pad") == {
        "strokes": [], "hint": "Draw here", "label": "Field to draw in", "undo": "Undo", "clear": "Clear",
    }
    assert cards(app) == [] and "as soon as there is a sample" in told(app)
    app.session_state[f"drawn-in-pad-{identity}"] = STROKES[0]
    app.run()
    assert not app.exception
    assert [card["name"] for card in cards(app)] == NAMES
    assert "All 5 say 0." in told(app)
    for card in cards(app):
        assert card["answer"] == "0" and len(card["bars"]) == 5 and card["bars"][0]["name"] == "0"
        assert re.fullmatch(r"[\d.]+ ms for this answer", card["foot"])
        assert not any(bar["true"] for bar in card["bars"]), "nobody knows the truth of a drawing"


def test_a_blank_drawing_is_one_sentence_and_the_choice_of_models_stays(open_page, home: Home) -> None:
    identity = build_tryable_digits(home)
    app = open_page(PAGE, id=identity)
    app.multiselect(key="models").unselect(app.multiselect(key="models").value[1]).run()
    app.session_state[f"drawn-in-pad-{identity}"] = [[0.5, 0.5]]
    app.run()
    assert not app.exception and len(app.error) == 1 and "The drawing is blank" in told(app)
    assert len(app.multiselect(key="models").value) == 4 and not cards(app)


def test_a_test_sample_tells_who_is_right_and_a_high_temperature_softens(open_page, home: Home) -> None:
    identity = build_tryable_digits(home)
    app = open_page(PAGE, id=identity, how="test", sample="17")
    assert not app.exception
    assert re.search(r"True class: \*\*\d\*\*", told(app)) and app.number_input(key="sample").value == 17
    cold = cards(app)
    assert {card["side"].split(" · ")[1] for card in cold} <= {"right", "wrong"}
    assert sum(bar["true"] for bar in cold[0]["bars"]) == 1
    warm = cards(open_page(PAGE, id=identity, how="test", sample="17", t="20"))
    for first, second in zip(cold, warm, strict=True):
        assert [bar["name"] for bar in first["bars"]] == [bar["name"] for bar in second["bars"]]
        assert second["bars"][0]["percent"] < first["bars"][0]["percent"]
    app.number_input(key="sample").set_value(18).run()
    assert not app.exception and cards(app) != cold


def test_the_gallery_opens_in_the_same_view(open_page, home: Home) -> None:
    identity = build_tryable_digits(home)
    app = open_page(PAGE, id=identity, how="apart")
    assert not app.exception and cards(app)
    buttons = [button for button in app.button if str(button.key).startswith("open-")]
    assert len(buttons) == 12 and all(re.fullmatch(r"\d \\\| \d", button.label) for button in buttons)
    assert all(button.label[0] != button.label[-1] for button in buttons[:5]), "the first of them choose other classes"
    before = cards(app)
    buttons[3].click().run()
    assert not app.exception and cards(app) != before
    assert app.query_params["open"] == str(buttons[3].key).removeprefix("open-")
    one, other = buttons[3].label[0], buttons[3].label[-1]
    assert [cards(app)[0]["answer"], cards(app)[3]["answer"]] == [one, other], "the saved answers are those given now"
    app.segmented_control(key="which").set_value("first").run()
    assert not app.exception and cards(app)[0]["side"].endswith("right") and cards(app)[3]["side"].endswith("wrong")


def test_a_model_that_cannot_answer_says_so_beside_the_others(open_page, home: Home) -> None:
    identity = build_tryable_digits(home)
    run = next(home.experiment(identity).path.glob("runs/*/model.onnx"))
    run.write_bytes(b"damaged")
    app = open_page(PAGE, id=identity, how="test")
    silent = [card for card in cards(app) if card["answer"] == "no answer"]
    assert not app.exception and len(silent) == 1 and "Export the run again" in silent[0]["side"]


def test_older_experiments_have_the_samples_of_their_bundles_and_say_so(open_page, home: Home) -> None:
    app = open_page(PAGE, id=build_tryable_digits(home, kept=False), how="test", sample="5")
    assert not app.exception and "Only 32 of 640 test samples" in told(app)
    assert "Number 5 is not kept here" in told(app) and cards(app)


def test_a_tagging_is_labelled_step_by_step(open_page, home: Home) -> None:
    app = open_page(PAGE, id=build_tryable_task(home, "tagging"))
    assert not app.exception
    frame = app.dataframe[0].value
    # The first sequence has two steps of padding.
    assert len(frame) == 6 and set(frame["true"]) <= {"blank", "stroke", "corner"}
    assert all(re.fullmatch(r"\d of 6", card["answer"]) and card["side"] == "steps right" for card in cards(app))
    assert "of 6 steps" in told(app)
    app = open_page(PAGE, id="tagging", how="apart")
    assert not app.exception and "how many steps they label differently" in told(app)


def test_a_regression_gives_values(open_page, home: Home) -> None:
    identity = build_tryable_task(home, "regression")
    app = open_page(PAGE, id=identity, sample="199")
    assert not app.exception and "True values" in told(app) and not app.slider, "values have no temperature"
    frame = app.dataframe[-1].value
    assert set(frame.index) == {"glucose", "pressure"} and "true" in frame.columns
    app = open_page(PAGE, id=identity, how="apart")
    assert not app.exception and not app.error and cards(app)


def test_without_an_export_or_an_id_the_page_offers_the_next_step(open_page, home: Home) -> None:
    assert "no experiment with a trained model" in told(open_page(PAGE))
    worker = build_running_experiment(home)
    app = open_page(PAGE, id=worker.experiment_id)
    assert not app.exception and "no exported model yet" in told(app) and app.get("page_link")
    app = open_page(PAGE)
    assert app.selectbox(key="of").options
    app = open_page(PAGE, id="nothing-here")
    assert not app.exception and len(app.warning) == 1


def test_the_experiment_leads_to_the_page(open_page, home: Home) -> None:
    app = open_page("experiments/detail.py", id=build_tryable_digits(home))
    app.button(key="try").click().run()
    assert not app.exception and [title.value for title in app.title] == ["Try it"]


def test_models_come_from_the_address_and_none_is_told(open_page, home: Home) -> None:
    identity = build_tryable_digits(home)
    runs = [path.parent.name for path in home.experiment(identity).path.glob("runs/*/model.onnx")]
    app = open_page(PAGE, id=identity, how="test", models=runs[:2])
    assert len(cards(app)) == 2
    app.multiselect(key="models").set_value([]).run()
    assert not app.exception and "Choose at least one model" in told(app)


def test_sentences_of_agreement() -> None:
    names = ("cat", "dog", "cow")
    assert class_sentence({"a": 1, "b": 1}, names, truth=None) == "All 2 say dog."
    assert class_sentence({"a": 1, "b": 1}, names, truth=1) == "All 2 say dog, which is right."
    assert class_sentence({"a": 1, "b": 1}, names, truth=0) == "All 2 say dog, which is wrong."
    assert class_sentence({"a": 1, "b": 0, "c": 1}, names, truth=0) == "A and c say dog; b says cat, which is right."
    assert class_sentence({"a": 1, "b": 0}, names, truth=2).endswith("None is right: it is cow.")
    many = {name: 1 for name in "abcd"} | {"e": 0}
    assert class_sentence(many, names, truth=None) == "4 models say dog; e says cat."
    near, far = np.array([1.0, 5.0]), np.array([1.1, 9.0])
    assert value_sentence({"a": near, "b": far}, ("x", "y"), truth=np.array([1.1, 8.5])) == (
        "The answers of y lie between 5 and 9. Nearest to the truth: b."
    )
    assert value_sentence({"a": np.array([np.nan])}, ("x",), truth=None) == "Not every answer is a number."
    steps = {"a": np.array([0, 1, 2]), "b": np.array([0, 1, 1])}
    assert step_sentence(steps, np.array([True, True, True])) == "All 2 give the same label at 2 of 3 steps."
    assert step_sentence(steps, np.array([True, True, False])) == "All 2 give the same labels at all 2 steps."
