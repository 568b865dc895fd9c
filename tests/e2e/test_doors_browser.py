"""The doors in a real browser: no page breaks the content-security policy, and a start link signs in and out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from oidc_provider_mock import User, run_server_in_thread
from playwright.sync_api import Browser, Page, expect

from distill_core.access_settings import AccessSettings, write_access
from distill_core.audit import Audit
from distill_core.folders import Home
from tests.e2e.conftest import WIDE, Server, running_server, settled
from tests.e2e.waits import ANSWER_MS
from tests.fixtures import build_finished_experiment, build_running_experiment, preset_spec

pytestmark = pytest.mark.e2e
ADMIN, VIEWER = "admin-token-of-the-test", "viewer-token-of-the-test"
PLACES = (
    "", "experiment?id=done", "experiment?id=live", "experiment?id=done&tab=Trade-off",
    "experiment?id=done&tab=Confusion", "new", "data", "compare?ids=done", "try?id=done", "latency",
    "compress?from=done", "machine", "audit", "queue",
)
CHARTS = {"experiment?id=live": ".js-plotly-plot", "experiment?id=done&tab=Trade-off": ".js-plotly-plot"}
REPORT = """
window.violations = [];
document.addEventListener(
    'securitypolicyviolation', e => window.violations.push(`${e.violatedDirective} ${e.blockedURI}`)
);
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, with_catalogue: Callable[[Home], Home]) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("doors")
    with_catalogue(Home(folder / "home"))
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
    page.set_default_timeout(ANSWER_MS)
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


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, with_catalogue: Callable[[Home], Home]) -> Iterator[Server]:
    """A lab whose people sign in with a real OpenID provider; Ada may launch, Eve has no role."""
    folder = tmp_path_factory.mktemp("team")
    home = with_catalogue(Home(folder / "home"))
    write_access(home, AccessSettings(roles={"ada@example.org": "operator"}))
    people = [
        User(sub=name, claims={"email": f"{name}@example.org", "email_verified": name != "mallory"})
        for name in ("ada", "eve", "mallory")
    ]
    with run_server_in_thread(user_claims=people) as provider, running_server(
        folder, DISTILL_SIGN_IN="oidc", DISTILL_OIDC_URL="http://localhost:{port}", DISTILL_OIDC_CLIENT_ID="lab",
        DISTILL_OIDC_CLIENT_SECRET="secret-of-the-test", DISTILL_OIDC_METADATA_URL=
        f"http://localhost:{provider.server_port}/.well-known/openid-configuration",
    ) as server:
        build_finished_experiment(home, experiment_id="done", spec=preset_spec(seeds=1))
        server.url = server.url.replace("127.0.0.1", "localhost")
        yield server


def come_in(tab: Page, url: str, name: str) -> None:
    tab.goto(url)
    tab.get_by_role("link", name="Sign in", exact=True).click()
    tab.get_by_role("button", name=name, exact=True).click()


def test_a_team_signs_in_by_its_provider_and_out_again(team: Server, tab: Page) -> None:
    come_in(tab, team.url, "ada")
    tab.wait_for_selector("h1")
    settled(tab)
    assert tab.evaluate("window.violations") == []
    live = f"{team.url}/lab/live/done"
    assert tab.request.get(live).status == 200
    tab.locator(".st-key-account button").first.click()
    expect(tab.get_by_text("You may launch experiments")).to_be_visible()
    kept = tab.context.cookies()
    tab.get_by_role("button", name="Sign out").click()
    tab.get_by_role("button", name="End session").click()
    expect(tab.get_by_role("link", name="Sign in", exact=True)).to_be_visible()
    assert tab.request.get(live).status == 401
    # A copy of the cookies that somebody kept opens nothing either.
    tab.context.add_cookies(kept)  # type: ignore[arg-type]
    assert tab.request.get(live).status == 401
    told = [(entry.actor, entry.action) for entry in Audit(team.home, clock=time.time).newest()]
    assert ("ada@example.org", "sign-in") in told


@pytest.mark.parametrize(("name", "reason"), [("eve", "has no role here"), ("mallory", "has not verified")])
def test_a_person_who_is_not_allowed_is_told_why_and_gets_nothing(
    team: Server, tab: Page, name: str, reason: str
) -> None:
    come_in(tab, team.url, name)
    expect(tab.get_by_role("alert")).to_contain_text(reason)
    assert tab.request.get(f"{team.url}/lab/live/done").status == 403
    assert tab.request.get(f"{team.url}/media/x.png").status == 403
    told = Audit(team.home, clock=time.time).newest()[0]
    assert (told.actor, told.action) == (f"{name}@example.org", "sign-in refused")
