"""Every chart from rows whose figures are known: what it draws, what it says, what it leaves out."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace

import plotly.graph_objects as go
import pytest

from distill_core.charts.confusion import confusion, total_confusion
from distill_core.charts.gains import gains
from distill_core.charts.per_class import per_class
from distill_core.charts.style import Theme, caption_of
from distill_core.charts.tradeoff import latency_conditions, tradeoff
from distill_core.evaluation.verdict import Verdict, paired_verdict
from distill_core.rows import RunRow
from tests.unit.chart_rows import CLASSES, digits_like, latency, run

Chart = Callable[[list[RunRow], Theme], go.Figure]
NASTY = "<img src=x onerror=alert(1)> $x$ %{y}"


def verdicts_of(rows: list[RunRow]) -> list[Verdict]:
    def by_seed(name: str) -> dict[int, float]:
        return {row.seed: row.accuracy or math.nan for row in rows if row.name == name}

    baselines = [row.name for row in rows if row.role == "baseline"]
    students = dict.fromkeys(row.name for row in rows if row.role == "student")
    return [
        paired_verdict(by_seed(name), by_seed(baselines[0]), student_name=name, baseline_name=baselines[0])
        for name in students if baselines
    ]


CHARTS: dict[str, Chart] = {
    "latency": lambda rows, theme: tradeoff(rows, x="latency", theme=theme),
    "size": lambda rows, theme: tradeoff(rows, x="size", theme=theme),
    "macs": lambda rows, theme: tradeoff(rows, x="macs", theme=theme),
    "parameters": lambda rows, theme: tradeoff(rows, x="parameters", theme=theme),
    "per class": lambda rows, theme: per_class(rows, CLASSES, theme=theme),
    "confusion": lambda rows, theme: confusion(total_confusion(rows), CLASSES, theme=theme),
    "gains": lambda rows, theme: gains(verdicts_of(rows), rows, theme=theme),
}
every_chart = pytest.mark.parametrize("chart", list(CHARTS.values()), ids=list(CHARTS))
both_themes = pytest.mark.parametrize("theme", ["light", "dark"])


def named(fig: go.Figure) -> dict[str, go.Scatter]:
    return {trace.name: trace for trace in fig.data if trace.name and trace.showlegend is not False}


@every_chart
@both_themes
@pytest.mark.parametrize("count", [1, 21])
def test_builds_for_one_run_and_for_many(chart: Chart, theme: Theme, count: int) -> None:
    rows = digits_like()[:count]
    fig = chart(rows, theme)
    assert json.loads(fig.to_json())["layout"]["template"]["layout"]["plot_bgcolor"] == "rgba(0,0,0,0)"
    assert "NaN" not in fig.to_json()
    if count > 1:
        assert fig.data


@every_chart
@both_themes
def test_nothing_yet_gives_one_plain_sentence(chart: Chart, theme: Theme) -> None:
    fig = chart([], theme)
    assert len(fig.data) == 0
    assert len(fig.layout.annotations) == 1 and fig.layout.annotations[0].text.endswith(".")


@every_chart
def test_the_caption_stays_out_of_the_figure(chart: Chart) -> None:
    fig = chart(digits_like(), "light")
    assert fig.layout.title.text is None, "a page shows the caption at its full width"
    for axis in (fig.layout.xaxis.title.text, caption_of(fig)):
        assert axis, "a downloaded picture has its axis, a page its caption"


@every_chart
def test_runs_without_figures_are_no_error(chart: Chart) -> None:
    nothing = {"accuracy": None, "per_class": (), "confusion": (), "best_epoch": None}
    waiting = [run("baseline", "a", **nothing), run("student", "s", **nothing)]
    diverged = [run("student", "d", accuracy=math.nan, per_class=(), confusion=())]
    assert "NaN" not in chart([*waiting, *diverged], "light").to_json()


@every_chart
def test_markup_in_names_shows_as_text(chart: Chart) -> None:
    figures = {"architecture": NASTY, "latency": (latency(1, machine=NASTY),), "experiment_name": NASTY}
    rows = [run("baseline", f"{NASTY} base", 0), run("baseline", f"{NASTY} base", 1)]
    rows += [run("student", NASTY, 0), run("student", NASTY, 1)]
    rows = [replace(row, **figures) for row in rows]
    # Ids are the lab's own in real life.
    rows = [replace(row, run_id=f"run{number}") for number, row in enumerate(rows)]
    fig = chart(rows, "light")
    # The caption is plain text for the page, which escapes it; Plotly never shows it.
    fig.layout.meta = None
    content = fig.to_json().replace("\\u003c", "<").replace("\\u003e", ">")
    assert "<img" not in content
    assert "$x$" not in content


@every_chart
def test_a_variant_has_its_own_colour_on_every_chart(chart: Chart) -> None:
    from distill_core.charts.variants import variants

    rows = digits_like()
    colours = {variant.name: variant.color for variant in variants(rows, "light")}
    for trace in chart(rows, "light").data:
        if trace.name in colours:
            drawn = trace.line.color if trace.mode == "lines" else trace.marker.color
            assert drawn == colours[trace.name]


class TestTradeoff:
    def test_mean_deviation_and_latency(self) -> None:
        fig = tradeoff(digits_like(), x="latency", theme="light")
        dots = named(fig)
        assert dots["teacher"].x[0] == 0.12 and dots["teacher"].y[0] == pytest.approx(99.0)
        assert dots["teacher"].error_x.array[0] == pytest.approx(0.06) and dots["teacher"].error_y.array is None
        assert dots["T=8"].y[0] == pytest.approx(92.0)
        assert dots["T=8"].error_y.array[0] == pytest.approx(100 * math.sqrt(0.00025))
        assert "Test machine, CPUExecutionProvider" in caption_of(fig)
        for part in ("batch&nbsp;", "threads&nbsp;", "CPUExecutionProvider", "Test machine", "p95"):
            assert part in dots["T=8"].hovertemplate

    def test_dot_area_is_in_proportion_to_parameters(self) -> None:
        rows = [run("teacher", "t", parameters=1000), run("student", "s", parameters=250)]
        dots = named(tradeoff(rows, x="parameters", theme="light"))
        assert (dots["t"].marker.size / dots["s"].marker.size) ** 2 == pytest.approx(4.0)

    def test_equal_costs_stand_side_by_side_around_the_true_one(self) -> None:
        fig = tradeoff(digits_like(), x="latency", theme="light")
        places = [named(fig)[name].x[0] for name in ("alone", "alone, smoothed", "T=1", "T=8")]
        assert len(set(places)) == 4 and sum(places) / 4 == pytest.approx(0.025)
        assert max(places) - min(places) < 0.1 * 0.12
        assert "side by side" in caption_of(fig)
        assert "side by side" not in caption_of(tradeoff([run("student", "s")], x="macs", theme="light"))

    def test_only_exactly_the_asked_conditions(self) -> None:
        rows = [
            run("teacher", "t", latency=(latency(5, batch=32), latency(1))), run("student", "s", latency=(latency(2),)),
            run("baseline", "b"),
        ]
        fig = tradeoff(rows, x="latency", batch=32, theme="light")
        assert set(named(fig)) == {"t"} and named(fig)["t"].x[0] == 5
        assert "2 variants are left out: no ONNX latency at batch 32, 1 thread." in caption_of(fig)
        nothing = tradeoff(rows, x="latency", threads=7, theme="light")
        assert nothing.layout.annotations[0].text == "No ONNX latency at batch 1, 7 threads yet."
        assert latency_conditions(rows) == [(1, 1), (32, 1)]

    def test_different_machines_are_warned_of(self) -> None:
        rows = [run("teacher", "t", latency=(latency(1),)), run("student", "s", latency=(latency(1, machine="Other"),))]
        assert "with care" in caption_of(tradeoff(rows, x="latency", theme="light"))

    @pytest.mark.parametrize(("largest", "kind"), [(10_001, "log"), (10_000, None)])
    def test_logarithmic_beyond_tenfold(self, largest: int, kind: str | None) -> None:
        rows = [run("teacher", "t", parameters=largest), run("student", "s", parameters=1000)]
        axis = tradeoff(rows, x="parameters", theme="light").layout.xaxis
        assert axis.type == kind
        assert axis.title.text == "Parameters, thousands"
        if kind:
            assert axis.range[0] < 0 < 1 < axis.range[1] and "5" in axis.ticktext

    def test_sizes_choose_their_unit(self) -> None:
        small = tradeoff([run("student", "s")], x="size", theme="light")
        assert named(small)["s"].x[0] == pytest.approx(7.592) and small.layout.xaxis.title.text.endswith("kB")
        large = tradeoff([run("student", "s", size_bytes=44_000_000)], x="size", theme="light")
        assert named(large)["s"].x[0] == pytest.approx(44.0) and large.layout.xaxis.title.text.endswith("MB")


class TestPerClass:
    def test_means_over_seeds_in_the_order_of_the_classes(self) -> None:
        rows = [run("student", "s", 0, per_class=(0.5, 1.0, 0.2)), run("student", "s", 1, per_class=(0.7, 1.0, 0.4))]
        fig = per_class(rows, CLASSES, theme="light")
        assert list(fig.data[0].x) == pytest.approx([60.0, 100.0, 30.0])
        assert list(fig.layout.yaxis.ticktext) == list(CLASSES)
        assert fig.data[0].customdata[0][1] == "± 14.1"

    def test_a_class_without_samples_is_left_out_and_told(self) -> None:
        fig = per_class([run("student", "s", per_class=(0.5, math.nan, 0.2))], CLASSES, theme="light")
        assert list(fig.layout.yaxis.ticktext) == ["cat", "owl"]
        assert "1 class has no test samples." in caption_of(fig)

    def test_of_a_hundred_classes_the_twenty_that_students_recognise_least(self) -> None:
        names = [f"class {n}" for n in range(100)]
        rows = [
            run("teacher", "t", per_class=(1.0,) * 100),
            run("baseline", "alone", per_class=tuple(1 - n / 200 for n in range(100))),
            run("student", "s", per_class=tuple(0.5 + n / 200 for n in range(100))),
        ]
        fig = per_class(rows, names, theme="light")
        shown = list(fig.layout.yaxis.ticktext)
        assert shown == [f"class {n}" for n in range(20)], "the students' worst, not the baseline's"
        assert caption_of(fig).startswith("The 20 of 100 classes recognised least, worst on top.")
        assert fig.layout.height < 900

    def test_a_tagging_counts_steps(self) -> None:
        fig = per_class([run("student", "s", task="tagging")], CLASSES, theme="light")
        assert fig.layout.xaxis.title.text == "Share of the class's steps recognised"

    def test_a_withheld_class_shows_as_zero(self) -> None:
        fig = per_class([run("baseline", "alone", per_class=(0.0, 0.9, 0.8))], CLASSES, theme="light")
        assert fig.data[0].x[0] == 0


class TestConfusion:
    def test_rows_are_normalised_and_counts_kept(self) -> None:
        fig = confusion(((8, 2, 0), (0, 5, 5), (0, 0, 0)), CLASSES, theme="light")
        right, wrong = fig.data
        assert [row[i] for i, row in enumerate(right.z)] == [0.8, 0.5, None]
        assert (wrong.z[0][1], wrong.z[1][2], wrong.z[0][0]) == (0.2, 0.5, None)
        assert list(right.customdata[1][2]) == ["dog", "owl", 5]
        assert wrong.text[0][1] == "20" and wrong.text[0][2] == ""
        assert (right.zmax, wrong.zmax) == (1.0, 0.5)

    def test_the_title_says_whose_mistakes_and_is_no_markup(self) -> None:
        fig = confusion(((9, 0), (0, 9)), ("a", "b"), theme="light", title=f"{NASTY} · seed 1")
        assert "<" not in fig.layout.title.text and fig.layout.title.text.endswith("seed 1")
        assert confusion(((9, 0), (0, 9)), ("a", "b"), theme="light").layout.title.text is None

    def test_a_few_mistakes_look_like_few(self) -> None:
        fig = confusion(((999, 1), (0, 1000)), ("a", "b"), theme="light")
        assert fig.data[1].zmax == 0.05 and fig.data[1].text[0][1] == "<1"
        assert "No mistakes." in caption_of(confusion(((9, 0), (0, 9)), ("a", "b"), theme="light"))

    def test_seeds_add_up(self) -> None:
        rows = [run("student", "s", 0), run("student", "s", 1), run("student", "s", 2, confusion=())]
        assert total_confusion(rows) == ((16, 2, 2), (0, 18, 2), (0, 0, 20))
        assert total_confusion([]) == ()

    def test_up_to_twenty_classes_are_all_there_without_numbers(self) -> None:
        names = [f"c{n}" for n in range(20)]
        fig = confusion([[10 if i == j else 0 for j in range(20)] for i in range(20)], names, theme="light")
        assert fig.data[0].text is None and list(fig.layout.xaxis.ticktext) == names

    def test_of_a_hundred_classes_the_worst_twenty_and_the_others_summed(self) -> None:
        names = [f"c{n}" for n in range(100)]
        # Class n is recognised n times of 100; c0 and c1 are taken for each other as well as for classes not shown.
        matrix = [[n if j == n else 0 for j in range(100)] for n in range(100)]
        for n in range(100):
            matrix[n][(n + 50) % 100] += 99 - n
            matrix[n][(n + 1) % 2 if n < 2 else 60 if n != 60 else 61] += 1
        matrix[5] = [0] * 100
        fig = confusion(matrix, names, theme="light")
        rows, columns = list(fig.layout.yaxis.ticktext), list(fig.layout.xaxis.ticktext)
        assert rows == [f"c{n}" for n in range(21) if n != 5], "a class without samples is not the worst"
        assert columns == [*rows, "any other"] and fig.data[0].text is None
        right, wrong = fig.data
        assert right.z[2][2] == 0.02 and wrong.z[0][1] == 0.01 and wrong.z[2][-1] == pytest.approx(0.98)
        assert list(wrong.customdata[2][-1]) == ["c2", "any other", 98]
        assert caption_of(fig).startswith("The 20 of 100 classes recognised least, worst first")

    def test_steps_are_called_steps(self) -> None:
        fig = confusion(((9, 1), (0, 9)), ("a", "b"), theme="light", noun="steps")
        assert "%{customdata[2]} steps," in fig.data[0].hovertemplate

    def test_a_matrix_of_other_classes_is_refused(self) -> None:
        with pytest.raises(ValueError, match="one a class"):
            confusion(((1, 2), (3, 4)), CLASSES, theme="light")


class TestGains:
    def rows(self) -> list[RunRow]:
        baseline = [run("baseline", "alone", seed, accuracy=0.9) for seed in range(3)]
        return baseline + [run("student", "T=8", seed, accuracy=0.93 + seed / 100) for seed in range(3)]

    def test_dots_mean_and_interval_in_points(self) -> None:
        rows = self.rows()
        (verdict,) = verdicts_of(rows)
        rings, mean = gains([verdict], rows, theme="light").data
        assert list(rings.x) == pytest.approx([3.0, 4.0, 5.0]) and list(rings.customdata) == [0, 1, 2]
        assert mean.x[0] == pytest.approx(4.0)
        assert verdict.ci_low is not None and verdict.ci_high is not None
        assert mean.x[0] - mean.error_x.arrayminus[0] == pytest.approx(verdict.ci_low * 100)
        assert mean.x[0] + mean.error_x.array[0] == pytest.approx(verdict.ci_high * 100)

    def test_zero_and_what_is_too_little_are_marked(self) -> None:
        fig = gains(verdicts_of(self.rows()), theme="light")
        zone, zero = fig.layout.shapes
        assert (zone.x0, zone.x1) == (-0.5, 0.5) and (zero.x0, zero.x1) == (0, 0)
        assert fig.layout.annotations[0].text == "<b>T=8</b>: helped"
        assert fig.layout.xaxis.title.text == "Accuracy minus alone, points (right is better)"

    def test_one_seed_has_a_dot_but_no_interval(self) -> None:
        verdict = paired_verdict({0: 0.95}, {0: 0.9}, student_name="s", baseline_name="b")
        fig = gains([verdict], theme="light")
        assert fig.data[1].error_x.array is None and "inconclusive" in fig.layout.annotations[0].text

    def test_losses_read_to_the_left(self) -> None:
        verdict = paired_verdict({0: 0.1, 1: 0.2}, {0: 0.3, 1: 0.3}, student_name="s", baseline_name="b", metric="nll")
        fig = gains([verdict], theme="light")
        assert fig.layout.xaxis.title.text == "NLL minus b, nats (left is better)"
        assert list(fig.data[0].x) == pytest.approx([-0.2, -0.1])

    def test_different_metrics_do_not_share_an_axis(self) -> None:
        both = [
            paired_verdict({0: 0.1, 1: 0.2}, {0: 0.3, 1: 0.3}, student_name="s", baseline_name="b", metric=metric)
            for metric in ("nll", "accuracy")
        ]
        with pytest.raises(ValueError, match="cannot share an axis"):
            gains(both, theme="light")

    def test_different_baselines_are_named(self) -> None:
        both = [
            paired_verdict({0: 0.9, 1: 0.9}, {0: 0.8, 1: 0.8}, student_name="s", baseline_name=name)
            for name in ("a", "b")
        ]
        fig = gains(both, theme="light")
        assert [a.text for a in fig.layout.annotations] == ["<b>s</b> against a: helped", "<b>s</b> against b: helped"]
