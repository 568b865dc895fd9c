"""A home folder for pages under AppTest: the catalogue is there, and no dispatcher is started."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from distill_core import services
from distill_core.catalog import Catalogue
from distill_core.folders import Home
from distill_core.jobs.previewing import Previews
from distill_core.jobs.starting import DispatcherStarter
from tests.pages.design_form import Layers

FRAME = Path(__file__).parents[2] / "pages" / "frame.py"
START = "experiments/overview.py"
OpenPage = Callable[..., AppTest]


@pytest.fixture(scope="session", autouse=True)
def components_looked_for_once() -> Iterator[None]:
    """Each AppTest reads what every installed package says of itself, which stays the same meanwhile."""
    found = manifest_scanner.scan_component_manifests()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", lambda: found)
        yield


@pytest.fixture
def home(
    tmp_path: Path, with_catalogue: Callable[[Home], Home], catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> Home:
    """An empty home that pages use; experiments stay as a test writes them. Its catalogue is read once for all."""
    found = with_catalogue(Home(tmp_path / "home"))
    monkeypatch.setattr(services, "load_catalogue", lambda home: catalogue)
    monkeypatch.setenv("DISTILL_HOME", str(found.path))
    monkeypatch.setattr(DispatcherStarter, "ensure", lambda self: None)
    return found


@pytest.fixture
def open_page(home: Home) -> OpenPage:
    """Opens a page of the real frame by its file, with the address's parameters."""

    def opened(file: str, **parameters: str | list[str]) -> AppTest:
        app = AppTest.from_file(str(FRAME), default_timeout=30)
        if file != START:
            app.run()
            app.switch_page(file)
        for name, value in parameters.items():
            app.query_params[name] = value
        return app.run()

    return opened


@pytest.fixture
def layers(monkeypatch: pytest.MonkeyPatch) -> Layers:
    """No preview process is started: a fake tells the layers, and no deep check is made before a launch."""
    found = Layers()
    monkeypatch.setattr(Previews, "layers", lambda self, *choices: found(self, *choices))
    monkeypatch.setattr(Previews, "check", lambda self, spec: None)
    return found
