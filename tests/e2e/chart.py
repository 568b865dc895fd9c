"""What the live chart in a page shows, asked of Plotly itself."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

PLOT = ".lab-plot.js-plotly-plot"


def wait_for_curves(page: Page, *, timeout_ms: float = 60_000) -> None:
    page.wait_for_selector(PLOT, timeout=timeout_ms)


def points(page: Page) -> int:
    """Points of all seed lines together."""
    script = """selector => { const plot = document.querySelector(selector); if (!plot || !plot.data) return 0;
        return plot.data.filter(t => !/^(best|mean)/.test(t.uid)).reduce((n, t) => n + t.x.length, 0); }"""
    return int(page.evaluate(script, PLOT))


def zoom(page: Page, low: float, high: float) -> None:
    script = "([s, ...range]) => window.Plotly.relayout(document.querySelector(s), {'xaxis.range': range})"
    page.evaluate(script, [PLOT, low, high])


def x_range(page: Page) -> list[float]:
    found: list[float] = page.evaluate("s => document.querySelector(s)._fullLayout.xaxis.range", PLOT)
    return found


def click_legend(page: Page, name: str) -> None:
    page.locator(f"{PLOT} .legend .traces", has_text=name).first.locator(".legendtoggle").click()


def visible(page: Page, name: str) -> Any:
    """Plotly's `visible` of every line of a variant."""
    script = """([selector, name]) => [...new Set(
        document.querySelector(selector)._fullData.filter(t => t.name === name).map(t => t.visible))]"""
    return page.evaluate(script, [PLOT, name])
