"""The lens in a real browser: dragged, scrubbed and picked without asking the server; the address brings it back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from scipy.special import log_softmax

from distill_core.folders import Home
from distill_core.lessons import find_lesson
from distill_core.services import Lab
from tests.e2e.conftest import OpenTab, Server, running_server, settled
from tests.lens_samples import build_lens_digits

pytestmark = pytest.mark.e2e
WARM = ".lab-lens .controls > .slider input"
TIME = ".lab-lens .play-row .slider input"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, with_catalogue: Callable[[Home], Home]) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("lens")
    with_catalogue(Home(folder / "home"))
    with running_server(folder) as found:
        yield found


@pytest.fixture(scope="module")
def identity(server: Server) -> str:
    return build_lens_digits(server.home, withheld="3")


def figures(page: Page, card: int) -> list[float]:
    return [float(text) for text in page.locator(".lab-lens .network").nth(card).locator("dd").all_inner_texts()]


def test_the_lens_follows_the_hand_and_its_address_brings_it_back(
    server: Server, identity: str, open_tab: OpenTab
) -> None:
    page = open_tab(f"{server.url}/lens?id={identity}")
    expect(page.locator(".lab-lens .network")).to_have_count(5)
    expect(page.locator(".lab-lens .play-row")).to_be_visible()
    expect(page.get_by_text("No student saw a 3 in training")).to_be_visible()
    expect(page.get_by_text("They heard of it only through the teacher's soft labels")).to_be_visible()
    settled(page)
    asked = page.evaluate("() => performance.getEntriesByType('resource').length")

    page.locator(WARM).focus()
    page.locator(WARM).press("End")
    expect(page.locator(".lab-lens .controls > .slider output")).to_have_text("T = 50")
    page.get_by_role("button", name="T = 8", exact=True).click()
    expect(page).to_have_url(re.compile(r"[?&]t=8(&|$)"))
    page.locator(TIME).focus()
    page.locator(TIME).press("Home")
    expect(page.locator(".lab-lens .network").nth(1)).to_contain_text("after epoch 1")
    page.get_by_role("option", name=re.compile(r", class 5$")).first.click()
    expect(page.get_by_text("True class: 5")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"epoch=1"))
    # The address follows the hand a moment later.
    picked = page.locator(".lab-lens [role=option][aria-selected=true]").get_attribute("aria-label") or ""
    row = int(re.findall(r"\d+", picked)[0])
    expect(page).to_have_url(re.compile(rf"[?&]sample={row}(&|$)"))
    assert page.evaluate("() => performance.getEntriesByType('resource').length") == asked, "nobody was asked"

    view = Lab(server.home).lens.of(identity)
    place = [sample.row for sample in view.samples].index(row)
    teacher = np.exp(log_softmax(view.networks[0].final[place].astype(float) / 8))
    own = log_softmax(view.networks[1].by_epoch[0, place].astype(float) / 8)
    kl = float((teacher * (np.log(teacher) - own)).sum())
    expected = [-(np.exp(own) * own).sum(), kl, 64 * kl, 8 * np.linalg.norm(np.exp(own) - teacher)]
    expect(page.locator(".lab-lens")).to_have_attribute("data-drawn", f"{row} 8 1")
    assert figures(page, 1) == pytest.approx(expected, rel=0.01, abs=0.002)

    page.goto(page.url)
    expect(page.locator(".lab-lens")).to_have_attribute("data-drawn", f"{row} 8 1")
    page.get_by_role("button", name="Play the epochs").click()
    expect(page.locator(".lab-lens .network").nth(1)).to_contain_text("as kept")


def test_on_a_phone_in_the_dark_it_fits_and_tells_those_who_do_not_see_it(
    server: Server, identity: str, open_tab: OpenTab
) -> None:
    page = open_tab(f"{server.url}/lens?id={identity}&lang=zh&sample=0", theme="dark", phone=True)
    expect(page.locator(".lab-lens .network")).to_have_count(5)
    expect(page.get_by_role("button", name="逐轮播放")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile(r"^teacher，T = 4：.*%")).first).to_be_visible()
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    page.locator(".lab-lens .numbers summary").click()
    expect(page.locator(".lab-lens .numbers tbody tr")).to_have_count(14)


def test_before_a_class_it_is_seen_whole_on_a_projector(server: Server, open_tab: OpenTab) -> None:
    lesson = find_lesson("temperature")
    build_lens_digits(server.home, spec=Lab(server.home).lessons.spec(lesson))
    page = open_tab(f"{server.url}/learn?lesson={lesson.name}&present=1&step={4 + len(lesson.parts)}", theme="dark")
    few = page.locator(".lab-lens .network:visible")
    for width, height in ((1024, 768), (1280, 720)):
        page.set_viewport_size({"width": width, "height": height})
        expect(few).to_have_count(3)
        assert ["teacher" in few.nth(0).inner_text(), "alone" in few.nth(1).inner_text()] == [True, True]
        expect(page.locator(".lab-lens .play-row")).to_be_visible()
        expect(page.locator(WARM)).to_be_in_viewport(ratio=1)
        bar, cards = page.locator(".st-key-lectern-bar").bounding_box(), [one.bounding_box() for one in few.all()]
        assert bar and all(card and card["y"] + card["height"] <= bar["y"] for card in cards), (bar, cards)
        # Of a size to be read from the last row.
        assert few.nth(1).locator(".class").first.evaluate("one => parseFloat(getComputedStyle(one).fontSize)") >= 16
    page.locator(WARM).focus()
    page.locator(WARM).press("End")
    expect(page.locator(".lab-lens .controls > .slider output")).to_have_text("T = 50")
