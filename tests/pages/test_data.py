"""The data pages: bringing files, choosing columns and arrays, looking at what was read, removing with a way back."""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.testing.v1 import AppTest

from distill_core.folders import Home
from distill_core.ingestion.data_folder import DataFolder, Reading, Record
from distill_core.ingestion.examples import Example, Part, keep_examples
from distill_core.processes import write_stamp
from distill_core.shelf import DataSet, Shelf

LIBRARY, DATA_SET = "data/library.py", "data/data_set.py"
NASTY = "<script>alert(1)</script> **bold** :material/home: $x$"
CSV = b"id,review,label\n1,a long and happy text,good\n2,a long and sad text,bad\n3,another text of joy,good\n"
ONE = "0123456789ab"


def texts(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.title, *app.info, *app.warning, *app.error, *app.success]
    progress = [bar.proto.text for bar in app.get("progress")]
    return "\n".join([*(str(part.value) for part in parts), *progress])


def plain(app: AppTest) -> str:
    """What a reader sees, without Markdown's escapes."""
    return texts(app).replace("\\", "").replace("\u2060", "")


def upload(app: AppTest, name: str, content: bytes) -> AppTest:
    app.file_uploader[0].set_value((name, content, "application/octet-stream"))
    return app.run()


@pytest.fixture
def at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process reads what is brought."""
    monkeypatch.setattr(Shelf, "_start", lambda self, folder: None)


def shelve(home: Home, data_id: str = ONE, *, name: str = "reviews", **read: Any) -> DataFolder:
    """A text data set as reading leaves it: 60 training texts of two classes and 4 test texts."""
    folder = DataFolder(home.data / data_id)
    folder.path.mkdir(parents=True)
    (folder.path / "upload.csv").write_bytes(CSV)
    folder.write_record(Record(
        name=name, form="text", entry="text-table", file_name="reviews.csv", upload="upload.csv", created_at=1.79e9,
        params={"text_column": "review", "label_column": "label"},
    ))  # fmt: skip
    found = Reading(
        state="ready", started_at=1.79e9, ended_at=1.79e9 + 2, done=66, total=66, train=60, test=4,
        class_counts={"train": {"good": 40, "bad": 20}, "test": {"good": 4}}, bad=0, kind="text", shape=(12,),
        task="classification", notes=("The file is not UTF-8 and was read as *Windows-1252*.",),
    )
    folder.write_reading(replace(found, **read))
    labels = ["bad" if number % 3 == 0 else "good" for number in range(60)]
    kept: list[tuple[Part, Example, list[str]]] = [
        ("train", Example(png=None, text=f"text {number}", label=label), [label]) for number, label in enumerate(labels)
    ]
    kept += [("test", Example(png=None, text=f"held {number}", label="good"), ["good"]) for number in range(4)]
    keep_examples(folder.examples, kept)
    return folder


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


def test_a_table_shows_its_first_rows_and_the_probable_columns(open_page, home: Home, at_rest: None) -> None:
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
    assert not list((home.data / "incoming").iterdir())


def test_the_header_can_be_corrected(open_page) -> None:
    app = upload(open_page(LIBRARY), "reviews.csv", CSV)
    next(one for one in app.get("button_group") if one.label == "First row").set_value("no").run()
    assert app.dataframe[0].value.iloc[0].tolist() == ["id", "review", "label"]
    assert {box.label: box.value for box in app.selectbox}["Text"] == "2"


def test_the_separator_can_be_corrected_and_too_few_columns_are_told(open_page) -> None:
    app = upload(open_page(LIBRARY), "reviews.csv", CSV)
    next(box for box in app.selectbox if box.label == "Separator").set_value("tab").run()
    assert "This table has one column" in texts(app)
    assert not [button for button in app.button if button.key == "begin-reading"]


def test_text_and_label_must_differ(open_page) -> None:
    app = upload(open_page(LIBRARY), "reviews.csv", CSV)
    next(box for box in app.selectbox if box.label == "Label").set_value("review").run()
    assert "same column" in texts(app)
    assert app.button(key="begin-reading").disabled


def test_arrays_are_listed_and_chosen_with_their_tests(open_page, home: Home, at_rest: None) -> None:
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


def test_a_file_that_is_none_is_told_by_its_own_name_and_can_be_discarded(open_page, home: Home) -> None:
    app = upload(open_page(LIBRARY), "mine.npz", b"no archive")
    assert not app.exception
    assert "The file 'mine.npz' cannot be read" in plain(app)
    (kept,) = (home.data / "incoming").iterdir()
    app.button(key="discard-upload").click().run()
    assert not kept.exists()
    assert app.file_uploader


def test_the_servers_memory_lets_go_of_an_upload_once_it_is_on_the_disk(
    open_page, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone: list[str] = []
    remove = MemoryUploadedFileManager.remove_file

    def noted(self: MemoryUploadedFileManager, session_id: str, file_id: str) -> None:
        gone.append(self.file_storage[session_id][file_id].name)
        remove(self, session_id, file_id)

    monkeypatch.setattr(MemoryUploadedFileManager, "remove_file", noted)
    upload(open_page(LIBRARY), "reviews.csv", CSV)
    assert gone == ["reviews.csv"]
    (kept,) = (home.data / "incoming").iterdir()
    assert kept.read_bytes() == CSV


def test_images_are_read_in_and_shown_by_split_and_class(open_page, home: Home) -> None:
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


# Looking -------------------------------------------------------------------------------------


def test_progress_tells_counts_rate_and_time_left(open_page, home: Home) -> None:
    folder = shelve(
        home, state="reading", started_at=time.time() - 10, ended_at=None, done=2_500, total=10_000, train=0, test=0,
        class_counts={},
    )
    # This process stands for the one that reads.
    write_stamp(folder.stamp, attempt=0, events_offset=0)
    for page, parameters in ((LIBRARY, {}), (DATA_SET, {"id": ONE})):
        shown = texts(open_page(page, **parameters))
        assert "2,500 of 10,000 rows" in shown
        assert " a second" in shown and " s left" in shown


def test_a_reading_whose_process_is_gone_can_be_begun_again(
    open_page, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shelve(home, state="reading", ended_at=None)
    begun: list[Path] = []
    monkeypatch.setattr(Shelf, "_start", lambda self, folder: begun.append(folder.path))
    app = open_page(DATA_SET, id=ONE)
    assert "interrupted" in app.error[0].value
    app.button(key="again").click().run()
    assert begun == [folder.path]


def test_a_failure_names_the_file_as_its_owner_does(open_page, home: Home) -> None:
    shelve(home, state="failed", reason="'upload.csv' has no rows.")
    for app in (open_page(DATA_SET, id=ONE), open_page(LIBRARY)):
        assert "'reviews.csv' has no rows." in plain(app)


def test_figures_notes_samples_and_classes_of_a_text(open_page, home: Home) -> None:
    shelve(home)
    app = open_page(DATA_SET, id=ONE)
    assert not app.exception
    assert {metric.label: metric.value for metric in app.metric}.items() >= {
        "Training": "60", "Test": "4", "Classes": "2", "Left out": "0"
    }.items()
    assert r"\*Windows\-1252\*" in texts(app)
    assert app.dataframe[0].value["sample"].tolist() == [f"text {number}" for number in range(30)]
    app = open_page(DATA_SET, id=ONE, **{"sample-page": "2"})
    assert app.dataframe[0].value["sample"].tolist()[0] == "text 30"
    app = open_page(DATA_SET, id=ONE, **{"class": "bad"})
    assert set(app.dataframe[0].value["label"]) == {"bad"} and len(app.dataframe[0].value) == 20
    app = open_page(DATA_SET, id=ONE, tab="Classes")
    (chart,) = app.get("plotly_chart")
    bars = {bar["name"]: bar["x"] for bar in json.loads(chart.proto.spec)["data"]}
    assert bars == {"training": [40, 20], "test": [4, 0]}
    assert "1 class has no test samples." in plain(app)


def test_problems_are_shown_a_page_at_a_time(open_page, home: Home) -> None:
    folder = shelve(home, bad=120)
    lines = [json.dumps({"file": f"row {number}", "reason": "3 cells instead of 2"}) for number in range(120)]
    folder.problems.write_text("\n".join(lines) + "\n")
    app = open_page(DATA_SET, id=ONE, tab="Problems", **{"problem-page": "3"})
    assert app.dataframe[0].value["file"].tolist() == [f"row {number}" for number in range(100, 120)]


def test_nothing_left_out_is_good_news(open_page, home: Home) -> None:
    shelve(home)
    assert "Everything could be read." in texts(open_page(DATA_SET, id=ONE, tab="Problems"))


def test_an_unknown_data_set_is_a_sentence(open_page) -> None:
    for identity in ("ffffffffffff", "../../etc/passwd", ""):
        app = open_page(DATA_SET, id=identity)
        assert not app.exception and app.warning


def test_a_nasty_name_shows_as_it_was_written(open_page, home: Home) -> None:
    shelve(home, name=NASTY)
    for app in (open_page(LIBRARY), open_page(DATA_SET, id=ONE)):
        assert not app.exception
        labels = [link.proto.label for link in app.get("page_link")]
        assert not any("<script>" in text.replace("\\<", "") for text in [texts(app), *labels])


# Changing ------------------------------------------------------------------------------------


def test_the_next_step_is_an_experiment_with_the_data(open_page, home: Home) -> None:
    shelve(home)
    app = open_page(DATA_SET, id=ONE)
    app.button(key="use").click().run()
    assert app.query_params["data"] == ONE


def test_a_removed_data_set_comes_back_with_undo(open_page, home: Home) -> None:
    shelve(home)
    app = open_page(DATA_SET, id=ONE)
    app.button(key="remove").click().run()
    assert not app.exception
    assert Shelf(home).all() == [] and "was removed" in texts(app)
    app.button(key="undo-removal").click().run()
    assert [found.data_id for found in Shelf(home).all()] == [ONE]
    assert "was removed" not in texts(app)


def test_a_removed_data_set_can_be_restored_later_or_deleted_for_good(open_page, home: Home) -> None:
    for data_id in (ONE, "ba9876543210"):
        shelve(home, data_id)
        Shelf(home).remove(data_id)
    app = open_page(LIBRARY)
    assert "cannot be undone" in texts(app)
    app.button(key=f"restore-{ONE}").click().run()
    assert [found.data_id for found in Shelf(home).all()] == [ONE]
    app.button(key="purge-ba9876543210").click().run()
    assert not app.exception
    assert not os.path.exists(home.data / "ba9876543210")
    assert [found.data_id for found in Shelf(home).all(include_removed=True)] == [ONE]


def test_a_data_set_is_renamed_and_an_empty_name_is_refused(open_page, home: Home) -> None:
    shelve(home)
    app = open_page(DATA_SET, id=ONE)
    app.text_input[0].set_value("film reviews")
    app.button(key="save-name").click().run()
    assert Shelf(home).get(ONE).name == "film reviews"
    assert app.title[0].value == "film reviews"
    app.text_input[0].set_value("  ")
    app.button(key="save-name").click().run()
    assert app.error and Shelf(home).get(ONE).name == "film reviews"
