"""Charts of sweeps: the map's cells and signs, lines, front, course and importance."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest

from distill_core.charts.heat import AROUND_ZERO, SEQUENTIAL, colour_at, contrast, ink_on, span_of
from distill_core.charts.style import caption_of
from distill_core.charts.sweep_axes import axes_of, value_word, values_in_words
from distill_core.charts.sweep_course import best_so_far
from distill_core.charts.sweep_figures import interval_words, metric_of, told_apart
from distill_core.charts.sweep_front import costs_there, front, pareto_steps
from distill_core.charts.sweep_importance import importance_bars
from distill_core.charts.sweep_lines import parallel_lines
from distill_core.charts.sweep_map import CELL_TEXT, sweep_map
from distill_core.charts.sweep_plan import plan_picture
from distill_core.folders import Home
from distill_core.language import speaking
from distill_core.progress import progress_of, sweep_progress
from distill_core.sweep_rows import Cell, Importance, SeedFigures, SweepPlan, TrialResult
from tests.fixtures import build_running_experiment, preset_spec
from tests.told_sweeps import TEMPERATURES, map_results, map_spec, results_of, search_results, spread, trial

MAP: dict[str, Any] = {"x": "temperature", "y": "teacher_share", "theme": "light"}


def texts_of(fig: go.Figure) -> dict[tuple[int, int], str]:
    trace = next(one for one in fig.data if one.name == CELL_TEXT)
    return {(x, y): text for x, y, text in zip(trace.x, trace.y, trace.text, strict=True)}


def test_ink_can_be_read_on_every_colour_of_both_scales() -> None:
    for scale in (SEQUENTIAL, AROUND_ZERO):
        colours = [colour_at(scale, place / 100) for place in range(101)]
        assert min(contrast(ink_on(colour), colour) for colour in colours) >= 4.5
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)


def test_the_sequential_scale_only_ever_gets_brighter() -> None:
    against_black = [contrast("#000000", colour_at(SEQUENTIAL, place / 50)) for place in range(51)]
    assert against_black == sorted(against_black)


def test_one_failed_cell_does_not_take_the_colours_from_all_others() -> None:
    span = span_of([95.0, 95.5, 96.0, 96.2, 96.4, 20.0])
    assert (span.low, span.high, span.cut_low, span.cut_high) == (95.0, 96.4, True, False)
    assert span.place(20.0) == 0 and span.place(96.4) == 1
    around = span_of([-1.0, 3.0], around_zero=True)
    assert (around.low, around.high) == (-3.0, 3.0)
    assert span_of([]).place(0.5) == 0.5 and span_of([7.0]).place(7.0) == 0.5


def test_every_cell_has_its_number_colour_and_trial() -> None:
    results = map_results()
    fig = sweep_map(results, figure="validation", **MAP)
    assert len(texts_of(fig)) == 25
    cells = next(one for one in fig.data if one.coloraxis == "coloraxis")
    for one in results.trials:
        i, j = TEMPERATURES.index(one.values["temperature"]), [0.25, 0.5, 0.75, 0.9, 1.0].index(
            one.values["teacher_share"]
        )
        assert cells.z[j][i] == pytest.approx(100 * one.validation.mean) and cells.customdata[j][i] == one.number
        assert texts_of(fig)[i, j].startswith(f"{100 * one.validation.mean:.1f}")
        assert list(fig.layout.meta["cells"]["places"][str(one.number)]) == [i, j]
    hover = cells.hovertext[0][0]
    assert "Trial 1" in hover and "5 seeds" in hover and "Temperature" in hover
    assert list(fig.layout.xaxis.ticktext) == ["1", "2", "4", "8", "16"]
    assert len(fig.layout.shapes) == 1 and [text for text in texts_of(fig).values() if "best" in text]


def test_cells_without_a_figure_have_the_sign_of_their_state() -> None:
    results = map_results(done=3, state="running")
    fig = sweep_map(results, figure="validation", **MAP)
    assert texts_of(fig)[4, 4] == "·" and texts_of(fig)[0, 3].endswith("2/5")
    assert "· waiting" in caption_of(fig) and "…" not in caption_of(fig)
    shades = next(one for one in fig.data if one.name == "state")
    assert shades.z[4][4] == 0 and shades.z[0][0] is None and "waiting" in shades.hovertext[4][4]


def test_a_gain_that_leaves_out_zero_is_bold_and_has_a_sign() -> None:
    results = map_results()
    fig = sweep_map(results, figure="gain", **MAP)
    sure = [one for one in results.trials if (one.gain.low or 0) > 0]
    assert 0 < sum("<b>+" in text for text in texts_of(fig).values()) == len(sure)
    assert fig.layout.coloraxis.cmin == -fig.layout.coloraxis.cmax
    low = sweep_map(results, figure="gain-low", **MAP)
    cells = next(one for one in low.data if one.coloraxis == "coloraxis")
    assert cells.z[0][0] == pytest.approx(100 * results.trials[0].gain.low)


def test_of_several_trials_in_one_place_the_best_is_shown_unless_an_axis_is_fixed() -> None:
    axes = [
        {"field": "temperature", "values": [1.0, 4.0]}, {"field": "teacher_share", "values": [0.5, 1.0]},
        {"field": "start", "values": ["random", "teacher"]},
    ]
    trials = [
        trial(0, {"temperature": 1.0, "teacher_share": 0.5, "start": "random"}, level=0.90),
        trial(1, {"temperature": 1.0, "teacher_share": 0.5, "start": "teacher"}, level=0.97),
        trial(2, {"temperature": 4.0, "teacher_share": 1.0, "start": "random"}, level=0.93),
    ]
    results = results_of(map_spec(axes=axes), trials)
    whole = sweep_map(results, figure="validation", **MAP)
    cells = next(one for one in whole.data if one.coloraxis == "coloraxis")
    assert cells.customdata[0][0] == 1 and "best of 2 trials here" in cells.hovertext[0][0]
    part = sweep_map(results, figure="validation", fixed={"start": "random"}, **MAP)
    cells = next(one for one in part.data if one.coloraxis == "coloraxis")
    assert cells.customdata[0][0] == 0 and "best of" not in cells.hovertext[0][0]


def test_a_trial_stands_wherever_its_combinations_do_and_once_a_place() -> None:
    axes = [
        {"field": "temperature", "values": [1.0, 4.0]}, {"field": "teacher_share", "values": [0.5, 1.0]},
        {"field": "start", "values": ["random", "teacher"]},
    ]
    # At share 1 the start makes no difference, say; at T=4 the same again.
    twins = tuple({"temperature": t, "teacher_share": 1.0, "start": s} for t, s in ((1.0, "teacher"), (4.0, "random")))
    one = replace(trial(0, {"temperature": 1.0, "teacher_share": 1.0, "start": "random"}, level=0.9), twins=twins)
    dear = trial(
        1, {"temperature": 4.0, "teacher_share": 1.0, "start": "random"}, level=0.99, limits_broken=("Too large.",)
    )
    results = results_of(map_spec(axes=axes), [one, dear])

    def numbers_of(fixed: dict[str, str]) -> list[list[int | None]]:
        fig = sweep_map(results, figure="validation", fixed=fixed, **MAP)
        cells = next(found for found in fig.data if found.coloraxis == "coloraxis")
        assert "best of" not in (cells.hovertext[1][0] or "")
        return [list(row) for row in cells.customdata]

    # What keeps to the limits is shown before what is better and does not.
    assert numbers_of({}) == [[None, None], [0, 0]]
    assert numbers_of({"start": "teacher"}) == [[None, None], [0, None]]


def test_an_equal_combination_stands_in_both_places() -> None:
    twins = ({"temperature": 4.0, "teacher_share": 0.25},)
    results = results_of(map_spec(), [replace(trial(0, {"temperature": 1.0, "teacher_share": 0.25}), twins=twins)])
    assert set(texts_of(sweep_map(results, figure="validation", **MAP))) == {(0, 0), (2, 0)}


def test_a_single_axis_is_one_row() -> None:
    trials = [trial(number, {"temperature": value}) for number, value in enumerate(TEMPERATURES)]
    results = results_of(map_spec(axes=[{"field": "temperature", "values": list(TEMPERATURES)}]), trials)
    fig = sweep_map(results, x="temperature", y="", figure="validation", theme="light")
    assert set(texts_of(fig)) == {(place, 0) for place in range(5)} and fig.layout.yaxis.title.text == ""


def test_how_many_trials_the_best_can_be_told_from() -> None:
    def exact(number: int, validations: list[float]) -> TrialResult:
        seeds = tuple(SeedFigures(seed, value, None, None, None) for seed, value in enumerate(validations))
        return replace(trial(number, {"temperature": float(number + 1)}), seeds=seeds, validation=spread(validations))

    best, near, far = exact(0, [0.97, 0.96, 0.98]), exact(1, [0.98, 0.94, 0.97]), exact(2, [0.90, 0.89, 0.91])
    lone = exact(3, [0.99])
    results = replace(results_of(map_spec(), [best, near, far, lone]), best=0)
    assert told_apart(results) == (1, 1), "one seed cannot tell"
    assert told_apart(replace(results, best=None)) is None and told_apart(results_of(map_spec(), [best])) is None


def test_a_range_is_drawn_as_points_at_their_numbers() -> None:
    results = search_results()
    many = replace(results, trials=tuple(
        replace(one, number=number, values=dict(one.values) | {"temperature": 1 + number / 7})
        for number, one in enumerate(results.trials * 2)
    ))
    fig = sweep_map(many, x="temperature", y="student", figure="test", theme="dark")
    points = next(one for one in fig.data if one.marker.coloraxis == "coloraxis")
    assert fig.layout.xaxis.type == "log" and set(points.y) <= {0, 1, 2}
    assert sorted({*points.customdata, *fig.data[0].customdata}) == list(range(48))


def test_lines_leave_out_trials_without_a_figure_and_show_the_objectives() -> None:
    results = search_results()
    fig = parallel_lines(results, theme="light")
    told = {number for trace in fig.data for number in (trace.customdata or ()) if number is not None}
    assert told == {one.number for one in results.trials if one.validation.mean is not None} and 10 not in told
    titles = [one.text for one in fig.layout.annotations]
    assert any("ONNX file" in title for title in titles) and not any("Latency" in title for title in titles)
    thick = next(trace for trace in fig.data if trace.line.width == 4)
    assert {number for number in thick.customdata if number is not None} == {results.best}
    empty = parallel_lines(map_results(done=0, state="finished", seeds=1), theme="light")
    assert "No trial" in empty.layout.annotations[0].text


def test_the_front_is_what_nothing_beats_and_limits_are_drawn() -> None:
    assert pareto_steps([(2, 0.9), (1, 0.8), (2, 0.7), (3, 0.85), (4, 0.95), (1, 0.7)]) == [
        (1, 0.8), (2, 0.9), (4, 0.95),
    ]
    results = search_results()
    assert costs_there(results)[0] == "size"
    fig = front(results, cost="size", theme="light")
    broken = next(trace for trace in fig.data if trace.name == "break a limit")
    assert set(broken.x) == {108.0} and broken.opacity < 0.5
    line = next(shape for shape in fig.layout.shapes if shape.x0 == shape.x1)
    assert line.x0 == 60.0
    edge = next(trace for trace in fig.data if trace.name == "Pareto front")
    kept = [one.validation.mean for one in results.trials if one.validation.mean and not one.limits_broken]
    best_kept = 100 * max(kept)
    assert max(edge.y) == pytest.approx(best_kept), "a trial beyond the limit is not on the front"


def test_the_best_so_far_only_climbs_and_knows_the_limits() -> None:
    results = search_results()
    fig = best_so_far(results, theme="light")
    line = next(trace for trace in fig.data if trace.name == "best so far")
    assert list(line.y) == sorted(line.y) and "partly luck" in caption_of(fig)
    best = results.trials[results.best or 0]
    assert line.y[-1] == pytest.approx(100 * best.validation.mean) and not best.limits_broken


def test_the_plan_shows_every_cell_and_greys_the_refused() -> None:
    spec = map_spec(axes=[
        {"field": "temperature", "values": [1.0, 4.0]}, {"field": "teacher_share", "values": [0.5, 1.0]},
        {"field": "start", "values": ["random", "teacher"]},
    ])
    cells = [
        Cell(number, f"cell {number}", {"temperature": temperature, "teacher_share": share, "start": start})
        for number, (temperature, share, start) in enumerate(
            itertools.product([1.0, 4.0], [0.5, 1.0], ["random", "teacher"])
        )
    ]
    plan = SweepPlan(spec, tuple(cells[:-1]), 7, 1, 40)
    fig = plan_picture(plan, theme="light", refused=[0, 1])
    heat = fig.data[0]
    assert [list(row) for row in heat.z] == [[0, 2], [2, 2]]
    assert [list(row) for row in heat.text] == [["", "2"], ["2", ""]]
    assert "2 refused" in caption_of(fig) and "further settings" in caption_of(fig)
    twin = replace(cells[0], twins=({"temperature": 4.0, "teacher_share": 0.5, "start": "random"},))
    fig = plan_picture(SweepPlan(spec, (twin, cells[2]), 2, 1, 11), theme="dark")
    assert fig.data[0].z[0][1] == 1 and "comes to the same student" in caption_of(fig)
    assert "as it goes" in plan_picture(SweepPlan(spec, (), 9, 1, 40), theme="light").layout.annotations[0].text


def test_a_sweeps_time_is_that_of_its_experiment_or_the_pace_of_its_trials(tmp_path: Path) -> None:
    worker = build_running_experiment(Home(tmp_path), spec=preset_spec(seeds=2))
    view = worker.store.experiment(worker.experiment_id)
    one = (view.row, view.steps)
    alone = progress_of(*one, now=worker.at)
    assert sweep_progress(0, 4, [one], now=worker.at) == alone
    many = sweep_progress(10, 40, [one, one], now=worker.at)
    assert many.share == 0.25 and many.elapsed_seconds == pytest.approx(2 * (alone.elapsed_seconds or 0))
    assert many.remaining_seconds == pytest.approx(3 * (many.elapsed_seconds or 0))
    assert sweep_progress(0, 40, [], now=1.0).remaining_seconds is None
    # The newest has all that is open: after an extension, say.
    extended = sweep_progress(36, 40, [one, one], now=worker.at)
    assert extended.remaining_seconds == alone.remaining_seconds
    assert extended.share == pytest.approx((36 + 4 * alone.share) / 40)


@pytest.mark.parametrize(("trials", "few"), [(12, True), (200, False)])
def test_importance_tells_how_many_trials_are_behind_it(trials: int, few: bool) -> None:
    fig = importance_bars(Importance({"temperature": 0.8, "student": 0.2}, trials, "fANOVA"), theme="light")
    assert list(fig.data[0].x) == [20.0, 80.0] and list(fig.layout.yaxis.ticktext) == ["Student", "Temperature"]
    assert f"{trials} trials" in caption_of(fig) and ("That is few" in caption_of(fig)) == few


def test_values_and_intervals_in_words() -> None:
    assert value_word("student", {"name": "mlp", "params": {"width": 16}}) == "mlp (width=16)"
    assert values_in_words({"temperature": 4.0, "start": "random"}) == "temperature 4, starting weights random"
    results = map_results()
    metric = metric_of(results)
    assert interval_words(results.trials[0].validation, metric).endswith("5 seeds)")
    assert "+" in interval_words(results.trials[24].gain, metric, signed=True)
    assert interval_words(map_results(seeds=1).trials[0].test, metric).endswith("(1 seed)")
    assert [axis.field for axis in axes_of(results)] == ["temperature", "teacher_share"]


def test_hostile_names_are_text_and_words_are_chinese() -> None:
    evil = {"name": "<b>$x$%{y}", "params": {}}
    results = results_of(map_spec(axes=[
        {"field": "temperature", "values": [1.0, 4.0]}, {"field": "student", "values": [evil, "tiny-cnn"]},
    ]), [trial(0, {"temperature": 1.0, "student": evil})])
    with speaking("zh"):
        fig = sweep_map(results, x="temperature", y="student", figure="validation", theme="light")
        assert "&lt;b&gt;&#36;x&#36;" in fig.layout.yaxis.ticktext[0] and "<b>$" not in str(fig.to_dict())
        assert "温度" in fig.layout.xaxis.title.text and "种子" in caption_of(fig)
