"""What is told of a teacher before launch: its fitness where its weights are there, whom it waits for where not."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from distill_core.evaluation.teacher_fitness import TeacherFitness
from distill_core.folders import Home, RunFolder, write_json
from distill_core.jobs import teacher_answer
from distill_core.jobs.teacher_answer import TeacherAnswer
from distill_core.pipeline import deep_check
from distill_core.planned import PlannedRun
from distill_core.spec import parse_spec
from distill_core.training.cohort import predict
from distill_core.training.fitness import measure_fitness
from distill_core.training.normaliser import Normaliser
from distill_core.training.preparation import Checked


@pytest.fixture
def checked(spec_data: dict[str, Any], tmp_path: Path) -> Checked:
    torch.set_num_threads(1)
    return deep_check(parse_spec(spec_data), home=Home(tmp_path / "home"))


def keep(checked: Checked, run: PlannedRun, folder: Path, *, accuracy: float = 0.5) -> str:
    """A finished run's files: its untrained network, and a curve whose second epoch was kept."""
    place = RunFolder(folder / run.run_id)
    place.path.mkdir(parents=True)
    save_file(checked.network_of(run).state_dict(), place.model)
    curve = [{"epoch": epoch, "validation_accuracy": value} for epoch, value in ((1, 0.99), (2, accuracy))]
    write_json(place.result, {"state": "finished", "best_epoch": 2, "curve": curve})
    return str(place.path)


def test_a_teacher_that_must_be_trained_is_waited_for(checked: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher_answer, "measure_fitness", lambda *args: pytest.fail("nothing is there to measure"))
    assert TeacherAnswer().answer(checked, {}) == {"waiting": ["teacher"], "count": 1, "fitness": None, "alone": None}


def test_a_teacher_that_is_there_is_measured_once(
    checked: Checked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = checked.plan.teacher
    trained = {run.run_id: keep(checked, run, tmp_path)}
    answers = TeacherAnswer()
    told = answers.answer(checked, trained)
    json.dumps(told, allow_nan=False)
    found = TeacherFitness.from_json(told["fitness"])
    network, normalise = checked.network_of(run).eval(), Normaliser(checked.data, checked.device)
    held = checked.split.validation
    logits = predict(network, checked.data.train_rows(held), normalise)
    assert found.validation == len(held)
    assert found.accuracy == pytest.approx((logits.argmax(1) == checked.data.train_labels[held]).double().mean().item())
    seen = checked.transfer(seed=checked.spec.seeds[0], kind="all")
    assert (found.seen, found.labelled) == (len(seen.indices), seen.labelled)
    sure = predict(network, checked.data.train_rows(seen.indices), normalise).double().softmax(1).max(1).values.mean()
    assert found.confidence == pytest.approx(sure.item(), abs=1e-6)
    monkeypatch.setattr(teacher_answer, "measure_fitness", lambda *args: pytest.fail("it is known"))
    assert answers.answer(checked, trained) == told


def test_the_best_of_those_trained_alone_is_told_by_its_kept_epoch(checked: Checked, tmp_path: Path) -> None:
    alone = [run for cohort in checked.plan.cohorts for run in cohort.runs if run.role == "baseline"]
    runs = [checked.plan.teacher, *alone]
    figures = (0.1, 0.6, 0.8)
    trained = {
        run.run_id: keep(checked, run, tmp_path, accuracy=value) for run, value in zip(runs, figures, strict=True)
    }
    told = TeacherAnswer().answer(checked, trained)["alone"]
    assert told == {"name": alone[0].name, "accuracy": pytest.approx(0.7), "seeds": 2}


def test_no_comparison_where_students_are_validated_without_some_classes(
    spec_data: dict[str, Any], tmp_path: Path
) -> None:
    data = copy.deepcopy(spec_data)
    data["data"]["withheld_classes"] = ["3"]
    checked = deep_check(parse_spec(data), home=Home(tmp_path / "home"))
    trained = {run.run_id: keep(checked, run, tmp_path) for run in checked.plan.trained if run.role != "student"}
    told = TeacherAnswer().answer(checked, trained)
    assert told["alone"] is None
    assert told["fitness"]["suggestion"]["situation"] == "withheld"


@pytest.mark.parametrize(("dataset", "network"), [("digits-tagging", "bilstm"), ("diabetes", "mlp")])
def test_other_tasks(spec_data: dict[str, Any], tmp_path: Path, dataset: str, network: str) -> None:
    loss = "cross-entropy" if dataset == "digits-tagging" else "squared-error"
    spec_data["data"] = {"dataset": {"name": dataset}}
    spec_data["teacher"] = {"architecture": {"name": network}, "training": {"epochs": 1}}
    terms = [{"loss": {"name": loss}}]
    spec_data["students"] = [{"name": "one", "architecture": {"name": network}, "terms": terms}]
    spec_data["student_views"] = {"augmentation": None, "fixed_views": 1}
    checked = deep_check(parse_spec(spec_data), home=Home(tmp_path / "home"))
    found = measure_fitness(checked, checked.network_of(checked.plan.teacher).eval())
    if dataset == "diabetes":
        assert found is None, "its answers are no soft labels"
        return
    assert found is not None
    labels = checked.data.train_labels[checked.split.validation].numpy()
    assert found.validation == int((labels != -100).sum()), "each step with a label is a sample"
    assert np.isfinite([found.accuracy, found.ece, found.nll, found.confidence]).all()
