"""The loss budget and the teacher's fitness on the pages: banner, whose shares are stacked, card, warning and its T."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from distill_core.evaluation.teacher_fitness import Comparison, TeacherFitness, teacher_fitness
from distill_core.events import EpochEnded
from distill_core.folders import Home, write_json
from distill_core.spec import ExperimentSpec
from distill_core.store.store import Store
from pages.ui import same_as, teacher_words
from tests.fixtures import (
    FakeWorker,
    build_finished_experiment,
    build_running_experiment,
    create_experiment,
    preset_spec,
)

PAGE, FORM = "experiments/detail.py", "experiments/design.py"


def told(app: AppTest) -> str:
    return "\n".join(str(part.value) for part in (*app.warning, *app.caption, *app.markdown)).replace("\\", "")


def curves(app: AppTest) -> dict[str, Any]:
    """What the live curves were given."""
    return json.loads(next(
        one.proto.json for one in app.get("bidi_component") if "curves" in one.proto.component_name
    ))


def two_terms(*, weight: float = 100.0, names: tuple[str, ...] = ("both",)) -> ExperimentSpec:
    spec = preset_spec(seeds=2).to_json()
    terms = [{"loss": {"name": "cross-entropy"}}, {"loss": {"name": "hint"}, "weight": weight}]
    spec["students"] = [spec["students"][0], *(spec["students"][3] | {"name": one, "terms": terms} for one in names)]
    return preset_spec(seeds=2, students=spec["students"])


def with_norms(worker: FakeWorker, hint: float) -> None:
    """Gradients of every run with a hint."""
    for run in worker.runs:
        if "hint" in run.terms:
            worker.emit(EpochEnded(
                at=worker.at, run_id=run.run_id, epoch=1, step=25, learning_rate=0.01, train_loss=1.0,
                validation_accuracy=0.5, validation_nll=1.0, raw_terms={"cross-entropy": 1.0, "hint": 1.0},
                weighted_terms={"cross-entropy": 1.0, "hint": 1.0},
                gradient_norms={"cross-entropy": 1.0, "hint": hint},
            ))
    worker.ingest()


def test_a_dominating_term_is_told_with_its_fair_weight(open_page, home: Home) -> None:
    worker = build_running_experiment(home, spec=two_terms())
    with_norms(worker, 19.5)
    app = open_page(PAGE, id=worker.experiment_id)
    assert not app.exception
    assert (
        "In “both” the term “Hint (FitNets)” supplies 95.1% of the gradient, so the other terms hardly count. Lower "
        "its weight from 100 to about 5 to give it a fair share."
    ) in told(app)


def test_fair_shares_and_terms_alone_are_no_news(open_page, home: Home) -> None:
    worker = build_running_experiment(home, spec=two_terms())
    with_norms(worker, 5.0)
    assert "supplies" not in told(open_page(PAGE, id=worker.experiment_id))
    assert "supplies" not in told(open_page(PAGE, id=build_finished_experiment(home, experiment_id="single")))


def test_the_stack_is_of_one_variant_which_the_address_names(open_page, home: Home) -> None:
    identity = build_finished_experiment(home, spec=two_terms(names=("both", "[b](x)")))
    app = open_page(PAGE, id=identity, curve="Gradient shares", variant="2")
    data = curves(app)
    assert not app.exception
    assert app.selectbox(key="variant").value == "2"
    assert data["view"] == "gradients" and len(data["stack"]) == 2, "two seeds"
    other = open_page(PAGE, id=identity, curve="Gradient shares")
    first = curves(other)
    assert first["stack"] and set(first["stack"]).isdisjoint(data["stack"])


def test_the_shares_that_are_stacked_are_a_table_too(open_page, home: Home) -> None:
    worker = build_running_experiment(home, spec=two_terms())
    with_norms(worker, 3.0)
    app = open_page(PAGE, id=worker.experiment_id, curve="Gradient shares")
    behind = next(one for one in app.expander if one.label == "As a table")
    assert behind.proto.id, "it is filled when it is opened"
    app.session_state["curves-numbers"] = True
    app.run()
    assert not app.exception
    table = next(one.value for one in app.dataframe if "Hint (FitNets) (%)" in one.value.columns)
    assert list(table["epoch"]) == [1] * len(table)
    assert list(table["Hint (FitNets) (%)"]) == [75.0] * len(table), "3 of 1 + 3"
    assert len(table) == sum("hint" in run.terms for run in worker.runs)


# The teacher ---------------------------------------------------------------------------------


def fitness(margin: float = 14.0) -> TeacherFitness:
    logits = np.zeros((50, 10))
    logits[:, 0] = margin
    return teacher_fitness((logits, np.zeros(50, dtype=int)), (logits, np.zeros(50, dtype=int)))


def test_the_card_comes_with_the_fitness_and_offers_its_temperature(open_page, home: Home) -> None:
    spec = preset_spec(seeds=2)
    worker = create_experiment(home, spec=spec)
    worker.begin()
    worker.ingest()
    app = open_page(PAGE, id=worker.experiment_id)
    assert "How fit the teacher is to teach stands here once it is trained." in told(app)
    write_json(home.experiment(worker.experiment_id).teacher_fitness, fitness(28.0).to_json())
    app = open_page(PAGE, id=worker.experiment_id)
    shown = {metric.label: metric.value for metric in app.metric}
    assert (shown["Validation accuracy"], shown["Label agreement"], shown["Suggested T"]) == ("100.0%", "100.0%", "16")
    assert "at T=16 the soft labels have 87% of the greatest entropy, at T=1 0.0%; wanted 50%" in told(app)
    assert "How fit" not in told(app)


def test_a_damaged_fitness_is_one_sentence(open_page, home: Home) -> None:
    identity = build_finished_experiment(home)
    home.experiment(identity).teacher_fitness.write_text('{"accuracy": 1}')
    app = open_page(PAGE, id=identity)
    assert not app.exception
    assert any("teacher_fitness.json cannot be read" in str(one.value).replace("\\", "") for one in app.error)


def test_a_teacher_below_the_student_alone_is_warned_of(open_page, home: Home) -> None:
    identity = build_finished_experiment(home, spec=preset_spec(seeds=2))
    folder = home.experiment(identity)
    labels = np.arange(200) % 10
    np.save(folder.test_labels, labels)
    right, wrong = np.eye(10)[labels], np.eye(10)[(labels + 1) % 10]
    for run in Store(home).experiment(identity).runs:
        place = folder.run(run.run_id)
        place.path.mkdir(parents=True, exist_ok=True)
        split = 120 if run.role == "teacher" else 180
        np.save(place.test_logits, np.concatenate([right[:split], wrong[split:]]))
    text = told(open_page(PAGE, id=identity))
    assert (
        "it is right in 60.0%, “alone” in 90.0% (2 seeds). The difference is -30.0 points, 95% interval -36.4 to "
        "-23.6; only the teacher is right in 0.0%, only the student in 30.0%"
    ) in text


def test_the_form_takes_over_a_temperature_from_the_address(open_page, home: Home) -> None:
    identity = build_finished_experiment(home, spec=preset_spec(seeds=2))
    app = open_page(FORM, **{"from": identity, "temperature": "16"})
    assert not app.exception
    names = [one.value for one in app.text_input]
    assert "distilled T=16" in names and "distilled T=8" not in names


def test_variants_that_become_the_same_are_one_and_chains_follow() -> None:
    chains = [{"of": "distilled T=1", "steps": [{"name": "static-int8"}]}, {"of": "distilled T=8",
              "steps": [{"name": "static-int8"}]}]
    spec = preset_spec(compression={"chains": chains}).to_json()
    found = same_as.at_temperature(spec, 4)
    assert [one["name"] for one in found["students"]] == ["alone", "alone, label smoothing", "distilled T=4"]
    assert found["students"][2]["terms"][0]["loss"]["params"]["temperature"] == 4.0
    assert [chain["of"] for chain in found["compression"]["chains"]] == ["distilled T=4"]
    assert spec["students"][2]["name"] == "distilled T=1", "what was given stays"


@pytest.mark.parametrize(("accuracy", "warned"), [(0.8, True), (0.9, False), (0.95, False), (math.nan, False)])
def test_before_launch_only_a_weaker_teacher_is_warned_of(accuracy: float, warned: bool) -> None:
    alone = {"name": "alone", "accuracy": 0.9, "seeds": 1}
    assert bool(teacher_words.weaker_before(accuracy, alone)) == warned


def test_no_warning_where_chance_explains_the_gap() -> None:
    close = Comparison(0.9, 0.91, -0.01, -0.03, 0.01, 0.02, 0.03, 400, 3)
    assert teacher_words.weaker("alone", close) == ""
