"""A data set on its pages: looking at what was read, renaming, removing with a way back."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from distill_core.folders import Home
from distill_core.processes import write_stamp
from distill_core.shelf import Shelf
from tests.pages.data_samples import DATA_SET, LIBRARY, ONE, plain, shelve, texts

NASTY = "<script>alert(1)</script> **bold** :material/home: $x$"


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
