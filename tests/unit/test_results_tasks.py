"""Verdicts, result JSON and terminal tables of taggings and regressions, from a home that holds both."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from distill_core.cli.terminal import print_experiment
from distill_core.folders import Home
from distill_core.jobs.starting import DispatcherStarter
from distill_core.plan import with_baselines
from distill_core.results import baselines_of, leading, verdicts_of
from distill_core.services import Lab
from tests.fixtures import build_compressed_experiment
from tests.store_samples import small_spec
from tests.task_samples import build_task_experiment


@pytest.fixture
def lab(tmp_path: Path, with_catalogue: Callable[[Home], Home], monkeypatch: pytest.MonkeyPatch) -> Lab:
    home = with_catalogue(Home(tmp_path))
    monkeypatch.setattr(DispatcherStarter, "ensure", lambda self: None)
    build_task_experiment(home, "regression")
    build_task_experiment(home, "tagging")
    return Lab(home)


def test_a_regression_is_judged_by_r2(lab: Lab) -> None:
    (found,) = lab.verdicts("regression")
    assert (found.metric, found.student, found.baseline, found.verdict) == ("r2", "distilled", "alone", "helped")
    view = lab.experiment("regression")
    (losses,) = verdicts_of(view, lab.catalogue(), metric="mse")
    assert losses.delta_mean < 0 and losses.verdict == "helped"
    assert verdicts_of(view, lab.catalogue(), metric="accuracy")[0].seeds == 0, "NaN is no figure"
    assert lab.verdicts("tagging")[0].metric == "accuracy"


def test_the_result_tells_only_what_the_task_has(lab: Lab) -> None:
    result = json.loads(json.dumps(lab.result("regression"), allow_nan=False))
    assert result["task"] == "regression" and result["verdicts"][0]["metric"] == "r2"
    teacher, alone = result["runs"][:2]
    assert 0.85 < teacher["r2"] < 1 and 0 < teacher["mse"] < 0.15 and teacher["teacher_mse"] is None
    assert alone["teacher_mse"] > 0
    assert {alone[name] for name in ("accuracy", "nll", "ece", "agreement")} == {None}
    tagging = lab.result("tagging")
    assert tagging["task"] == "tagging" and tagging["runs"][0]["r2"] is None and tagging["runs"][0]["accuracy"] > 0.9


def test_the_terminal_shows_the_figures_of_the_task(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    view = lab.experiment("regression")
    print_experiment(view, lab.verdicts("regression"))
    told = capsys.readouterr().out
    assert "distilled R² 0." in told and "squared error" in told and f"{view.runs[0].r2:.4g}" in told
    assert "accuracy" not in told and "ECE" not in told and "nan" not in told.lower()
    print_experiment(lab.experiment("tagging"), lab.verdicts("tagging"))
    told = capsys.readouterr().out
    assert "accuracy per step" in told and "%" in told and "R²" not in told


def test_several_teachers_are_listed_by_name(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    build_task_experiment(lab.home, "regression", experiment_id="three", teachers=3, seeds=2)
    view = lab.experiment("three")
    assert [run["name"] for run in lab.result("three")["runs"]][:3] == ["teacher", "teacher 2", "teacher 3"]
    print_experiment(view, lab.verdicts("three"))
    assert "teacher 3" in capsys.readouterr().out
    assert [verdict.student for verdict in lab.verdicts("three")] == ["distilled"]


def test_every_variant_is_judged_against_its_own_network_alone(lab: Lab) -> None:
    """Two networks, of which one has no plain baseline among the chosen students: the plan adds it."""
    data = small_spec().to_json()
    other = {**data["students"][1], "name": "other", "architecture": {"name": "strided-cnn", "params": {}}}
    spec = small_spec(students=[*data["students"], other])
    lab.store.create(spec, experiment_id="two", created_at=5.0)
    view = lab.experiment("two")
    found = baselines_of(view, lab.catalogue())
    added = next(
        student.name for student in with_baselines(spec, lab.catalogue())
        if student.architecture.name == "strided-cnn" and student.name != "other"
    )
    assert found == {"distilled": "alone", "other": added} and added != "alone"


def test_the_student_to_look_at_first_is_the_one_that_was_helped_most_else_the_best_by_validation(lab: Lab) -> None:
    identity = build_compressed_experiment(lab.home)
    view = lab.experiment(identity)
    told, kept = lab.verdicts(identity), lab.store.kept_validation(identity)
    run = next(run for run in view.runs if run.role == "student")
    points = [point for point in lab.live(identity, 0)["points"] if point[0] == run.run_id]
    # [run, epoch, loss, accuracy, NLL, terms, best, norms]: the last epoch that was the best so far is kept.
    assert kept[run.run_id] == [point[3] for point in points if point[6]][-1] == max(point[3] for point in points)
    leads = [verdict.student for verdict in lab.leading(view)]
    assert leads == ["distilled T=8", "distilled T=1"], "neither the baseline nor the control without a teacher"

    def order(*wanted: tuple[str, str, float, float]) -> list[str]:
        runs = tuple(replace(run, name=name, run_id=name) for name, *_rest in wanted)
        found = [replace(told[0], student=name, verdict=word, delta_mean=gain) for name, word, gain, _figure in wanted]
        return [one.student for one in leading(
            replace(view, runs=runs), found, {name: figure for name, _word, _gain, figure in wanted}
        )]

    little, much, sad, fair, none = (
        ("little", "helped", 0.01, 0.99), ("much", "helped", 0.03, 0.9), ("sad", "did not help", -0.01, 0.8),
        ("fair", "inconclusive", 0.002, 0.85), ("none", "inconclusive", 0.05, math.nan),
    )
    assert order(none, sad, fair, little, much) == ["much", "little", "fair", "sad", "none"]
