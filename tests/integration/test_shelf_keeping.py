"""What the shelf keeps: renamed, removed, brought back, purged, in order, and nothing half."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from distill_core.errors import Conflict, DataError, NotFound
from distill_core.folders import Home
from distill_core.ingestion.data_folder import DataFolder
from distill_core.shelf import Shelf
from tests.integration.shelf_samples import LONGEST_SECONDS, begin, cats_and_dogs, zip_of


def test_names_can_change_and_a_removed_set_comes_back_until_it_is_purged(shelf: Shelf) -> None:
    first, second = begin(shelf, cats_and_dogs()), begin(shelf, cats_and_dogs())
    for process in shelf._started:
        process.wait(LONGEST_SECONDS)
    shelf.rename(first, "  My   pets ")
    assert shelf.get(first).name == "My pets"
    for name in ("", " ", "n" * 81):
        with pytest.raises(DataError, match="1 to 80"):
            shelf.rename(first, name)
    with pytest.raises(Conflict, match="remove it before"):
        shelf.purge(first)
    shelf.remove(first)
    assert [data.data_id for data in shelf.all()] == [second]
    assert {data.data_id: data.removed for data in shelf.all(include_removed=True)} == {first: True, second: False}
    shelf.restore(first)
    assert len(shelf.all()) == 2
    decoded = Path(DataFolder(shelf.home.data / first).read_reading().decoded)
    shelf.remove(first)
    shelf.purge(first)
    assert decoded.exists(), "the other upload of the same pictures uses it"
    with pytest.raises(NotFound, match="There is no data set"):
        shelf.get(first)
    shelf.remove(second)
    shelf.purge(second)
    assert not decoded.exists()
    assert shelf.all(include_removed=True) == []


@pytest.mark.parametrize("data_id", ["../../etc", "", "0" * 12, "é" * 12, "0" * 200])
def test_an_id_that_is_none_is_not_found(shelf: Shelf, data_id: str) -> None:
    with pytest.raises(NotFound):
        shelf.get(data_id)


def test_the_newest_comes_first_and_half_an_upload_is_no_data_set(tmp_path: Path) -> None:
    now = iter(range(100))
    shelf = Shelf(Home(tmp_path), clock=lambda: float(next(now)))
    ids = [begin(shelf, zip_of({})) for _ in range(3)]
    for process in shelf._started:
        process.wait(LONGEST_SECONDS)
    (tmp_path / "data" / "0123456789ab").mkdir()
    (tmp_path / "data" / "0123456789ab" / "upload.zip").write_bytes(b"half")
    assert [data.data_id for data in shelf.all()] == ids[::-1]
    DataFolder(tmp_path / "data" / ids[1]).record.write_text("{")
    assert [data.data_id for data in shelf.all()] == [ids[2], ids[0]]
    with pytest.raises(NotFound, match="is damaged"):
        shelf.get(ids[1])


def test_a_wrong_kind_of_file_and_a_full_disk_leave_nothing_behind(shelf: Shelf) -> None:
    with pytest.raises(DataError, match=r"'pets\.rar'; allowed: \.zip"):
        shelf.begin_images("Pets", io.BytesIO(b""), file_name="pets.rar")

    class Full(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(28, "No space left on device")

    with pytest.raises(DataError, match="No space left on device"):
        shelf.begin_images("Pets", Full(), file_name="pets.zip")
    with pytest.raises(DataError, match="no longer there"):
        shelf.begin_images("Pets", shelf.home.uploads / "gone.zip", file_name="pets.zip")
    assert [path for path in shelf.home.data.rglob("*") if path.is_file()] == []
    assert shelf._started == []
