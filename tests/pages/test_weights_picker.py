"""Choosing and uploading own weights, alone on a page."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from distill_core.folders import Home, default_home
from distill_core.weights import WeightsFile, WeightsShelf
from tests.upload_samples import FakeZone


def saved(**tensors: torch.Tensor) -> bytes:
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    return buffer.getvalue()


def page(value: str) -> None:
    import streamlit

    from pages.ui.weights_picker import weights_picker

    streamlit.session_state["told"] = weights_picker("field-0-teacher", value)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WeightsShelf:
    home = Home(tmp_path / "home")
    monkeypatch.setenv("DISTILL_HOME", str(home.path))
    return WeightsShelf(home)


@pytest.fixture(scope="module")
def content() -> bytes:
    return saved(weight=torch.ones(3, 2), bias=torch.zeros(3))


@pytest.fixture(scope="module")
def taken_in(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> tuple[Home, WeightsFile]:
    """A shelf with one file, made once: each takes a process of its own."""
    home = Home(tmp_path_factory.mktemp("taken-in"))
    return home, WeightsShelf(home).add("My *best*", io.BytesIO(content), file_name="net.pt")


@pytest.fixture
def known(shelf: WeightsShelf, taken_in: tuple[Home, WeightsFile]) -> WeightsFile:
    source, weights = taken_in
    shutil.copytree(source.path, default_home())
    return weights


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> FakeZone:
    return FakeZone(monkeypatch)


def opened(value: str = "") -> AppTest:
    return AppTest.from_function(page, default_timeout=60, args=(value,)).run()


def test_an_empty_shelf_offers_none_and_an_upload(shelf: WeightsShelf, zone: FakeZone) -> None:
    app = opened()
    assert not app.exception
    assert app.selectbox[0].options == ["none"] and app.session_state["told"] == ""
    assert len(zone.shown) == 1 and zone.shown[0]["most"] == 600_000_000


def test_an_upload_is_chosen_at_once_and_stays(shelf: WeightsShelf, content: bytes, zone: FakeZone) -> None:
    app = opened()
    app.text_input[0].set_value("Mine")
    zone.bring(app, "net.pt", content, kind="weights")
    assert not app.exception and not app.error
    (weights,) = shelf.all()
    assert weights.name == "Mine" and app.session_state["told"] == weights.id
    assert "Mine is on the shelf" in app.success[0].value
    assert app.selectbox[0].options == ["none", "Mine · 9 parameters"]
    assert any("net\\.pt" in caption.value for caption in app.caption)
    app.run()
    assert app.session_state["told"] == weights.id
    other = saved(weight=torch.ones(2, 2))
    zone.bring(app, "other.pt", other, kind="weights")
    assert [found.name for found in shelf.all()] == ["other.pt", "Mine"], "a second upload came to nothing"
    assert app.session_state["told"] == shelf.all()[0].id
    app.selectbox[0].set_value("").run()
    assert app.session_state["told"] == ""


def test_a_refusal_is_told_in_a_sentence_and_leaves_the_choice(
    shelf: WeightsShelf, known: WeightsFile, zone: FakeZone
) -> None:
    app = opened(known.id)
    zone.bring(app, "photo.pt", b"no weights at all" * 9, kind="weights")
    assert not app.exception and len(app.error) == 1
    assert "photo\\.pt is not a weights file" in app.error[0].value
    assert app.session_state["told"] == known.id and shelf.all() == [known]
    app.run()
    assert len(app.error) == 1, "the reason stays until the next upload"


def test_weights_of_the_spec_are_shown_and_names_stay_plain(known: WeightsFile) -> None:
    app = opened(known.id)
    assert app.session_state["told"] == known.id
    assert app.selectbox[0].options[1] == "My *best* · 9 parameters"


def test_weights_of_one_name_are_told_apart(shelf: WeightsShelf, known: WeightsFile) -> None:
    other = shelf.add(known.name, io.BytesIO(saved(weight=torch.ones(3, 3))), file_name="net.pt")
    titles = opened().selectbox[0].options
    assert titles == ["none", *(f"My *best* · 9 parameters · {weights.id[:6]}" for weights in (other, known))]


@pytest.mark.parametrize("removed", [True, False])
def test_weights_that_are_not_on_the_shelf_stay_chosen(shelf: WeightsShelf, known: WeightsFile, removed: bool) -> None:
    missing = known.id if removed else "0" * 16
    if removed:
        shelf.remove(known.id)
    app = opened(missing)
    assert not app.exception
    assert app.session_state["told"] == missing
    assert f"{missing} (not on the shelf)" in app.selectbox[0].options
    assert bool(app.warning) is not removed
