"""The curves of a regression: R² below zero, no percent, and a level for each of several teachers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from distill_core.folders import Home
from tests.e2e import chart
from tests.e2e.conftest import OpenTab, Server, running_server
from tests.task_samples import build_task_experiment

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory, with_catalogue: Callable[[Home], Home]) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("tasks")
    with_catalogue(Home(folder / "home"))
    with running_server(folder) as server:
        build_task_experiment(server.home, "regression", teachers=3)
        build_task_experiment(server.home, "tagging")
        yield server


def layout(page: Page, path: str) -> object:
    return page.evaluate(f"s => document.querySelector(s)._fullLayout.{path}", chart.PLOT)


def test_r2_is_drawn_as_it_is(furnished: Server, open_tab: OpenTab) -> None:
    page = open_tab(f"{furnished.url}/experiment?id=regression")
    chart.wait_for_curves(page)
    chart.wait_for_more(page, 0)
    assert layout(page, "yaxis.title.text") == "Validation R²"
    low, high = layout(page, "yaxis.range")  # type: ignore[misc]
    assert -5 < low < 0 < 0.89 < high < 1.1, "the first epochs lie below what is shown, every run's best within"
    text = str(layout(page, "annotations[0].text"))
    assert all(name in text for name in ("teacher 0.895", "teacher 2 0.863", "teacher 3 0.825"))
    page.get_by_role("radio", name="Validation squared error").click()
    page.wait_for_function(
        "s => document.querySelector(s)._fullLayout.yaxis.title.text === 'Validation squared error'", arg=chart.PLOT
    )
    assert "teacher 0.105" in str(layout(page, "annotations[0].text"))
    expect(page.locator(".lab-empty")).to_be_hidden()


def test_a_tagging_is_drawn_in_percent_of_steps(furnished: Server, open_tab: OpenTab) -> None:
    page = open_tab(f"{furnished.url}/experiment?id=tagging")
    chart.wait_for_curves(page)
    assert layout(page, "yaxis.title.text") == "Validation accuracy per step (%)"
    assert "teacher 92.4" in str(layout(page, "annotations[0].text"))
