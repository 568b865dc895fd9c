"""The doors in a real browser: no page breaks the content-security policy, and a start link signs in and out."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import WIDE, Server, running_server, settled
from tests.fixtures import build_finished_experiment, build_running_experiment, preset_spec

pytestmark = pytest.mark.e2e
ADMIN, VIEWER = "admin-token-of-the-test", "viewer-token-of-the-test"
PLACES = (
    "", "experiment?id=done", "experiment?id=live", "experiment?id=done&tab=Trade-off",
    "experiment?id=done&tab=Confusion", "new", "data", "compare?ids=done", "try?id=done", "latency",
    "compress?from=done", "machine", "audit",
)
CHARTS = {"experiment?id=live": ".js-plotly-plot", "experiment?id=done&tab=Trade-off": ".js-plotly-plot"}
REPORT = """
window.violations = [];
document.addEventListener(
    'securitypolicyviolation', e => window.violations.push(`${e.violatedDirective} ${e.blockedURI}`)
);
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("doors")
    with running_server(
        folder, DISTILL_SIGN_IN="token", DISTILL_TOKEN=ADMIN, DISTILL_VIEWER_TOKEN=VIEWER
    ) as server:
        build_finished_experiment(server.home, experiment_id="done", spec=preset_spec(seeds=2))
        build_running_experiment(server.home, experiment_id="live", spec=preset_spec(seeds=1))
        yield server


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=WIDE)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.add_init_script(REPORT)
    yield page
    context.close()


def test_every_page_keeps_to_the_policy_draws_and_asks_no_other_host(lab: Server, tab: Page) -> None:
    asked: set[str] = set()
    broken: list[str] = []
    tab.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    tab.on("console", lambda line: broken.append(line.text) if "Content Security Policy" in line.text else None)
    tab.goto(f"{lab.url}/?token={ADMIN}")
    for place in PLACES:
        tab.goto(f"{lab.url}/{place}")
        tab.wait_for_selector("h1")
        settled(tab)
        if place in CHARTS:
            tab.wait_for_selector(f"{CHARTS[place]} .trace, {CHARTS[place]} canvas", state="attached")
        broken += [f"{place}: {told}" for told in tab.evaluate("window.violations")]
    assert broken == []
    assert asked <= {urlsplit(lab.url).netloc, ""}


def test_a_start_link_signs_in_as_its_role_and_out_again(lab: Server, tab: Page) -> None:
    tab.goto(lab.url)
    expect(tab.get_by_role("heading", name="Sign in to Distill Lab")).to_be_visible()
    tab.get_by_label("Token").fill("a wrong one")
    tab.get_by_role("button", name="Sign in").click()
    expect(tab.get_by_role("alert")).to_contain_text("This token is not right")
    tab.goto(f"{lab.url}/experiment?id=done&token={VIEWER}")
    tab.wait_for_selector("h1")
    assert "token" not in tab.url and "id=done" in tab.url
    [cookie] = [one for one in tab.context.cookies() if one["name"] == "distill_session"]
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict" and VIEWER not in cookie["value"]
    settled(tab)
    tab.get_by_role("button", name="viewer").click()
    tab.get_by_role("button", name="Sign out").click()
    expect(tab.get_by_role("heading", name="Sign in to Distill Lab")).to_be_visible()
    assert tab.request.get(f"{lab.url}/lab/live/done").status == 401
