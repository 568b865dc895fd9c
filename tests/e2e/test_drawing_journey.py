"""Trying models through a real browser: a drawn digit, its answers, the temperature, undo, and a picture too large."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from distill_core.folders import Home
from tests.e2e.conftest import OpenTab, Server, running_server, settled
from tests.trying_samples import STROKES, build_tryable_digits

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, with_catalogue: Callable[[Home], Home]) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("trying")
    with_catalogue(Home(folder / "home"))
    with running_server(folder) as found:
        yield found


@pytest.fixture(scope="module")
def identity(server: Server) -> str:
    return build_tryable_digits(server.home)


def draw(page: Page, strokes: list[list[float]]) -> None:
    box = page.locator(".lab-field").bounding_box()
    assert box is not None
    for stroke in strokes:
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"])
                  for x, y in zip(stroke[::2], stroke[1::2], strict=True)]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point)
        page.mouse.up()


@pytest.mark.parametrize(("theme", "phone"), [("light", False), ("dark", True)])
def test_a_digit_is_drawn_answered_softened_and_taken_back(
    server: Server, identity: str, open_tab: OpenTab, theme: str, phone: bool
) -> None:
    page = open_tab(f"{server.url}/try?id={identity}", theme=theme, phone=phone)
    expect(page.locator(".lab-field")).to_be_visible()
    page.locator(".lab-field").scroll_into_view_if_needed()
    draw(page, STROKES[4])
    cards = page.locator(".lab-card")
    expect(cards).to_have_count(5)
    expect(cards.first.locator(".lab-top b")).to_have_text("4")
    expect(page.get_by_text("All 5 say 4.")).to_be_visible()
    settled(page)

    share, times = cards.first.locator(".share").first, page.locator(".lab-foot").all_inner_texts()
    before = share.inner_text()
    slider = page.get_by_role("slider")
    slider.focus()
    for _ in range(6):
        slider.press("ArrowRight")
    expect(share).not_to_have_text(before)
    assert page.locator(".lab-foot").all_inner_texts() == times, "no model was asked again"
    expect(page).to_have_url(re.compile(r"t=4"))
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")

    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("All 5 say 4.")).to_have_count(0)
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(page.get_by_text("The answers appear here")).to_be_visible()
    expect(page.get_by_text("Draw here")).to_be_visible()


def test_a_picture_too_large_is_a_sentence_and_the_drawing_is_still_there(
    server: Server, identity: str, open_tab: OpenTab
) -> None:
    page = open_tab(f"{server.url}/try?id={identity}")
    expect(page.locator(".lab-field")).to_be_visible()
    draw(page, STROKES[7])
    expect(page.locator(".lab-card")).to_have_count(5)
    page.get_by_text("Upload", exact=True).click()
    out = io.BytesIO()
    Image.new("1", (8000, 8000)).save(out, "PNG")
    page.locator("input[type=file]").set_input_files(
        {"name": "large.png", "mimeType": "image/png", "buffer": out.getvalue()}
    )
    expect(page.get_by_text("8,000 x 8,000 pixels are too many")).to_be_visible()
    page.get_by_text("Draw", exact=True).click()
    expect(page.locator(".lab-field polyline")).to_have_count(1)
    expect(page.locator(".lab-card")).to_have_count(5)


def test_a_wrong_answer_becomes_a_correction_that_the_experiment_shows(
    server: Server, identity: str, open_tab: OpenTab
) -> None:
    page = open_tab(f"{server.url}/try?id={identity}")
    expect(page.locator(".lab-field")).to_be_visible()
    page.locator(".lab-field").scroll_into_view_if_needed()
    # One stroke, so that no later one makes another sample while its class is being chosen.
    draw(page, STROKES[4][:1])
    expect(page.locator(".lab-card")).to_have_count(5)
    settled(page)
    chooser, wrong = page.get_by_role("combobox", name="Right class"), page.get_by_role("button", name="This is wrong")
    expect(wrong).to_be_disabled()
    # Streamlit closes an open list when the page scrolls.
    page.get_by_text("It joins this experiment's corrections").scroll_into_view_if_needed()
    chooser.click()
    page.get_by_role("option", name="3", exact=True).click()
    expect(wrong).to_be_enabled()
    wrong.click()
    expect(page.get_by_text("Corrected: the right class is 3.")).to_be_visible()
    page.get_by_role("link", name="1 correction of this experiment").click()
    expect(page.get_by_text("1 correction: 1 to learn from, 0 held back")).to_be_visible()
    page.get_by_role("button", name="New experiment with these corrections").click()
    expect(page.get_by_text("Learn from 1 correction too")).to_be_visible()
