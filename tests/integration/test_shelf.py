"""Uploads on the shelf: read by a process of their own, and shown."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from distill_core.errors import Conflict
from distill_core.ingestion.data_folder import DataFolder, Reading
from distill_core.processes import read_stamp
from distill_core.shelf import Shelf
from tests.integration.shelf_samples import LONGEST_SECONDS, begin, cats_and_dogs, png, read_to_the_end, zip_of


def output_of(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=True).stdout


def test_images_are_read_in_the_background_and_shown(shelf: Shelf) -> None:
    data_id = begin(shelf, cats_and_dogs(10, bad=1), channels="grey")
    assert shelf.get(data_id).state == "reading"
    data = read_to_the_end(shelf, data_id)
    assert (data.state, data.reason) == ("ready", "")
    assert (data.train, data.test, data.unlabelled, data.bad) == (16, 4, 0, 1)
    assert data.class_counts == {"train": {"cat": 8, "dog": 8}, "test": {"cat": 2, "dog": 2}}
    assert (data.kind, data.shape, data.task) == ("image", (1, 8, 8), "classification")
    assert (data.done, data.total) == (21, 21)
    assert data.size_bytes > 20 * 64
    assert any("1 of 21 images could not be read" in note for note in data.notes)
    (problem,) = shelf.problems(data_id)
    assert (problem.file, problem.reason) == ("cat/bad0.png", "not a picture of a known format")
    cats = shelf.examples(data_id, label="cat", offset=3, count=100)
    assert [example.label for example in cats] == ["cat"] * 5
    with Image.open(io.BytesIO(cats[0].png or b"")) as image:
        assert (image.size, image.mode) == ((8, 8), "L")
    assert len(shelf.examples(data_id, split="test")) == 4
    assert shelf.examples(data_id, split="unlabelled") == shelf.examples(data_id, label="wolf") == []


def test_its_choice_loads_what_was_read_without_decoding_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distill_core.datasets import REGISTRY

    data = read_to_the_end(shelf, begin(shelf, cats_and_dogs()))
    entry, params = REGISTRY.resolve(data.choice)
    monkeypatch.setattr("PIL.Image.open", lambda *_, **__: pytest.fail("decoded again"))
    samples = entry.load(params, shelf.home.cache)
    assert samples.class_names == ("cat", "dog")
    assert len(samples.train_labels) == data.train


def test_reading_images_tells_how_far_it_is(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    # Here, not in its process: whether a look from outside falls between two words is a matter of the machine's speed.
    from distill_core.jobs import ingest

    data_id = begin(shelf, cats_and_dogs(250))
    shelf._started[-1].wait(LONGEST_SECONDS)
    folder = DataFolder(shelf.home.data / data_id)
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(ingest, "_SECONDS_BETWEEN_WORDS", 0.0)
    monkeypatch.setattr(DataFolder, "write_reading", lambda _, now: told.append((now.done, now.total)))
    ended = ingest._read(folder, folder.read_record(), shelf.home.cache / "again")
    assert (ended.state, ended.train, ended.total) == ("ready", 400, 500)
    between = [done for done, total in told if total == 500 and 0 < done < 500]
    assert len(between) > 1 and between == sorted(between), f"never told while reading: {told}"


def test_texts_and_arrays_are_read_by_their_entries(shelf: Shelf, tmp_path: Path) -> None:
    rows = [f"film {number} is {('bad', 'good')[number % 2]}\t{('NA', '01')[number % 2]}" for number in range(40)]
    table = "review\tmark\n" + "\n".join(rows) + "\nno label here\t\n\t01\n"
    kept = tmp_path / "brought.tsv"
    kept.write_text(table)
    data_id = shelf.begin_text("Reviews", kept, file_name="Reviews.TSV", text_column="review", label_column="mark")
    assert not kept.exists()
    data = read_to_the_end(shelf, data_id)
    assert (data.state, data.reason, data.kind) == ("ready", "", "text")
    assert data.class_counts["train"].keys() == {"01", "NA"}
    assert (data.train + data.test, data.unlabelled, data.bad) == (40, 1, 1)
    assert [(problem.file, problem.reason) for problem in shelf.problems(data_id)] == [("line 43", "no text")]
    good = shelf.examples(data_id, label="01", count=3)
    assert [example.label for example in good] == ["01"] * 3
    assert all("is good" in example.text and example.png is None for example in good)
    assert [example.label for example in shelf.examples(data_id, split="unlabelled")] == [None]

    out = io.BytesIO()
    np.savez(out, x=np.arange(30 * 6, dtype=np.float32).reshape(30, 6), y=np.linspace(5, 9, 30))
    out.seek(0)
    data_id = shelf.begin_arrays(
        "Table", out, file_name="a.npz", inputs="x", labels="y", kind="table", task="regression"
    )
    data = read_to_the_end(shelf, data_id)
    assert (data.state, data.reason, data.task, data.shape) == ("ready", "", "regression", (6,))
    assert data.class_counts == {}
    labels = [float(example.label or "nan") for example in shelf.examples(data_id, count=100)]
    assert 5 <= min(labels) < max(labels) <= 9, "in the user's own units"


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (lambda: io.BytesIO(b"no archive"), "is not a complete zip archive"),
        (lambda: zip_of({"../cat/1.png": png(1)}), "has a file named"),
        (lambda: zip_of({"notes.txt": b"1"}), "has 0 class folders"),
        (lambda: cats_and_dogs(4, bad=8), "At least 6 of 16 images could not be read"),
    ],
)
def test_what_cannot_be_read_fails_in_one_sentence(
    shelf: Shelf, source: Callable[[], io.BytesIO], sentence: str
) -> None:
    data = read_to_the_end(shelf, begin(shelf, source()))
    assert data.state == "failed"
    assert sentence in data.reason
    assert "allowed" in data.reason
    assert "Traceback" not in DataFolder(shelf.home.data / data.data_id).log.read_text()
    with pytest.raises(Conflict, match="not read yet"):
        shelf.examples(data.data_id)


def test_of_a_refused_zip_the_bad_files_are_listed_all_the_same(shelf: Shelf) -> None:
    data = read_to_the_end(shelf, begin(shelf, cats_and_dogs(4, bad=8)))
    assert data.bad == 6, "those found before it was given up"
    listed = [problem.file for problem in shelf.problems(data.data_id, offset=4)]
    assert len(listed) == 2
    assert all(file.startswith("cat/bad") for file in listed)


def test_a_killed_reading_shows_as_failed_and_can_be_begun_again(shelf: Shelf) -> None:
    data_id = begin(shelf, cats_and_dogs(1_000))
    with pytest.raises(Conflict, match="is being read"):
        shelf.begin_again(data_id)
    process = shelf._started[-1]
    os.kill(process.pid, signal.SIGSTOP)
    assert shelf.get(data_id).state == "reading"
    process.kill()
    process.wait()
    data = shelf.get(data_id)
    assert (data.state, data.train) == ("failed", 0)
    assert "was interrupted" in data.reason
    assert Shelf(shelf.home).get(data_id).state == "failed", "another server sees the same"
    shelf.begin_again(data_id)
    assert read_to_the_end(shelf, data_id).state == "ready"


def test_a_reading_that_a_former_server_began_goes_on_and_is_seen(shelf: Shelf) -> None:
    data_id = begin(shelf, cats_and_dogs(500))
    assert Shelf(shelf.home).get(data_id).state == "reading"
    assert read_to_the_end(shelf, data_id).state == "ready"
    assert Shelf(shelf.home).get(data_id).state == "ready"


def test_two_processes_never_read_one_data_set(shelf: Shelf) -> None:
    data_id = begin(shelf, cats_and_dogs())
    read_to_the_end(shelf, data_id)
    folder = DataFolder(shelf.home.data / data_id)
    holder = subprocess.Popen(
        [sys.executable, "-c", "import sys; from pathlib import Path; from distill_core.processes import hold\n"
         "lock = hold(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()", str(folder.lock)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout and holder.stdout.readline() == "held\n"
    before = folder.reading.read_bytes()
    command = [sys.executable, "-m", "distill_core.jobs.ingest", str(folder.path), str(shelf.home.cache)]
    assert subprocess.run(command, check=False, capture_output=True, timeout=LONGEST_SECONDS).returncode == 3
    assert folder.reading.read_bytes() == before
    folder.write_reading(Reading(state="reading", started_at=1.0))
    assert shelf.get(data_id).state == "reading", "whoever holds the lock is at work"
    holder.communicate(timeout=LONGEST_SECONDS)
    assert shelf.get(data_id).state == "failed"


def test_a_decoded_copy_that_is_gone_is_said_and_made_again(shelf: Shelf) -> None:
    data_id = begin(shelf, cats_and_dogs())
    read_to_the_end(shelf, data_id)
    shutil.rmtree(shelf.home.cache)
    with pytest.raises(Conflict, match="read it again"):
        shelf.examples(data_id)
    shelf.begin_again(data_id)
    read_to_the_end(shelf, data_id)
    assert shelf.examples(data_id)


def test_a_decoder_cannot_take_more_memory_than_allowed() -> None:
    code = (
        "from distill_core.jobs import ingest\n"
        "ingest._cap_memory(512 * 2**20)\n"
        "bytes(100 * 2**20)\n"
        "try:\n    bytes(600 * 2**20)\n"
        "except MemoryError:\n    print('refused')\n"
    )
    assert output_of(code) == "refused\n"


def test_reading_images_loads_neither_torch_nor_streamlit() -> None:
    code = (
        "import sys, distill_core.jobs.ingest, distill_core.shelf\n"
        "print([name for name in ('torch', 'streamlit', 'sqlalchemy') if name in sys.modules])"
    )
    assert output_of(code) == "[]\n"


def test_the_process_is_stamped_from_the_start(shelf: Shelf) -> None:
    data_id = begin(shelf, cats_and_dogs())
    stamp = read_stamp(DataFolder(shelf.home.data / data_id).stamp)
    assert stamp is not None
    assert stamp.pid == shelf._started[-1].pid
    read_to_the_end(shelf, data_id)
