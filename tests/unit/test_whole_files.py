"""A file that several write at once is one of theirs, whole; a copy is on the disk."""

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from distill_core.whole_files import copy_file, write_bytes


def test_threads_that_write_one_file_at_once_do_not_meet(tmp_path: Path) -> None:
    path, both = tmp_path / "settings.json", threading.Barrier(2)

    def write(content: bytes) -> None:
        # Both have written and neither has renamed.
        write_bytes(path, content, fence=lambda: both.wait(60) and None)

    contents = [b"a" * 10_000, b"b" * 20_000]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, contents))
    assert path.read_bytes() in contents and list(tmp_path.iterdir()) == [path]


def test_every_file_of_a_copied_folder_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, synced = tmp_path / "source", set()
    source.mkdir()
    for name in ("model.safetensors", "model.onnx"):
        (source / name).write_text(name)
    monkeypatch.setattr(os, "fsync", lambda file: synced.add(os.fstat(file).st_ino))
    shutil.copytree(source, tmp_path / "copy", copy_function=copy_file)
    copies = list((tmp_path / "copy").iterdir())
    assert {path.read_text() for path in copies} == {"model.safetensors", "model.onnx"}
    assert synced == {path.stat().st_ino for path in copies}
