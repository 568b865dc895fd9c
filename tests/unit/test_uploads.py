"""Files that stream to the disk: who may bring them, the caps, and that nothing of half a file is kept."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from distill_core import uploads
from distill_core.access import Actor, NotAllowed
from distill_core.errors import Conflict, NotFound
from distill_core.folders import Home
from distill_core.uploads import Allowed, TooLarge, Upload, Uploads

ANN, BOB = Actor("ann@example.org", "operator"), Actor("bob@example.org", "operator")
READER = Actor("rea@example.org", "viewer")
DAY = 86_400


class Clock:
    """Begins now, for files on the disk have the real time."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def taking(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Uploads:
    """Data up to 1,000 bytes."""
    monkeypatch.setitem(uploads.KINDS, "data", Allowed((".zip", ".csv"), 1_000))
    home = Home(tmp_path / "home")
    return Uploads(home, clock=clock, free_bytes=lambda path: 10**12).acting_as(ANN)


def bring(taking: Uploads, name: str, *pieces: bytes, expected: int | None = None, permit: str = "") -> Upload:
    with taking.receiving(permit or taking.pass_for("data"), file_name=name, expected_bytes=expected) as receiver:
        for piece in pieces:
            receiver.write(piece)
        return receiver.finish()


def files(taking: Uploads) -> list[str]:
    folder = taking._home.uploads
    return sorted(path.suffix for path in folder.iterdir()) if folder.exists() else []


def test_a_file_comes_in_pieces_and_is_found_by_its_owner_alone(taking: Uploads) -> None:
    found = bring(taking, "mine.csv", b"a,b\n", b"1,2\n")
    assert found.path.read_bytes() == b"a,b\n1,2\n" and found.path.suffix == ".csv"
    assert "mine" not in found.path.name and (found.file_name, found.size_bytes) == ("mine.csv", 8)
    assert taking.get(found.upload_id) == found
    with pytest.raises(NotFound):
        taking.acting_as(BOB).get(found.upload_id)
    taking.acting_as(BOB).discard(found.upload_id)
    assert found.path.exists(), "only its owner may discard it"
    taking.discard(found.upload_id)
    assert files(taking) == []


def test_half_a_file_leaves_nothing(taking: Uploads) -> None:
    with taking.receiving(taking.pass_for("data"), file_name="a.csv", expected_bytes=None) as receiver:
        receiver.write(b"half")
        assert files(taking) == [".part"]
    assert files(taking) == []
    with (
        pytest.raises(RuntimeError),
        taking.receiving(taking.pass_for("data"), file_name="a.csv", expected_bytes=4),
    ):
        raise RuntimeError("the connection broke")
    assert files(taking) == []


@pytest.mark.parametrize("forged", [
    "", "data", "data.9999999999.", "data.9999999999.0000", "data..", "other.1.x", "data.x.y", "data.1.é", "data.-1.a",
])
def test_only_a_pass_of_ours_lets_a_file_in(taking: Uploads, forged: str) -> None:
    permit = forged or "nonsense"
    with pytest.raises(NotAllowed, match="Reload"):
        bring(taking, "a.csv", b"x", permit=permit)
    assert files(taking) == []


def test_a_pass_is_of_one_person_one_kind_and_one_day(taking: Uploads, clock: Clock) -> None:
    permit = taking.pass_for("data")
    with pytest.raises(NotAllowed):
        bring(taking.acting_as(BOB), "a.csv", b"x", permit=permit)
    with pytest.raises(NotAllowed):
        bring(taking, "a.csv", b"x", permit=permit.replace("data", "weights"))
    kind, until, signature = permit.split(".")
    with pytest.raises(NotAllowed):
        bring(taking, "a.csv", b"x", permit=f"{kind}.{int(until) + DAY}.{signature}")
    clock.now += DAY + 1
    with pytest.raises(NotAllowed, match="more than a day"):
        bring(taking, "a.csv", b"x", permit=permit)


def test_viewers_bring_nothing(taking: Uploads) -> None:
    viewer = taking.acting_as(READER)
    for act in (lambda: viewer.pass_for("data"), lambda: bring(viewer, "a.csv", b"x", permit=taking.pass_for("data"))):
        with pytest.raises(NotAllowed):
            act()


def test_the_cap_holds_before_and_on_the_way(taking: Uploads) -> None:
    with pytest.raises(TooLarge, match="1 kB"):
        bring(taking, "a.csv", b"x", expected=1_001)
    # Who told no length, or a lie.
    for expected in (None, 10):
        with pytest.raises(TooLarge):
            bring(taking, "a.csv", b"x" * 600, b"x" * 401, expected=expected)
    assert files(taking) == []
    assert bring(taking, "a.csv", b"x" * 1_000, expected=1_000).size_bytes == 1_000


@pytest.mark.parametrize(("most", "most_of_one", "message"), [(1_500, 9_000, "1.5 kB"), (9_000, 1_500, "1.5 kB")])
def test_what_waits_is_capped_in_all_and_for_each(
    taking: Uploads, monkeypatch: pytest.MonkeyPatch, most: int, most_of_one: int, message: str
) -> None:
    monkeypatch.setattr(uploads, "_MOST_BYTES", most)
    monkeypatch.setattr(uploads, "_MOST_OF_ONE", most_of_one)
    bring(taking, "a.csv", b"x" * 900)
    with pytest.raises(TooLarge, match=message):
        bring(taking, "b.csv", b"x" * 900)
    if most_of_one < most:
        assert bring(taking.acting_as(BOB), "b.csv", b"x" * 900)
    else:
        with pytest.raises(TooLarge):
            bring(taking.acting_as(BOB), "b.csv", b"x" * 900)


def test_the_disk_keeps_room(taking: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_FREE_BYTES", 5_000)
    taking._free_bytes = lambda path: 5_500
    assert bring(taking, "a.csv", b"x" * 400, expected=400)
    with pytest.raises(TooLarge, match="stay free"):
        bring(taking, "a.csv", b"x" * 600, expected=600)


def test_few_at_once_for_each_person(taking: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_MOST_AT_ONCE", 1)
    with taking.receiving(taking.pass_for("data"), file_name="a.csv", expected_bytes=None):
        with pytest.raises(Conflict, match="on their way"):
            bring(taking, "b.csv", b"x")
        assert bring(taking.acting_as(BOB), "b.csv", b"x")
    assert bring(taking, "b.csv", b"x"), "the place is free again"


@pytest.mark.parametrize("name", [
    "a.exe", "a", "", "a.csv.exe", "..", "a.csv\0.exe", "\u202evsc.exe",
])
def test_other_endings_are_refused(taking: Uploads, name: str) -> None:
    with pytest.raises(Conflict, match=r"allowed: \.zip, \.csv"):
        bring(taking, name, b"x")


@pytest.mark.parametrize("name", ["../../a.csv", "/etc/a.csv", "a" * 300 + ".csv", "a\0b.csv", "<b>a</b>\u202e.csv"])
def test_a_hostile_name_does_not_reach_the_disk(taking: Uploads, name: str) -> None:
    if len(name) > 300:
        # Cut, its ending is another.
        with pytest.raises(Conflict):
            bring(taking, name, b"x")
        return
    found = bring(taking, name, b"x")
    assert found.path.parent == taking._home.uploads and found.path.name == f"{found.upload_id}.csv"
    assert "\0" not in found.file_name and "\u202e" not in found.file_name


@pytest.mark.parametrize("upload_id", ["", "..", "../lab", "0" * 32, "A" * 32, "\0" * 32])
def test_another_id_finds_nothing(taking: Uploads, upload_id: str) -> None:
    with pytest.raises(NotFound):
        taking.get(upload_id)
    taking.discard(upload_id)


def test_what_nobody_wanted_is_deleted_after_a_day(taking: Uploads, clock: Clock) -> None:
    found = bring(taking, "a.csv", b"x")
    for path in taking._home.uploads.iterdir():
        os.utime(path, (clock.now - DAY - 1, clock.now - DAY - 1))
    bring(taking, "b.csv", b"y")
    with pytest.raises(NotFound):
        taking.get(found.upload_id)
    assert files(taking) == [".csv", ".json"]


def test_an_empty_file_is_told(taking: Uploads) -> None:
    with pytest.raises(Conflict, match="empty"):
        bring(taking, "a.csv")
    assert files(taking) == []


def test_many_at_once_do_not_disturb_each_other(taking: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_MOST_AT_ONCE", 99)
    found: list[Upload] = []

    def one(number: int) -> Callable[[], None]:
        return lambda: found.append(bring(taking, f"{number}.csv", *[str(number).encode()] * 50))

    threads = [threading.Thread(target=one(number)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.path.read_bytes() for one in found) == [str(number).encode() * 50 for number in range(8)]
