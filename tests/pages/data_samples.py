"""What tests of the data pages share: what a page says, and a data set as reading leaves it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from streamlit.testing.v1 import AppTest

from distill_core.folders import Home
from distill_core.ingestion.data_folder import DataFolder, Reading, Record
from distill_core.ingestion.examples import Example, Part, keep_examples

LIBRARY, DATA_SET = "data/library.py", "data/data_set.py"
CSV = b"id,review,label\n1,a long and happy text,good\n2,a long and sad text,bad\n3,another text of joy,good\n"
ONE = "0123456789ab"


def texts(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.title, *app.info, *app.warning, *app.error, *app.success]
    progress = [bar.proto.text for bar in app.get("progress")]
    return "\n".join([*(str(part.value) for part in parts), *progress])


def plain(app: AppTest) -> str:
    """What a reader sees, without Markdown's escapes."""
    return texts(app).replace("\\", "").replace("\u2060", "")


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
