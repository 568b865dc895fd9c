"""What the live chart in a page shows, asked of Plotly itself."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from tests.e2e.waits import ANSWER_MS

PLOT = ".lab-plot.js-plotly-plot"
POINTS = """selector => { const plot = document.querySelector(selector); if (!plot || !plot.data) return 0;
    return plot.data.filter(t => !/^(best|mean)/.test(t.uid)).reduce((n, t) => n + t.x.length, 0); }"""


def wait_for_curves(page: Page, *, timeout_ms: float = ANSWER_MS) -> None:
    page.wait_for_selector(PLOT, timeout=timeout_ms)


def points(page: Page) -> int:
    """Points of all seed lines together."""
    return int(page.evaluate(POINTS, PLOT))


def wait_for_more(page: Page, number: int, *, timeout_ms: float = ANSWER_MS) -> None:
    """Waits until the seed lines have more points than the number."""
    page.wait_for_function(f"([selector, n]) => ({POINTS})(selector) > n", arg=[PLOT, number], timeout=timeout_ms)


def zoom(page: Page, *, down: float = 0.0) -> list[float]:
    """Drags across the middle of the plot as a reader does; returns the epochs it shows then.

    `down`: the share of the height that the drag descends; from a tenth on Plotly zooms both axes. A zoom by script
    would not do: Plotly keeps only a reader's own over a redraw.
    """
    before = x_range(page)
    page.locator(PLOT).scroll_into_view_if_needed()
    box = page.locator(f"{PLOT} .nsewdrag").first.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.25 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], middle + down * box["height"], steps=8)
    page.mouse.up()
    page.wait_for_function(
        "([s, low]) => document.querySelector(s)._fullLayout.xaxis.range[0] > low", arg=[PLOT, before[0] + 1]
    )
    return x_range(page)


def x_range(page: Page) -> list[float]:
    return _range(page, "xaxis")


def y_range(page: Page) -> list[float]:
    return _range(page, "yaxis")


def _range(page: Page, axis: str) -> list[float]:
    script = "([selector, axis]) => document.querySelector(selector)._fullLayout[axis].range"
    found: list[float] = page.evaluate(script, [PLOT, axis])
    return found


def click_legend(page: Page, name: str) -> None:
    page.locator(f"{PLOT} .legend .traces", has_text=name).first.locator(".legendtoggle").click()


def visible(page: Page, name: str) -> Any:
    """Plotly's `visible` of every line of a variant."""
    script = """([selector, name]) => [...new Set(
        document.querySelector(selector)._fullData.filter(t => t.name === name).map(t => t.visible))]"""
    return page.evaluate(script, [PLOT, name])
