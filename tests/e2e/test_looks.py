"""Every page in light, dark and at 390 pixels: no overflow, no error, the right background."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from distill_core.folders import Home
from tests.e2e.accessible import opened
from tests.e2e.conftest import OpenTab, Server, running_server, settled
from tests.fixtures import build_finished_experiment, preset_spec

pytestmark = pytest.mark.e2e
LONG_NAME = "Ein_sehr_langer_Name_ohne_Leerzeichen_" * 2
PLACES = ("", "experiment?id=one", "experiment?id=two&tab=Trade-off", "experiment?id=one&tab=Confusion",
          "experiment?id=one&tab=Per+class", "experiment?id=one&tab=ONNX+and+latency", "new", "compare?ids=one&ids=two",
          "compare?ids=one&ids=two&tab=Differences", "machine")


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory, with_catalogue: Callable[[Home], Home]) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("looks")
    with_catalogue(Home(folder / "home"))
    with running_server(folder) as server:
        build_finished_experiment(server.home, experiment_id="one", created_at=1_790_000_000)
        spec = preset_spec("digits-missing", seeds=3, name=LONG_NAME)
        build_finished_experiment(server.home, spec=spec, experiment_id="two", created_at=1_790_100_000)
        yield server


# Colours do not move anything, and the walk with axe sees all pages light and wide, and dark on a phone.
@pytest.mark.parametrize(("theme", "phone"), [("dark", False), ("light", True)])
def test_a_page_fits_its_screen(
    furnished: Server, open_tab: OpenTab, tmp_path: Path, theme: str, phone: bool
) -> None:
    """One tab goes to all of them: a browser starts anew for none."""
    found = {}
    page = open_tab(f"{furnished.url}/{PLACES[0]}", theme=theme, phone=phone)
    for number, place in enumerate(PLACES):
        opened(page, f"{furnished.url}/{place}")
        if misfits := misfit(page, theme=theme):
            page.screenshot(path=tmp_path / f"{number}.png", full_page=True)
            found[place] = misfits
    assert found == {}


def misfit(page: Page, *, theme: str) -> list[str]:
    """What of a page is wider than its screen, of another theme, or a traceback; a line each."""
    sizes = page.evaluate(
        "() => [document.documentElement, document.querySelector('[data-testid=stMain]')].map(e => "
        "[e.scrollWidth, e.clientWidth])"
    )
    found = [f"{content} px of {screen}" for content, screen in sizes if content > screen]
    found += page.evaluate(
        """() => [...document.querySelectorAll('h1, h2, h3, p, button, [data-testid=stMetric], .stAlert, .lab-root')]
            .filter(e => e.getClientRects().length && !e.closest('[role=tablist], [data-testid=stSidebar]')
                && e.getBoundingClientRect().right > window.innerWidth + 1).map(e => e.textContent.slice(0, 60))"""
    )
    background = page.evaluate("() => getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    if background != ("rgb(15, 19, 24)" if theme == "dark" else "rgb(255, 255, 255)"):
        found.append(background)
    return found + ["an exception"] * page.locator("[data-testid=stException]").count()


def left_of(part: Locator) -> float:
    box = part.bounding_box()
    assert box
    return box["x"]


@pytest.mark.parametrize("phone", [False, True])
def test_titles_in_the_list_stand_in_line_with_the_text_below_and_are_not_cut(
    furnished: Server, open_tab: OpenTab, phone: bool
) -> None:
    page = open_tab(furnished.url, phone=phone)
    settled(page)
    for identity in ("one", "two"):
        card = page.locator(f".st-key-row-{identity}")
        title = card.get_by_test_id("stPageLink-NavLink").locator("strong").filter(visible=True)
        text = card.get_by_test_id("stCaptionContainer").first
        assert abs(left_of(title) - left_of(text)) < 1
        cut = title.evaluate("e => { const p = e.closest('span'); return p.scrollWidth > p.clientWidth + 1; }")
        assert not cut


def test_optional_fields_stand_in_line_with_the_others(furnished: Server, open_tab: OpenTab) -> None:
    page = open_tab(f"{furnished.url}/new")
    settled(page)
    card = page.locator(".st-key-card-budget")
    boxes = [card.get_by_label(name, exact=True).bounding_box() for name in ("Epochs", "Steps an epoch: value")]
    tops = [box["y"] for box in boxes if box]
    assert len(tops) == 2 and abs(tops[0] - tops[1]) < 2


def test_the_start_button_stays_in_view_beside_the_form(furnished: Server, open_tab: OpenTab) -> None:
    page = open_tab(f"{furnished.url}/new")
    settled(page)
    page.get_by_label("Seeds", exact=True).scroll_into_view_if_needed()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_in_viewport()
