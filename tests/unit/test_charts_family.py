"""The trade-off of a family: looks, lines of descent, the Pareto edge, limits and who wins."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from distill_core.charts.family import Limits, family_of, pareto, passing, verdict_on, winner
from distill_core.charts.limit_steps import MOST_STEPS, cost_steps, score_steps
from distill_core.charts.style import caption_of
from distill_core.charts.tradeoff import tradeoff
from distill_core.charts.variants import variants
from tests.unit.chart_rows import run
from tests.unit.family_rows import child, stairs


def test_children_have_their_parents_colour_and_a_look_of_their_own() -> None:
    found = {variant.first.name: variant for variant in variants(stairs(), "light")}
    parent = found["distilled"]
    children = [variant for name, variant in found.items() if "›" in name]
    assert {variant.color for variant in children} == {parent.color}
    assert len({(variant.dash, variant.symbol) for variant in [parent, *children]}) == 4
    assert found["alone"].color != parent.color


def test_an_orphan_keeps_the_colour_of_its_role() -> None:
    orphans = [row for row in stairs() if row.compression_step == "static-int8"]
    (variant,) = variants(orphans, "light")
    assert variant.color == variants([run("compressed", "c")], "light")[0].color


def test_the_file_counts_where_there_is_one() -> None:
    family = family_of(stairs(), theme="light")
    sizes = {member.variant.first.name.split(" › ")[-1]: member.costs["size"] for member in family.members}
    assert sizes["int8"] == 2000 and sizes["teacher"] == 80_000 and sizes["distilled"] == 8000
    bare = family_of([run("student", "s")], theme="light")
    assert bare.members[0].costs["size"] == 7592, "the weights, without a file"


def test_eight_trained_ones_and_their_children() -> None:
    rows = [run("student", f"s{number}", accuracy=0.9) for number in range(10)]
    rows += [child(row, "x", "cut", accuracy=0.8) for row in list(rows)]
    family = family_of(rows, theme="light")
    assert len(family.members) == 16
    assert {member.variant.first.parent for member in family.members if member.is_child} == {
        f"e1-student-s{number}-0" for number in range(8)
    }
    assert any("2 more not shown" in note for note in family.notes)


def test_descent_is_drawn_between_the_dots() -> None:
    fig = tradeoff(stairs(), x="size", theme="light")
    lines = [trace for trace in fig.data if trace.mode == "lines" and trace.name is None]
    assert len(lines) == 3
    dots = [trace for trace in fig.data if trace.mode == "markers" and trace.x[0] is not None]
    places = {(trace.x[0], trace.y[0]) for trace in dots}
    for line in lines:
        assert {(line.x[0], line.y[0]), (line.x[1], line.y[1])} <= places


def test_the_legend_has_trained_ones_and_steps_not_every_child() -> None:
    fig = tradeoff(stairs(), x="size", theme="light", step_titles={"static-int8": "Static int8"})
    shown = [trace.name for trace in fig.data if trace.name and trace.showlegend is not False]
    assert shown == ["Pareto edge", "teacher", "alone", "distilled", "magnitude-pruning", "fine-tuning", "Static int8"]
    children = [trace for trace in fig.data if trace.showlegend is False and trace.hovertemplate]
    headings = [trace.hovertemplate.split("</b>")[0] for trace in children]
    assert "<b>distilled<br>› 50% zeros<br>› fine-tuned (teacher)<br>› int8" in headings


class TestPareto:
    def test_only_what_nothing_beats(self) -> None:
        assert pareto([(1, 0.5), (2, 0.9), (3, 0.8), (4, 0.95), (4, 0.9)]) == [(1, 0.5), (2, 0.9), (4, 0.95)]

    def test_equal_ones_count_once_and_nothing_is_nothing(self) -> None:
        assert pareto([(1, 0.5), (1, 0.5), (1, 0.6), (2, 0.6)]) == [(1, 0.6)]
        assert pareto([]) == []

    def test_the_edge_is_a_stepped_line(self) -> None:
        fig = tradeoff(stairs(), x="size", theme="light")
        (edge,) = [trace for trace in fig.data if trace.name == "Pareto edge"]
        assert edge.line.shape == "hv"
        assert list(edge.x) == pytest.approx([2.0, 8.0, 80.0]) and list(edge.y) == pytest.approx([94.1, 96.1, 99.0])
        assert "Pareto" in caption_of(fig)
        alone = tradeoff([run("student", "s")], x="size", theme="light")
        assert not [trace for trace in alone.data if trace.name == "Pareto edge"]


class TestLimits:
    def test_the_winner_is_the_most_accurate_that_keeps_to_all(self) -> None:
        family = family_of(stairs(), theme="light")
        assert verdict_on(family, Limits(most_bytes=10_000, least_score=0.95)) == (
            "With at most 10 kB and at least 95% the best is “distilled”: 96.1%, 8 kB, 0.01 ms."
        )
        assert "› int8”: 94.1%, 2 kB, 0.02 ms" in verdict_on(family, Limits(most_bytes=4000))
        assert verdict_on(family, Limits()).startswith("The best is “teacher”")

    def test_nobody_wins_and_the_hardest_limit_is_named(self) -> None:
        family = family_of(stairs(), theme="light")
        assert verdict_on(family, Limits(most_bytes=4000, least_score=0.97)) == (
            "No network keeps to at most 4 kB and at least 97%. “at most 4 kB” excludes the most: 5 of 6."
        )

    def test_what_was_not_measured_keeps_to_no_limit_on_it(self) -> None:
        family = family_of(stairs(), theme="light")
        fast = {member.variant.first.name for member in passing(family, Limits(most_ms=1.0), metric="accuracy")}
        assert "alone" not in fast and "teacher" in fast

    def test_among_equals_the_smaller_wins(self) -> None:
        rows = [
            run("student", "large", accuracy=0.9, onnx_size_bytes=9000),
            run("student", "small", accuracy=0.9, onnx_size_bytes=5000),
        ]
        best = winner(family_of(rows, theme="light").members)
        assert best is not None and best.variant.first.name == "small"
        assert winner([]) is None

    def test_what_fails_is_dimmed(self) -> None:
        fig = tradeoff(stairs(), x="size", theme="light", limits=Limits(most_bytes=4000))
        clear = [trace.hovertemplate for trace in fig.data if trace.mode == "markers" and trace.opacity == 1.0]
        assert len(clear) == 1 and "int8" in clear[0]
        assert "Pale" in caption_of(fig)

    def test_r2_is_named(self) -> None:
        rows = [run("student", "s", task="regression", r2=0.8, accuracy=math.nan)]
        assert "R² 0.800" in verdict_on(family_of(rows, theme="light"), Limits(least_score=0.5))


class TestLimitSteps:
    def test_costs_in_round_numbers_from_below_to_above(self) -> None:
        steps = cost_steps([9400, 108_000])
        assert steps[0] == 8000 and steps[1] == 10_000 and steps[-1] == 120_000 and 20_000 in steps
        assert cost_steps([]) == [] and cost_steps([0.017])[0] == 0.015
        assert len(cost_steps([10, 45_000_000])) <= MOST_STEPS

    def test_scores_in_even_steps(self) -> None:
        steps = score_steps([0.902, 0.99], share=True)
        assert steps[0] == 0.9 and steps[-1] <= 1.0 and 0.95 in steps and len(steps) < 45
        assert score_steps([], share=True) == []
        wide = score_steps([-300.0, 0.9], share=False)
        assert wide[0] <= -300 and wide[-1] >= 0.9 and len(wide) < 60


def test_many_of_one_cost_stay_near_it() -> None:
    rows = [run("student", f"s{number}", accuracy=0.9 + number / 100, parameters=1000) for number in range(7)]
    rows.append(run("teacher", "t", parameters=10_000))
    fig = tradeoff(rows, x="parameters", theme="light")
    places = [trace.x[0] for trace in fig.data if trace.name and trace.name.startswith("s")]
    assert len(set(places)) == 7 and max(places) - min(places) < 0.1 * 10


def test_a_reused_experiment_joins_the_family_once() -> None:
    rows = stairs()
    again = [replace(row, experiment_id="e2", experiment_name="Again") for row in rows]
    trained = [row for row in rows if row.role != "compressed"]
    family = family_of([*trained, *again], theme="light")
    assert len(family.members) == 6 and len(family.parents) == 3
