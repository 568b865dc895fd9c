"""Data through a real browser: an upload with its progress, what was read, and a server that stays small."""

from __future__ import annotations

import io
import re
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from distill_core.folders import Home
from distill_core.ingestion.data_folder import DataFolder, Reading, Record
from distill_core.ingestion.examples import Example, keep_examples
from distill_core.processes import write_stamp
from distill_core.shelf import Shelf
from tests.e2e.conftest import OpenTab, Server, running_server, settled
from tests.e2e.waits import WORK_MS

pytestmark = pytest.mark.e2e
MIB = 2**20


def write_noise(path: Path, count: int, size: int) -> Path:
    """A zip of pictures that cannot be packed: two classes by turns."""
    noise = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(count):
            picture = io.BytesIO()
            Image.fromarray(noise.integers(0, 256, (size, size, 3), dtype=np.uint8)).save(picture, "BMP")
            archive.writestr(f"{'cat' if number % 2 else 'dog'}/{number:05}.bmp", picture.getvalue())
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, with_catalogue: Callable[[Home], Home]) -> Iterator[Server]:
    """One for all tests here; its catalogue is described before, for that takes long on a busy machine."""
    folder = tmp_path_factory.mktemp("data")
    with_catalogue(Home(folder / "home"))
    with running_server(folder) as found:
        yield found


def opened_library(server: Server, open_tab: OpenTab, **look: Any) -> Page:
    """The page once all of it is there."""
    page = open_tab(f"{server.url}/data", **look)
    expect(page.get_by_text("Handwritten digits (8x8)")).to_be_visible(timeout=WORK_MS)
    settled(page)
    return page


def bring(page: Page, file: Path) -> None:
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_role("button", name="Read it in")).to_be_visible(timeout=WORK_MS)


@contextmanager
def peak_memory(process: psutil.Process) -> Iterator[list[int]]:
    """The largest resident size in bytes, sampled a hundred times a second; the list has it at the end."""
    found, over = [process.memory_info().rss], threading.Event()

    def watch() -> None:
        while not over.wait(0.01):
            found[0] = max(found[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield found
    finally:
        over.set()
        watcher.join()


def test_a_zip_becomes_a_data_set_that_can_be_looked_at(
    server: Server, open_tab: OpenTab, tmp_path: Path
) -> None:
    page = opened_library(server, open_tab)
    bring(page, write_noise(tmp_path / "pets.zip", 500, 24))
    page.get_by_role("button", name="Read it in").click()
    page.wait_for_url(re.compile(r"/data-set\?id=[0-9a-f]{12}"))
    expect(page.get_by_role("button", name="New experiment with this")).to_be_visible(timeout=WORK_MS)
    expect(page.get_by_test_id("stMetric").filter(has_text="Training")).to_contain_text("400", timeout=WORK_MS)
    expect(page.locator(".st-key-examples img")).to_have_count(30, timeout=WORK_MS)

    page.get_by_role("tab", name="Classes").click()
    expect(page.locator(".js-plotly-plot .bars .point").first).to_be_visible(timeout=WORK_MS)
    expect(page.get_by_text("The classes are even.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("The classes are even.")).to_be_visible()

    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("pets was removed.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[class*=st-key-row-]").filter(has_text="pets")).to_have_count(1)
    assert [found.train for found in Shelf(server.home).all() if found.name == "pets"] == [400]


def test_progress_grows_in_an_open_tab_and_ends_in_the_samples(server: Server, open_tab: OpenTab) -> None:
    folder = DataFolder(server.home.data / "0123456789ab")
    folder.path.mkdir(parents=True)
    folder.write_record(Record(
        name="reviews", form="text", entry="text-table", file_name="reviews.csv", upload="upload.csv",
        created_at=time.time(), params={"text_column": "review", "label_column": "label"},
    ))  # fmt: skip
    # This process stands for the one that reads.
    write_stamp(folder.stamp, attempt=0, events_offset=0)
    begun = Reading(state="reading", started_at=time.time() - 10, done=1_000, total=4_000)
    folder.write_reading(begun)
    page = open_tab(f"{server.url}/data-set?id=0123456789ab")
    expect(page.get_by_text(re.compile(r"1,000 of 4,000 rows · [\d,.]+ a second · .+ left"))).to_be_visible()
    folder.write_reading(replace(begun, done=3_000))
    expect(page.get_by_text("3,000 of 4,000 rows")).to_be_visible()
    keep_examples(folder.examples, [("train", Example(png=None, text="a fine film", label="good"), ["good"])])
    folder.write_reading(replace(
        begun, state="ready", train=4_000, class_counts={"train": {"good": 4_000}}, kind="text", shape=(9,),
        task="classification",
    ))  # fmt: skip
    expect(page.get_by_test_id("stMetric").filter(has_text="Training")).to_contain_text("4,000")


def test_an_upload_never_lies_in_the_servers_memory(
    server: Server, open_tab: OpenTab, tmp_path: Path
) -> None:
    page = opened_library(server, open_tab)
    file = write_noise(tmp_path / "large.zip", 45, 600)
    size_bytes = file.stat().st_size
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    with peak_memory(process) as peak:
        bring(page, file)
        settled(page)
    # It goes to the disk as it comes; what little is left is the page's own work.
    assert peak[0] - before < 0.7 * size_bytes, f"{(peak[0] - before) / MIB:.0f} MiB more"


@pytest.mark.parametrize(("theme", "phone"), [("light", False), ("dark", True)])
def test_the_page_fits_its_screen(
    server: Server, open_tab: OpenTab, theme: str, phone: bool
) -> None:
    page = opened_library(server, open_tab, theme=theme, phone=phone)
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    assert page.locator("[data-testid=stException]").count() == 0
