"""A home folder for pages under AppTest: the catalogue is there, and no dispatcher is started."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from distill_core.folders import Home
from distill_core.jobs.previewing import Previews
from distill_core.jobs.starting import DispatcherStarter
from tests.pages.design_form import Layers

FRAME = Path(__file__).parents[2] / "pages" / "frame.py"
START = "experiments/overview.py"
OpenPage = Callable[..., AppTest]


@pytest.fixture
def home(tmp_path: Path, with_catalogue: Callable[[Home], Home], monkeypatch: pytest.MonkeyPatch) -> Home:
    """An empty home that pages use; experiments stay as a test writes them."""
    found = with_catalogue(Home(tmp_path / "home"))
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
