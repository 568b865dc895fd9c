"""Charts of taggings and regressions: their axes, their units, and answers against the true values."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from distill_core.charts.answers import MOST_POINTS, against_truth, limits_of
from distill_core.charts.gains import gains
from distill_core.charts.style import caption_of
from distill_core.charts.tradeoff import tradeoff
from distill_core.charts.variants import choose, variants
from distill_core.evaluation.saved import SavedAnswers
from distill_core.evaluation.verdict import paired_verdict
from distill_core.rows import RunRow
from tests.unit.chart_rows import latency, run

NAN = math.nan


def regressed(role: str, name: str, seed: int, r2: float) -> RunRow:
    return run(
        role, name, seed, task="regression", accuracy=NAN, per_class=(), confusion=(), r2=r2, mse=1 - r2,  # type: ignore[arg-type]
        latency=(latency(0.1),),
    )


ROWS = [
    regressed("teacher", "teacher", 50, 0.8), *(regressed("baseline", "alone", seed, -0.5) for seed in range(2)),
    *(regressed("student", "distilled", seed, 0.5 + seed / 10) for seed in range(2)),
]


def dots(fig: go.Figure) -> dict[str, go.Scatter]:
    return {trace.name: trace for trace in fig.data}


def test_a_regression_is_drawn_by_its_r2_below_zero_too() -> None:
    fig = tradeoff(ROWS, x="parameters", theme="light")
    assert fig.layout.yaxis.title.text == "Test R²" and not fig.layout.yaxis.ticksuffix
    found = dots(fig)
    assert (found["alone"].y[0], found["distilled"].y[0]) == (-0.5, pytest.approx(0.55))
    assert found["distilled"].error_y.array[0] == pytest.approx(math.sqrt(0.005))
    assert "0.550 ± 0.071" in found["distilled"].hovertemplate
    assert "-0.500" in found["alone"].hovertemplate and "50.0%" not in found["alone"].hovertemplate


def test_a_tagging_is_drawn_in_percent_of_steps() -> None:
    fig = tradeoff([replace(row, task="tagging", accuracy=0.9, r2=None) for row in ROWS], x="latency", theme="light")
    assert fig.layout.yaxis.title.text == "Test accuracy per step" and fig.layout.yaxis.ticksuffix == "%"
    assert dots(fig)["alone"].y[0] == pytest.approx(90.0)


def test_different_tasks_do_not_share_an_axis() -> None:
    with pytest.raises(ValueError, match="regression and a classification cannot share"):
        tradeoff([*ROWS, run("student", "s")], x="parameters", theme="light")


def test_gains_in_r2_have_no_unit() -> None:
    verdict = paired_verdict(
        {0: 0.42, 1: 0.44}, {0: 0.38, 1: 0.38}, student_name="distilled", baseline_name="alone", metric="r2"
    )
    fig = gains([verdict], ROWS, theme="light")
    assert fig.layout.xaxis.title.text == "R² minus alone (right is better)"
    assert list(fig.data[0].x) == pytest.approx([0.04, 0.06])
    assert (fig.layout.shapes[0].x0, fig.layout.shapes[0].x1) == (-0.01, 0.01)
    assert "less than 0.01 either way" in caption_of(fig) and "nats" not in fig.to_json() + caption_of(fig)


def test_gains_of_a_tagging_are_of_steps() -> None:
    verdict = paired_verdict({0: 0.9}, {0: 0.8}, student_name="distilled", baseline_name="alone")
    fig = gains([verdict], [replace(row, task="tagging") for row in ROWS], theme="light")
    assert fig.layout.xaxis.title.text == "Accuracy per step minus alone, points (right is better)"


def test_several_teachers_leave_room_for_their_students() -> None:
    rows = [run("teacher", f"teacher {n + 1}") for n in range(8)]
    rows += [run("baseline", "alone"), *(run("student", f"s{n}") for n in range(3))]
    shown, notes = choose(rows, "light")
    names = [one.name for one in shown]
    assert names == ["teacher 1", "teacher 2", "teacher 3", "teacher 4", "alone", "s0", "s1", "s2"]
    assert notes == ["4 more not shown: at most 8 fit one chart."]
    assert len({one.group for one in variants(rows, "light")}) == 12, "every teacher is a variant of its own"


def saved(predicted: list[float], true: list[float]) -> SavedAnswers:
    return SavedAnswers(predicted=np.array(predicted)[:, None], true=np.array(true)[:, None])


def drawn(answers: SavedAnswers, **changes: object) -> go.Figure:
    settings: dict[str, object] = {
        "name": "distilled", "value_name": "glucose", "color": "#0072B2", "limits": limits_of([answers], 0),
        "theme": "light",
    }
    return against_truth(answers, 0, **settings | changes)  # type: ignore[arg-type]


def test_answers_stand_against_their_true_values() -> None:
    fig = drawn(saved([1.0, 2.0, 3.5, 9.0, NAN], [1.0, 2.0, 3.0, NAN, 4.0]))
    line, points = fig.data
    assert list(points.x) == [1.0, 2.0, 3.0] and list(points.y) == [1.0, 2.0, 3.5]
    assert list(line.x) == list(line.y) == list(fig.layout.xaxis.range) == list(fig.layout.yaxis.range)
    assert (fig.layout.xaxis.title.text, fig.layout.yaxis.title.text) == ("True glucose", "Predicted glucose")


def test_the_title_tells_whose_answers_and_their_r2_of_all_samples() -> None:
    rows = np.linspace(-1, 1, 5000)
    # Every second answer is off by 1: R² = 1 - 0.5 / variance.
    answers = SavedAnswers(predicted=(rows + np.arange(5000) % 2)[:, None], true=rows[:, None])
    fig = drawn(answers)
    assert fig.layout.title.text == f"distilled · R² {1 - 0.5 / rows.var():.3f}"
    assert len(fig.data[1].x) == MOST_POINTS and "1,500 of 5,000 samples drawn." in caption_of(fig)
    assert "<" not in drawn(answers, name="<b>x</b>", value_name="<i>y</i>").layout.title.text


def test_networks_share_their_limits_and_far_answers_are_counted() -> None:
    wild, tame = saved([0.0, 1000.0], [0.0, 1.0]), saved([0.1, 0.9], [0.0, 1.0])
    low, high = limits_of([wild, tame], 0)
    assert low < 0 < 2 < high < 3, "one true spread beyond the true values, not a thousand"
    assert "1 answer lies outside the picture." in caption_of(drawn(wild, limits=(low, high)))
    assert caption_of(drawn(tame, limits=(low, high))) == ""
    assert limits_of([], 0) == (-1.0, 1.0)


def test_nothing_to_draw_is_a_sentence() -> None:
    fig = drawn(saved([NAN, NAN], [1.0, 2.0]), limits=(-1.0, 1.0))
    assert len(fig.data) == 0 and "no answers that are numbers" in fig.layout.annotations[0].text.replace("<br>", " ")
