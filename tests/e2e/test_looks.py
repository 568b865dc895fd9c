"""Every page in light, dark and at 390 pixels: no overflow, no error, the right background."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import OpenTab, Server, running_server
from tests.fixtures import build_finished_experiment, preset_spec

pytestmark = pytest.mark.e2e
LONG_NAME = "Ein_sehr_langer_Name_ohne_Leerzeichen_" * 2
PLACES = ("", "experiment?id=one", "experiment?id=two&tab=Trade-off", "experiment?id=one&tab=Confusion",
          "experiment?id=one&tab=Per+class", "experiment?id=one&tab=ONNX+and+latency", "new", "compare?ids=one&ids=two",
          "compare?ids=one&ids=two&tab=Differences", "machine")


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("looks")) as server:
        build_finished_experiment(server.home, experiment_id="one", created_at=1_790_000_000)
        spec = preset_spec("digits-missing", seeds=3, name=LONG_NAME)
        build_finished_experiment(server.home, spec=spec, experiment_id="two", created_at=1_790_100_000)
        yield server


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("theme", "phone"), [("light", False), ("dark", False), ("light", True), ("dark", True)])
def test_a_page_fits_its_screen(
    furnished: Server, open_tab: OpenTab, tmp_path: Path, place: str, theme: str, phone: bool
) -> None:
    page = open_tab(f"{furnished.url}/{place}", theme=theme, phone=phone)
    page.wait_for_function("() => !document.querySelector('[data-testid=stSkeleton]')")
    page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')")
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    sizes = page.evaluate(
        "() => [document.documentElement, document.querySelector('[data-testid=stMain]')].map(e => "
        "[e.scrollWidth, e.clientWidth])"
    )
    assert all(content <= screen for content, screen in sizes), sizes
    wide = page.evaluate(
        """() => [...document.querySelectorAll('h1, h2, h3, p, button, [data-testid=stMetric], .stAlert, .lab-root')]
            .filter(e => e.getClientRects().length && !e.closest('[role=tablist], [data-testid=stSidebar]')
                && e.getBoundingClientRect().right > window.innerWidth + 1).map(e => e.textContent.slice(0, 60))"""
    )
    assert wide == []
    background = page.evaluate("() => getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    assert background == ("rgb(15, 19, 24)" if theme == "dark" else "rgb(255, 255, 255)")
    assert page.locator("[data-testid=stException]").count() == 0
