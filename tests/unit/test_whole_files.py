"""A file that several write at once is one of theirs, whole."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from distill_core.whole_files import write_bytes


def test_threads_that_write_one_file_at_once_do_not_meet(tmp_path: Path) -> None:
    path, both = tmp_path / "settings.json", threading.Barrier(2)

    def write(content: bytes) -> None:
        # Both have written and neither has renamed.
        write_bytes(path, content, fence=lambda: both.wait(5) and None)

    contents = [b"a" * 10_000, b"b" * 20_000]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, contents))
    assert path.read_bytes() in contents and list(tmp_path.iterdir()) == [path]
