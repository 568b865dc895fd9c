"""The charts of evidence draw the numbers they are given, say what they leave out, and name each row of their table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from distill_core.charts.class_changes import MOST_CLASSES, class_changes
from distill_core.charts.confusion_change import confusion_change
from distill_core.charts.fidelity import fidelity
from distill_core.charts.figure_spread import figure_spread
from distill_core.charts.reliability import reliability
from distill_core.charts.style import caption_of
from distill_core.charts.sureness import sureness
from distill_core.charts.tabled import tabled
from distill_core.charts.variants import variants
from distill_core.evaluation.class_changes import class_changes as changes_of
from distill_core.evaluation.fidelity import Fidelity
from distill_core.evaluation.paired_tests import sign_test
from distill_core.evaluation.quality import Reliability, over_seeds
from distill_core.evaluation.sampling_noise import TestSetNoise
from distill_core.evaluation.sureness import Sureness
from distill_core.evaluation.verdict import paired_verdict
from tests.unit.chart_rows import digits_like

RUNS = digits_like(2)
VARIANTS = variants(RUNS, "light")


def sure(*gains: float, metric: str = "accuracy") -> Sureness:
    student = next(variant for variant in VARIANTS if variant.role == "student").first.name
    verdict = paired_verdict(
        {seed: 0.9 + gain for seed, gain in enumerate(gains)}, dict.fromkeys(range(len(gains)), 0.9),
        student_name=student, baseline_name="alone", metric=metric,
    )
    return Sureness(
        verdict=verdict, bootstrap=(0.005, 0.035) if len(gains) > 1 else None, signs=sign_test(gains), effect=None,
        needed=None, test_set=TestSetNoise("accuracy", 0.02, 0.012, 0.031, 640),
    )


def drawn(figure, part: str) -> list[tuple[float, ...]]:
    return [tuple(trace.x) for trace in figure.data if trace.name and part in trace.name and trace.x[0] is not None]


def test_the_three_intervals_stand_in_points_and_each_has_its_dash() -> None:
    one = sure(0.01, 0.02, 0.03)
    figure = sureness([one], RUNS, theme="light")
    assert one.verdict.ci_low is not None and one.verdict.ci_high is not None
    assert drawn(figure, "t interval")[0] == pytest.approx((100 * one.verdict.ci_low, 2, 100 * one.verdict.ci_high))
    assert drawn(figure, "bootstrap")[0] == pytest.approx((0.5, 2, 3.5))
    assert drawn(figure, "another test set")[0] == pytest.approx((1.2, 2, 3.1))
    assert len({trace.line.dash for trace in figure.data}) == 3
    assert tabled(figure)["series"].str.startswith("T=1: ").all()


def test_of_one_seed_there_is_a_mark_and_an_interval_of_another_unit_is_left_out() -> None:
    figure = sureness([sure(0.02)], RUNS, theme="dark")
    assert drawn(figure, "t interval")[0] == pytest.approx((2,)) and not drawn(figure, "bootstrap")
    assert not drawn(sureness([sure(0.1, 0.2, metric="nll")], RUNS, theme="dark"), "another test set")
    assert "same seed" in sureness([], RUNS, theme="light").layout.annotations[0].text


def test_shares_of_fidelity_are_means_over_seeds_and_named_in_the_table() -> None:
    student = next(variant for variant in VARIANTS if variant.role == "student")
    seeds = [Fidelity(100, 80, 5, 10, 5, 2, 0.8, 0.1), Fidelity(100, 84, 3, 8, 5, 4, 0.8, 0.1)]
    table = tabled(fidelity([(student, seeds)], theme="light"))
    assert table.iloc[:, -1].tolist() == pytest.approx([4, 9, 3, 2])
    assert table["series"].str.startswith(student.name).all() and table["series"].nunique() == 4


def test_bins_of_few_samples_are_hollow_and_empty_ones_not_drawn() -> None:
    nan = float("nan")
    bins = Reliability(np.array([0, 3, 50]), np.array([nan, 0.5, 0.9]), np.array([nan, 0.5, 0.95]))
    figure = reliability([(VARIANTS[0], bins)], theme="light")
    line = next(trace for trace in figure.data if trace.name == VARIANTS[0].name)
    assert list(line.x) == pytest.approx([50, 95]) and list(line.y) == pytest.approx([50, 90])
    assert [symbol.endswith("-open") for symbol in line.marker.symbol] == [True, False]


def test_many_classes_are_cut_to_the_ten_of_each_end_and_corrected_ones_are_filled() -> None:
    shares = {seed: [0.5 + place / 100 + seed / 1e5 for place in range(30)] for seed in range(4)}
    found = changes_of(shares, {seed: [0.6] * 30 for seed in range(4)})
    figure = class_changes(found, [f"class {place}" for place in range(30)], baseline="alone", theme="light")
    names = list(figure.layout.yaxis.ticktext)
    assert len(names) == MOST_CLASSES and names[0] == "class 29" and names[-1] == "class 0"
    assert "Of 30 classes" in caption_of(figure)
    assert set(figure.data[0].marker.symbol) == {"circle"}, "such differences are more than chance"
    noisy = [replace(one, corrected=0.2) for one in found[:3]]
    assert set(class_changes(noisy, names + names, baseline="a", theme="dark").data[0].marker.symbol) == {"circle-open"}


def test_the_difference_of_confusions_has_a_scale_for_the_diagonal_and_one_beside_it() -> None:
    change = np.array([[0.3, -0.3], [-0.02, 0.02]])
    figure = confusion_change(change, ["a", "b"], theme="light")
    own, other = figure.data
    assert (own.zmax, other.zmax) == pytest.approx((0.3, 0.3)) and own.z[0][1] is None and other.z[0][1] == -0.3
    assert own.text[0][0] == "+30.0" and "30 points on the diagonal" in caption_of(figure)
    many = confusion_change(np.zeros((25, 25)), [str(place) for place in range(25)], theme="light")
    assert len(many.data[0].z) == 20 and "20 of 25" in caption_of(many)
    with pytest.raises(ValueError, match="shape"):
        confusion_change(change, ["a"], theme="light")


def test_a_figure_over_seeds_shows_each_seed_the_mean_and_its_ends() -> None:
    spread = over_seeds([0.9, 0.92, 0.97], least=0, most=1)
    assert spread is not None and spread.low is not None
    figure = figure_spread([(VARIANTS[1], spread)], title="Accuracy", theme="light", factor=100, digits=1, suffix="%")
    rings, mean = figure.data
    assert list(rings.x) == pytest.approx([90, 92, 97]) and mean.x[0] == pytest.approx(93)
    assert mean.error_x.arrayminus[0] == pytest.approx(93 - 100 * spread.low)
    assert mean.error_x.array[0] == pytest.approx(min(7, 100 * (spread.high or 0) - 93))
