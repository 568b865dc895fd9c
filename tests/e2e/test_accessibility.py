"""Every page as axe and a keyboard find it: no serious finding in either theme, nothing too wide, all in reach."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from distill_core.folders import Home
from distill_core.language import speaking
from distill_core.services import Lab
from pages.doors.answers import provider_page, token_page
from tests.e2e import chart
from tests.e2e.accessible import findings, furnish, opened, troubles, walked
from tests.e2e.conftest import OpenTab, Server, running_server, settled

pytestmark = pytest.mark.e2e
# Addresses by section, with the experiment's id in its place.
PAGES = {
    "lab": ("", "new", "queue", "data", "machine", "self-check", "storage", "experiment?id=none"),
    "results": ("try?id={id}", "latency?id={id}", "compare?ids={id}", "compress?from={id}", "report?id={id}"),
    "experiment": (
        "experiment?id={id}&tab=Trade-off", "experiment?id={id}&tab=Per+class", "experiment?id={id}&tab=Confusion",
        "experiment?id={id}&tab=ONNX+and+latency", "experiment?id=stairs&tab=Compression",
    ),
    "sweeps": (
        "sweeps", "new-sweep", "sweep?id={sweep}&trial=1", "sweep?id={sweep}&view=All+settings",
        "sweep?id={sweep}&view=Trade-off", "sweep?id={sweep}&view=Best+so+far", "sweep?id={sweep}&view=Importance",
    ),
    "evidence": tuple(
        f"evidence?id={{id}}&panel={group}"
        for group in ("sure", "figures", "teacher", "classes", "samples", "robust", "inside")
    ),
    "lessons": (
        "lens?id={id}", "learn", "learn?lesson=beyond-the-label", "learn?lesson=weights", "learn?lesson=no-help",
        "learn?lesson=unlabelled", "learn?lesson=temperature&present=1&step=1", "learn?lesson=weights&present=1&step=7",
    ),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, with_catalogue: Callable[[Home], Home]) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("accessible")
    with_catalogue(Home(folder / "home"))
    with running_server(folder) as found:
        yield found


@pytest.fixture(scope="module")
def experiment(server: Server) -> str:
    return furnish(server.home)


@pytest.fixture
def tab(open_tab: OpenTab, server: Server, experiment: str) -> Page:
    """One tab goes to all addresses of a test; a browser starts anew for none."""
    return open_tab(f"{server.url}/self-check")


@pytest.mark.parametrize("section", PAGES)
def test_no_page_has_a_serious_finding_or_is_wider_than_its_screen(
    server: Server, tab: Page, experiment: str, section: str
) -> None:
    found, sweep = {}, Lab(server.home).sweeps.list()[0].sweep_id
    for address in PAGES[section]:
        opened(tab, f"{server.url}/{address.format(id=experiment, sweep=sweep)}")
        if trouble := troubles(tab):
            found[address] = trouble
    assert found == {}


def test_what_a_press_opens_has_no_serious_finding(server: Server, tab: Page, experiment: str) -> None:
    found = {}
    opened(tab, f"{server.url}/experiment?id={experiment}")
    for button in ("Note", "Share"):
        tab.get_by_test_id("stMain").get_by_role("button", name="More", exact=True).click()
        tab.get_by_test_id("stPopoverBody").get_by_role("button", name=button, exact=True).click()
        expect(tab.get_by_role("dialog")).to_be_visible()
        settled(tab)
        found[button] = troubles(tab)
        tab.keyboard.press("Escape")
        expect(tab.get_by_role("dialog")).to_have_count(0)
    chart.wait_for_curves(tab)
    tab.locator(".lab-replay").get_by_role("button", name="Replay", exact=True).click()
    tab.locator(".st-key-curves-numbers").get_by_text("As a table").click()
    expect(tab.get_by_test_id("stDataFrame").first).to_be_visible()
    settled(tab)
    found["replay and table"] = troubles(tab)
    tab.get_by_role("radio", name="Loss shares").or_(tab.get_by_role("button", name="Loss shares")).first.click()
    settled(tab)
    found["shares"] = troubles(tab)
    assert not any(found.values()), found


def test_what_is_read_outside_of_the_lab_has_no_serious_finding(
    server: Server, browser: Browser, experiment: str, tmp_path: Path
) -> None:
    # Their policies forbid every script, axe as well.
    tab = browser.new_context(bypass_csp=True).new_page()
    lab, found = Lab(server.home), {}
    report = tmp_path / "report.html"
    report.write_bytes(lab.reports.make(experiment, language="zh").content)
    doors = {"token": token_page("/lab/sign-in", problem="Wrong."), "provider": provider_page("/a", "/b")}
    for name, answer in doors.items():
        (tmp_path / f"{name}.html").write_bytes(bytes(answer.body))
    link = f"{server.url}/lab/share/{lab.shares.make(experiment, days=1).token}"
    for url in (report.as_uri(), link, *((tmp_path / f"{name}.html").as_uri() for name in doors)):
        opened(tab, url)
        tab.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        found[url] = troubles(tab)
        # Every picture says what it shows, and its numbers are beside it.
        pictures = tab.locator("svg.chart")
        for number in range(pictures.count()):
            assert pictures.nth(number).get_attribute("aria-label") or pictures.nth(number).locator("title").count()
        assert tab.locator("details.data table").count() >= pictures.count()
    assert not any(found.values()), found
    opened(tab, report.as_uri())
    assert tab.evaluate("document.documentElement.lang") == "zh-Hans"
    tab.context.close()
    with speaking("zh"):
        assert 'lang="zh-Hans"' in bytes(token_page("/lab/sign-in").body).decode()


def test_the_document_tells_its_language(server: Server, tab: Page) -> None:
    expect(tab.locator("html")).to_have_attribute("lang", "en")
    tab.get_by_role("button", name="简体中文").click()
    expect(tab.locator("html")).to_have_attribute("lang", "zh-Hans")
    opened(tab, f"{server.url}/learn?lesson=weights&present=1&lang=zh")
    expect(tab.locator("html")).to_have_attribute("lang", "zh-Hans")


def test_a_keyboard_reaches_every_control_sees_where_it_is_and_gets_out_again(
    server: Server, tab: Page, experiment: str
) -> None:
    opened(tab, f"{server.url}/lens?id={experiment}")
    expect(tab.locator(".lab-lens .play-row")).to_be_visible()
    assert walked(tab, tab.locator(".lab-lens")) == ([], [])
    opened(tab, f"{server.url}/experiment?id={experiment}&epoch=3")
    chart.wait_for_curves(tab)
    expect(tab.locator(".lab-replay input")).to_be_visible()
    assert walked(tab, tab.locator(".lab-replay")) == ([], [])
    opened(tab, f"{server.url}/queue")
    assert walked(tab, tab.locator(".lab-root").filter(has=tab.locator(".lab-list"))) == ([], [])
    opened(tab, f"{server.url}/learn?lesson=weights")
    assert walked(tab, tab.locator(".st-key-lesson")) == ([], [])


def test_presenting_can_be_left_from_wherever_the_keyboard_is(server: Server, tab: Page) -> None:
    opened(tab, f"{server.url}/learn?lesson=weights&present=1&step=7")
    assert walked(tab, tab.locator(".lab-lectern")) == ([], [])
    tab.get_by_role("slider", name="Weight of the teacher").focus()
    tab.keyboard.press("Escape")
    expect(tab).not_to_have_url(re.compile("present=1"))


def test_axe_tells_what_is_wrong(open_tab: OpenTab, tmp_path: Path) -> None:
    """The checks themselves can fail: pale words, a heading left out, a control that a keyboard cannot see or reach."""
    faulty = tmp_path / "faulty.html"
    faulty.write_text(
        "<!doctype html><html lang=en><title>t</title><main><h1 style='color:#bbb'>Pale</h1><h3>Part</h3><a href='#'>"
        "before</a><div id=box><button style='outline:0'>one</button><button>two</button><input "
        "onfocus='this.blur()' aria-label=three><i style='display:block;width:3000px'>.</i></div></main></html>"
    )
    page = open_tab(faulty.as_uri())
    expect(page.get_by_role("heading", name="Pale")).to_be_visible()
    assert {one.split(":")[0] for one in findings(page)} == {"color-contrast", "heading-order"}
    assert any("too wide" in line for line in troubles(page)["light"])
    missed, unseen = walked(page, page.locator("#box"))
    assert ["three" in one for one in missed] == [True] and ["one" in one for one in unseen] == [True]
