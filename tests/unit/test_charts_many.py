"""Charts and sentences of an experiment with more variants than one chart can show."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from distill_core.catalog import Catalogue
from distill_core.charts.gains import gains
from distill_core.charts.variants import choose, leading, series_styles, validation_means, variants
from distill_core.evaluation.verdict import paired_verdict
from distill_core.folders import Home
from distill_core.jobs.catalogue import load_catalogue
from distill_core.report import sentences
from distill_core.report.document import document_of
from distill_core.report.points import every_point
from distill_core.results import verdicts_of
from distill_core.rows import ExperimentView
from distill_core.store.store import Store
from tests.map_samples import build_map_experiment
from tests.unit.chart_rows import run

BEST = {"s7": 0.97, "s2": 0.96, "s11": 0.95, "s5": 0.94, "s3": 0.93, "s8": 0.92}


def twelve() -> list:
    """A teacher, the student alone, and twelve distilled ones; of the validation data six are good."""
    rows = [run("teacher", "teacher", 50, accuracy=0.99), run("baseline", "alone", accuracy=0.9)]
    return rows + [
        replace(run("student", f"s{n}", accuracy=0.9 + n / 1000), validation=BEST.get(f"s{n}", 0.8)) for n in range(12)
    ]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, ExperimentView]:
    store = Store(Home(tmp_path_factory.mktemp("many")))
    return store, store.experiment(build_map_experiment(store.home, seeds=3, epochs=6))


@pytest.fixture(scope="module")
def catalogue(many: tuple[Store, ExperimentView], with_catalogue: Callable[[Home], Home]) -> Catalogue:
    return load_catalogue(with_catalogue(many[0].home))


def test_the_best_on_validation_data_are_shown_beside_teacher_and_alone() -> None:
    shown, notes = choose(twelve(), "light")
    assert [one.name for one in shown] == ["teacher", "alone", "s2", "s3", "s5", "s7", "s8", "s11"]
    assert notes == [
        "6 more not shown: at most 8 fit one chart.",
        "Of the students, those are shown that are best on validation data.",
    ]
    assert {row.name for row in twelve() if row.run_id in leading(twelve())} == {"teacher", "alone", *BEST}


def test_those_that_are_shown_have_colours_of_their_own_on_every_chart() -> None:
    shown, _notes = choose(twelve(), "light")
    assert len({one.color for one in shown}) == 8
    styles = series_styles(twelve(), "light")
    assert {styles[one.first.run_id]["color"] for one in shown} == {one.color for one in shown}
    assert [one.name for one in variants(twelve(), "light")] == ["teacher", "alone", *(f"s{n}" for n in range(12))]
    assert next(one.color for one in shown if one.name == "s7") == "#0072B2", "the best one has the students' colour"


def test_the_validation_figure_is_that_of_the_weights_that_are_kept(many: tuple[Store, ExperimentView]) -> None:
    store, view = many
    points = list(every_point(store, view.row.experiment_id))
    for row in view.runs[:5]:
        best = [point for point in points if point[0] == row.run_id and point[6]]
        assert row.validation == best[-1][3] and row.validation is not None
    means = validation_means(view.runs)
    assert len(means) == 25 and max(means, key=lambda name: means[name]) == "T=4, teacher 70%"


def test_many_verdicts_have_a_line_each_the_largest_gain_at_the_top() -> None:
    judged = [
        paired_verdict(
            {seed: 0.9 + gain + seed / 500 for seed in range(3)}, {seed: 0.9 for seed in range(3)},
            student_name=f"s{number}", baseline_name="alone",
        )
        for number, gain in enumerate((-0.05, 0.04, 0.02, 0.0, 0.01, -0.02, 0.03, 0.001, 0.05))
    ]
    fig = gains(judged, theme="dark")
    assert list(fig.layout.yaxis.ticktext)[:3] == ["s8", "s1", "s6"] and fig.layout.yaxis.ticktext[-1] == "s0"
    named = {trace.name: trace for trace in fig.data}
    assert {name.split(" (")[0] for name in named} == {"one seed", "helped", "did not help", "inconclusive"}
    assert sum(len(trace.x) for name, trace in named.items() if name != "one seed") == 9
    helped = next(trace for name, trace in named.items() if name.startswith("helped"))
    first = judged[8]
    assert helped.x[0] == pytest.approx(100 * first.delta_mean) and first.ci_low is not None
    assert helped.x[0] - helped.error_x.arrayminus[0] == pytest.approx(100 * first.ci_low)
    assert fig.layout.height < 9 * 58, "lines are narrower than the rows of few"


def test_of_many_the_report_tells_the_one_that_validation_chose(
    many: tuple[Store, ExperimentView], catalogue: Catalogue
) -> None:
    _store, view = many
    # The largest gain on the test data is another's, which was lucky there.
    lucky = tuple(
        replace(row, accuracy=0.999) if row.name == "T=1, teacher 10%" else row for row in view.runs
    )
    view = replace(view, runs=lucky)
    verdicts = verdicts_of(view, catalogue)
    best = sentences.best_of(verdicts, view)
    assert best is not None and best.student == "T=4, teacher 70%"
    assert "validation data chose it of 25 students" in sentences.answer(verdicts, view)
    told = sentences.told_of(verdicts, view)
    assert len(told) == 25 and told[0].sentence.startswith("T=4, teacher 70%")
    assert [bool(one.because) for one in told[:5]] == [True, True, True, False, False]


def test_the_reports_chart_of_gains_has_some_and_its_table_all(
    many: tuple[Store, ExperimentView], catalogue: Catalogue
) -> None:
    store, view = many
    points = every_point(store, view.row.experiment_id)
    found = document_of(view, verdicts_of(view, catalogue), points, at=1.79e9)
    (figure,) = found.figures["sure"]
    assert len(figure.rows) == 25 and "19 more students stand in the table below." in figure.reading
    assert str(figure.picture).count(": helped") + str(figure.picture).count("did not help") <= 2 * 6


def test_a_student_without_validation_points_comes_last() -> None:
    rows = [replace(row, validation=None) if row.name == "s7" else row for row in twelve()]
    assert "s7" not in {one.name for one in choose(rows, "light")[0]}
    assert math.isclose(validation_means(rows)["s2"], 0.96) and "s7" not in validation_means(rows)


def test_a_samples_map_is_what_it_says(tmp_path: Path) -> None:
    view = Store(Home(tmp_path)).experiment(build_map_experiment(Home(tmp_path), seeds=1, epochs=3))
    assert [run.role for run in view.runs].count("student") == 25 and len({run.name for run in view.runs}) == 27
