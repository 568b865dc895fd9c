"""The browser's arithmetic of the lens against numpy and scipy, on the very file that the page is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser
from scipy.special import log_softmax
from scipy.stats import entropy

from pages.ui.lens.component import HERE

pytestmark = pytest.mark.e2e
InJavascript = Callable[..., Any]


@pytest.fixture(scope="module")
def in_javascript(browser: Browser) -> Iterator[InJavascript]:
    """Gives the value of an expression, with these values by name and the functions of arithmetic.js."""
    page = browser.new_page()
    page.add_script_tag(content=(HERE / "arithmetic.js").read_text(encoding="utf-8"))

    def evaluated(expression: str, **given: Any) -> Any:
        return page.evaluate(f"({{ {', '.join(given)} }}) => ({expression})", given)

    yield evaluated
    page.close()


def test_entropy_kl_and_gradient_are_those_of_scipy_at_every_temperature(in_javascript: InJavascript) -> None:
    draw = np.random.default_rng(0)
    teacher, student = draw.normal(scale=6, size=(8, 10)), draw.normal(scale=6, size=(8, 10))
    teacher[0] = [1000, -1000, *[0] * 8]
    student[1] = 0.0
    temperatures = [1, 1.7, 4, 16, 50]
    found = in_javascript(
        "temperatures.map((t) => teacher.map((told, n) => { const one = readout(student[n], told, t); "
        "return [...one.shares, one.entropy, one.kl, one.scaled, one.gradient, one.top]; }))",
        teacher=teacher.tolist(), student=student.tolist(), temperatures=temperatures,
    )
    for t, rows in zip(temperatures, np.array(found), strict=True):
        told, own = np.exp(log_softmax(teacher / t, axis=1)), np.exp(log_softmax(student / t, axis=1))
        kl = (told * np.where(told > 0, log_softmax(teacher / t, axis=1) - log_softmax(student / t, axis=1), 0)).sum(1)
        np.testing.assert_allclose(rows[:, :10], own, rtol=1e-9, atol=1e-300)
        np.testing.assert_allclose(rows[:, 10], entropy(own, axis=1), rtol=1e-9)
        np.testing.assert_allclose(rows[:, 11], kl, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(rows[:, 12], t**2 * kl, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(rows[:, 13], t * np.linalg.norm(own - told, axis=1), rtol=1e-9, atol=1e-12)
        assert rows[:, 14].tolist() == own.argmax(1).tolist()


def test_the_gradient_is_the_length_of_the_slope_of_the_scaled_kl(in_javascript: InJavascript) -> None:
    draw = np.random.default_rng(1)
    teacher, student, t, step = draw.normal(size=5), draw.normal(size=5), 3.0, 1e-5
    nudged = [(student + sign * step * np.eye(5)[k]).tolist() for k in range(5) for sign in (1, -1)]
    found = in_javascript(
        "[readout(student, teacher, t).gradient, nudged.map((one) => readout(one, teacher, t).scaled)]",
        teacher=teacher.tolist(), student=student.tolist(), nudged=nudged, t=t,
    )
    slopes = np.array(found[1]).reshape(5, 2) @ [1, -1] / (2 * step)
    assert found[0] == pytest.approx(np.linalg.norm(slopes), rel=1e-6)


def test_what_is_no_number_says_nothing(in_javascript: InJavascript) -> None:
    assert in_javascript("[readout([1, null], [1, 2], 4), readout([1, 2], [null, 2], 4).kl]") == [None, None]


def test_what_the_soft_labels_carry_of_a_class_is_its_mean_share_on_the_others(in_javascript: InJavascript) -> None:
    logits = np.random.default_rng(2).normal(scale=3, size=(40, 4))
    labels = [n % 4 for n in range(40)]
    found = in_javascript("carried(logits, labels, 3, 5)", logits=logits.tolist(), labels=labels)
    share = np.exp(log_softmax(logits / 5, axis=1))[:, 3]
    others = np.array(labels) != 3
    assert found["mean"] == pytest.approx(share[others].mean())
    by_class = {k: share[np.array(labels) == k].mean() for k in range(3)}
    assert dict(map(tuple, found["most"])) == pytest.approx(by_class)
    assert [k for k, _ in found["most"]] == sorted(by_class, key=lambda k: -by_class[k])


def test_the_slider_is_even_in_log_t_and_snaps_to_round_temperatures(in_javascript: InJavascript) -> None:
    found = in_javascript("[...Array(201).keys()].map(temperatureOf)")
    assert found[0] == 1 and found[-1] == 50 and (np.diff(found) >= 0).all()
    assert {1, 2, 4, 8, 16, 50} <= set(found)
    exact = 50 ** (np.arange(201) / 200)
    np.testing.assert_allclose(found, exact, rtol=0.013)
    assert in_javascript("[1, 4, 16, 50].map((t) => temperatureOf(sliderOf(t)))") == [1, 4, 16, 50]


def test_many_classes_are_cut_to_the_likeliest_and_those_that_must_be_seen(in_javascript: InJavascript) -> None:
    logits = np.random.default_rng(3).normal(size=100).tolist()
    found = in_javascript("shownClasses(logits, 12, [7, null, 93])", logits=logits)
    likeliest = np.argsort(logits)[::-1]
    assert len(found) == 12 and {7, 93} <= set(found) and found == sorted(found)
    assert set(likeliest[:10].tolist()) <= set(found)
