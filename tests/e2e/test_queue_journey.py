"""The queue in a real browser: put in order by mouse, keyboard and buttons; a removal is undone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from distill_core.folders import write_json
from distill_core.store.store import Store
from tests.e2e.conftest import OpenTab, Server
from tests.store_samples import small_spec

pytestmark = pytest.mark.e2e


def shown(page: Page, *names: str) -> None:
    """Wait until the list shows these names in this order."""
    expect(page.locator(".lab-name")).to_have_text(list(names))


def test_the_order_is_changed_in_three_ways_and_kept(server: Server, open_tab: OpenTab) -> None:
    store = Store(server.home)
    write_json(server.home.queue_paused, {"by": "<b>ann</b>", "at": 1.0})
    for number, name in enumerate(("first", "second", "third")):
        store.create(small_spec(name), experiment_id=name, created_at=100.0 + number)

    def kept(*names: str) -> None:
        """Wait until the index has them in this order: the page's own order may be ahead of it."""
        for _ in range(1200):
            if [row.experiment_id for row in store.in_states({"queued"})] == list(names):
                return
            page.wait_for_timeout(50)
        raise AssertionError([row.experiment_id for row in store.in_states({"queued"})])

    page = open_tab(f"{server.url}/queue", phone=True)
    expect(page.get_by_text("Paused by <b>ann</b>")).to_be_visible()
    shown(page, "first", "second", "third")
    handle = page.locator(".lab-handle").nth(2)
    handle.scroll_into_view_if_needed()
    start, goal = handle.bounding_box(), page.locator(".lab-item").first.bounding_box()
    assert start is not None and goal is not None
    x, y = start["x"] + start["width"] / 2, start["y"] + start["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, goal["y"] + 4, steps=10)
    page.mouse.up()
    shown(page, "third", "first", "second")
    kept("third", "first", "second")
    page.locator(".lab-handle").first.focus()
    page.keyboard.press("ArrowDown")
    kept("first", "third", "second")
    page.get_by_role("button", name="To the front: second").click()
    kept("second", "first", "third")
    page.get_by_role("button", name="Remove from the queue: first").click()
    kept("second", "third")
    page.get_by_role("button", name="Undo").click()
    kept("second", "first", "third")
    shown(page, "second", "first", "third")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
