"""The library of data: bringing files, choosing columns and arrays."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from distill_core.folders import Home
from distill_core.shelf import DataSet, Shelf
from tests.pages.data_samples import CSV, DATA_SET, LIBRARY, plain, texts
from tests.upload_samples import FakeZone


@pytest.fixture
def upload(monkeypatch: pytest.MonkeyPatch) -> Callable[[AppTest, str, bytes], AppTest]:
    return FakeZone(monkeypatch).bring


@pytest.fixture
def at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process reads what is brought."""
    monkeypatch.setattr(Shelf, "_start", lambda self, folder: None)


def images_zip(per_class: int = 40) -> bytes:
    """Two classes of grey squares; the darker class has one broken file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, value in (("dark", 30), ("light", 220)):
            for number in range(per_class):
                picture = io.BytesIO()
                Image.new("RGB", (12, 12), (value, value, number)).save(picture, "PNG")
                archive.writestr(f"{name}/{number:03}.png", picture.getvalue())
        archive.writestr("dark/broken.png", b"\x89PNG no picture")
    return out.getvalue()


def read_in(home: Home, timeout_seconds: float = 60.0) -> DataSet:
    """Waits for the only data set's reading to end."""
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        (found,) = Shelf(home).all()
        if found.state != "reading":
            return found
        time.sleep(0.05)
    raise AssertionError("the reading did not end")


# Bringing ------------------------------------------------------------------------------------


def test_an_empty_shelf_says_what_can_be_brought_and_what_there_is_already(open_page) -> None:
    app = open_page(LIBRARY)
    assert not app.exception
    shown = plain(app)
    for word in (".zip", ".csv", ".npz", "Nothing yet", "**Handwritten digits (8x8)**", "Downloaded on first use."):
        assert word in shown
    # What needs a path of the user's own is not ready to use.
    assert "image-folder" not in shown and "**Image folder**" not in shown
    presets = [link.proto.query_string for link in app.get("page_link") if link.proto.page.endswith("new")]
    assert any("preset=digits" in query for query in presets)


def test_a_table_shows_its_first_rows_and_the_probable_columns(open_page, upload, home: Home, at_rest: None) -> None:
    app = upload(open_page(LIBRARY), "reviews.csv", CSV)
    assert not app.exception
    assert app.dataframe[0].value.iloc[1].tolist() == ["2", "a long and sad text", "bad"]
    chosen = {box.label: box.value for box in app.selectbox}
    assert chosen == {"Separator": "comma", "Text": "review", "Label": "label", "Task": "classification"}
    app.button(key="begin-reading").click().run()
    assert not app.exception
    (found,) = Shelf(home).all()
    assert (found.name, found.form, found.file_name) == ("reviews", "text", "reviews.csv")
    assert found.choice.name == "text-table"
    assert {"text_column": "review", "label_column": "label", "header": "yes", "separator": "comma"}.items() <= (
        found.choice.params.items()
    )
    assert app.query_params["id"] == found.data_id
    assert not list(home.uploads.iterdir())


def test_the_header_can_be_corrected(open_page, upload) -> None:
    app = upload(open_page(LIBRARY), "reviews.csv", CSV)
    next(one for one in app.get("button_group") if one.label == "First row").set_value("no").run()
    assert app.dataframe[0].value.iloc[0].tolist() == ["id", "review", "label"]
    assert {box.label: box.value for box in app.selectbox}["Text"] == "2"


def test_the_separator_can_be_corrected_and_too_few_columns_are_told(open_page, upload) -> None:
    app = upload(open_page(LIBRARY), "reviews.csv", CSV)
    next(box for box in app.selectbox if box.label == "Separator").set_value("tab").run()
    assert "This table has one column" in texts(app)
    assert not [button for button in app.button if button.key == "begin-reading"]


def test_text_and_label_must_differ(open_page, upload) -> None:
    app = upload(open_page(LIBRARY), "reviews.csv", CSV)
    next(box for box in app.selectbox if box.label == "Label").set_value("review").run()
    assert "same column" in texts(app)
    assert app.button(key="begin-reading").disabled


def test_arrays_are_listed_and_chosen_with_their_tests(open_page, upload, home: Home, at_rest: None) -> None:
    content = io.BytesIO()
    np.savez(
        content, x_train=np.zeros((6, 8, 8), np.uint8), y_train=np.arange(6), x_test=np.zeros((2, 8, 8), np.uint8),
        y_test=np.arange(2),
    )
    app = upload(open_page(LIBRARY), "digits.npz", content.getvalue())
    assert not app.exception
    assert app.dataframe[0].value["shape"].tolist() == ["6 × 8 × 8", "6", "2 × 8 × 8", "2"]
    assert {box.label: box.value for box in app.selectbox} == {
        "Inputs": "x_train", "Labels": "y_train", "A sample is": "image", "Task": "classification",
        "Test inputs": "x_test", "Test labels": "y_test",
    }
    next(box for box in app.selectbox if box.label == "Test labels").set_value("").run()
    assert app.button(key="begin-reading").disabled and "test inputs go with test labels" in texts(app)
    next(box for box in app.selectbox if box.label == "Test labels").set_value("y_test").run()
    app.button(key="begin-reading").click().run()
    (found,) = Shelf(home).all()
    assert {"inputs": "x_train", "test_labels": "y_test", "kind": "image"}.items() <= found.choice.params.items()


def test_a_file_that_is_none_is_told_by_its_own_name_and_can_be_discarded(open_page, upload, home: Home) -> None:
    app = upload(open_page(LIBRARY), "mine.npz", b"no archive")
    assert not app.exception
    assert "The file 'mine.npz' cannot be read" in plain(app)
    assert len(list(home.uploads.glob("*.npz"))) == 1
    app.button(key="discard-upload").click().run()
    assert not list(home.uploads.iterdir())
    assert "begin-reading" not in [button.key for button in app.button]


def test_images_are_read_in_and_shown_by_split_and_class(open_page, upload, home: Home) -> None:
    app = upload(open_page(LIBRARY), "squares.zip", images_zip())
    assert not app.exception
    next(one for one in app.number_input if one.label == "Image size").set_value(8)
    app.button(key="begin-reading").click().run()
    found = read_in(home)
    assert (found.state, found.shape, found.bad) == ("ready", (3, 8, 8), 1)
    app = open_page(DATA_SET, id=found.data_id)
    assert not app.exception
    captions = [caption.value for caption in app.caption]
    # All classes take turns.
    assert captions.count("dark") == captions.count("light") == 15
    app = open_page(DATA_SET, id=found.data_id, split="test", **{"class": "light"})
    captions = [caption.value for caption in app.caption]
    assert (captions.count("dark"), captions.count("light")) == (0, found.class_counts["test"]["light"])
    app = open_page(DATA_SET, id=found.data_id, tab="Problems")
    assert app.dataframe[0].value["file"].tolist() == ["dark/broken.png"]
