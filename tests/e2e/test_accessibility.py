"""Every page as axe sees it: no serious finding in either theme, nothing wider than its screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from distill_core.folders import Home
from distill_core.jobs.catalogue import load_catalogue
from tests.e2e.conftest import OpenTab, Server, running_server, settled
from tests.fixtures import build_finished_experiment, preset_spec

pytestmark = pytest.mark.e2e
SERIOUS = ("serious", "critical")
# Streamlit's own menu of a phone puts the groups of the navigation into a list without items; nothing of ours is in it.
LISTS = ("list", "listitem")
MENU = "[data-testid=stSidebarNav]"
# Of each page the address, with the experiment's id in its place.
PAGES = (
    "", "new", "queue", "data", "machine", "self-check", "storage",
    "try?id={id}", "latency?id={id}", "compare?ids={id}",
    "compress?from={id}", "report?id={id}", "experiment?id={id}", "experiment?id={id}&tab=Trade-off",
    "experiment?id={id}&tab=Per+class",
    "experiment?id={id}&tab=Confusion", "experiment?id={id}&tab=ONNX+and+latency",
    "experiment?id={id}&tab=Log+and+settings", "evidence?id={id}", "evidence?id={id}&panel=classes", "learn",
    "learn?lesson=beyond-the-label", "learn?lesson=beyond-the-label&present=1&step=7",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("accessible")
    load_catalogue(Home(folder / "home"))
    with running_server(folder) as found:
        yield found


@pytest.fixture(scope="module")
def experiment(server: Server) -> str:
    return build_finished_experiment(server.home, spec=preset_spec(seeds=3))


def findings(page: Page) -> list[str]:
    """What axe finds serious, a line each with the first element it concerns."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    for one in found:
        one["nodes"] = [node for node in one["nodes"] if one["id"] not in LISTS or not _is_in_menu(page, node)]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:160]} ({len(one['nodes'])} in all)"
        for one in found if one["nodes"] and one["impact"] in SERIOUS
    ]


def _is_in_menu(page: Page, node: dict[str, Any]) -> bool:
    return bool(page.locator(node["target"][0]).first.evaluate(f"one => one.closest('{MENU}') !== null"))


@pytest.mark.parametrize("address", PAGES)
def test_a_page_has_no_serious_finding_and_is_no_wider_than_its_screen(
    server: Server, open_tab: OpenTab, experiment: str, address: str
) -> None:
    url = f"{server.url}/{address.format(id=experiment)}"
    troubles = {}
    for theme, phone in (("light", False), ("dark", True)):
        page = open_tab(url, theme=theme, phone=phone)
        settled(page)
        wide = page.evaluate("document.documentElement.scrollWidth") - page.viewport_size["width"]  # type: ignore[index]
        troubles[theme] = findings(page) + ([f"{wide} px too wide"] if wide > 0 else [])
        page.close()
    assert troubles == {"light": [], "dark": []}


def test_axe_tells_what_is_wrong(open_tab: OpenTab, server: Server, tmp_path: Path) -> None:
    """The check itself can fail: pale words on white are found."""
    pale = tmp_path / "pale.html"
    pale.write_text("<!doctype html><html lang=en><title>t</title><main><h1 style='color:#bbb'>Pale</h1></main></html>")
    page = open_tab(pale.as_uri())
    expect(page.get_by_role("heading")).to_be_visible()
    assert [one.split(":")[0] for one in findings(page)] == ["color-contrast"]
