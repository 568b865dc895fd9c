"""Zip archives that mean harm, and those that are only odd."""

from __future__ import annotations

import io
import random
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from distill_core.errors import DataError
from distill_core.ingestion.archive import BadMember, Limits, SafeArchive

MOST = 2**20


def make(path: Path, files: dict[str, bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def raw_named(path: Path, names: list[bytes]) -> Path:
    """An archive whose names are these bytes, without the UTF-8 flag."""
    # Placeholders of the same length are swapped for the real names afterwards, in both places of each.
    stand_ins = [f"{number:04}".encode().ljust(len(name), b"x") for number, name in enumerate(names)]
    make(path, {stand_in.decode(): b"content" for stand_in in stand_ins}, compression=zipfile.ZIP_STORED)
    content = path.read_bytes()
    for stand_in, name in zip(stand_ins, names, strict=True):
        assert content.count(stand_in) == 2
        content = content.replace(stand_in, name)
    path.write_bytes(content)
    return path


def names_in(path: Path, limits: Limits | None = None) -> list[str]:
    with SafeArchive(path, limits=limits or Limits()) as archive:
        return [member.name for member in archive.members]


def refusal(path: Path, limits: Limits | None = None) -> str:
    with pytest.raises(DataError) as caught:
        SafeArchive(path, limits=limits or Limits())
    sentence = str(caught.value)
    assert "allowed:" in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def test_plain_files_are_read_whole(tmp_path: Path) -> None:
    path = make(tmp_path / "a.zip", {"cat/1.png": b"one", "./dog//2.png": b"two" * 100_000, "empty/": b""})
    with SafeArchive(path) as archive:
        assert [member.name for member in archive.members] == ["cat/1.png", "dog/2.png"]
        assert [archive.read(member, most_bytes=MOST) for member in archive.members] == [b"one", b"two" * 100_000]


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../up.png", "a/../../up.png", "a\\..\\..\\up.png", "\\share\\x.png", "C:\\x.png", "c:x.png"],
)
def test_a_name_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    assert "has a file named" in refusal(make(tmp_path / "a.zip", {"good/1.png": b"1", name: b"x"}))


def test_backslashes_of_windows_tools_are_folders(tmp_path: Path) -> None:
    assert names_in(make(tmp_path / "a.zip", {"train\\cat\\1.png": b"1"})) == ["train/cat/1.png"]


def test_a_part_of_a_name_longer_than_any_disk_takes_is_refused(tmp_path: Path) -> None:
    assert "has a file named" in refusal(make(tmp_path / "a.zip", {"n" * 300 + "/1.png": b"1"}))


@pytest.mark.parametrize(("kind", "word"), [(stat.S_IFLNK, "symbolic link"), (stat.S_IFIFO, "special file")])
def test_links_and_special_files_are_refused(tmp_path: Path, kind: int, word: str) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("cat/1.png")
        info.create_system = 3
        info.external_attr = (kind | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    assert f"has the {word} 'cat/1.png'" in refusal(path)


def test_encrypted_files_are_refused(tmp_path: Path) -> None:
    path = make(tmp_path / "a.zip", {"cat/1.png": b"1"})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 0x1
    path.write_bytes(content)
    assert "encrypted" in refusal(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_unpack_without_bounds_are_refused(tmp_path: Path, method: int) -> None:
    assert f"by method {method}" in refusal(make(tmp_path / "a.zip", {"cat/1.png": b"1" * 100}, compression=method))


def test_a_bomb_is_refused_by_its_ratio_and_a_huge_archive_by_its_size(tmp_path: Path) -> None:
    bomb = make(tmp_path / "a.zip", {f"cat/{number}.bmp": bytes(2**20) for number in range(4)})
    assert "times its size" in refusal(bomb, Limits(free_bytes=2**20))
    assert names_in(bomb, Limits(free_bytes=2**23)), "small archives of blank pictures pass"
    assert "unpacks to" in refusal(bomb, Limits(most_unpacked_bytes=2**21))


def test_many_names_for_the_same_bytes_are_refused(tmp_path: Path) -> None:
    path = make(tmp_path / "a.zip", {"cat/1.png": random.Random(0).randbytes(10_000)})
    content = path.read_bytes()
    start, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    entry, record = content[start:end], bytearray(content[end:])
    entries = b"".join(entry.replace(b"cat/1", f"cat/{number}".encode()) for number in range(5))
    struct.pack_into("<HHL", record, 8, 5, 5, len(entries))
    path.write_bytes(content[:start] + entries + record)
    assert "lists more bytes than it has" in refusal(path)


def test_a_header_that_lies_is_found_while_unpacking(tmp_path: Path) -> None:
    path = make(tmp_path / "a.zip", {"cat/1.png": bytes(50_000_000)})
    content = bytearray(path.read_bytes())
    struct.pack_into("<L", content, content.index(b"PK\x01\x02") + 24, 10)
    path.write_bytes(content)
    with SafeArchive(path) as archive:
        (member,) = archive.members
        assert member.size_bytes == 10
        with pytest.raises(BadMember, match="damaged in the archive"):
            archive.read(member, most_bytes=MOST)


def test_a_file_larger_than_allowed_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path / "a.zip", {"cat/1.png": bytes(2 * MOST)})
    with SafeArchive(path) as archive:
        monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("unpacked"))
        with pytest.raises(BadMember, match="2 MiB are too many; at most 1"):
            archive.read(archive.members[0], most_bytes=MOST)


def test_too_many_entries_are_refused_before_zipfile_counts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "a.zip", {f"c/{number}": b"" for number in range(101)})
    assert len(names_in(path, Limits(most_entries=101))) == 101
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("listed"))
    assert "more than 100 entries" in refusal(path, Limits(most_entries=100))


def test_the_last_of_several_files_of_a_name_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cat/1.png", b"old")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("cat/1.png", b"new")
    with SafeArchive(path) as archive:
        assert archive.repeated == ("cat/1.png",)
        assert [archive.read(member, most_bytes=MOST) for member in archive.members] == [b"new"]


def test_hidden_files_leftovers_and_archives_inside_are_left_out(tmp_path: Path) -> None:
    names = ["cat/1.png", "__MACOSX/cat/._1.png", "cat/.DS_Store", ".git/x.png", "cat/more.zip", "cat/Icon\r"]
    with SafeArchive(make(tmp_path / "a.zip", dict.fromkeys(names, b"1"))) as archive:
        assert [member.name for member in archive.members] == ["cat/1.png"]
        assert archive.ignored == 5


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("gbk", ["训练/猫/图片一.png", "训练/狗/图片二.png"]),
        ("utf-8", ["训练/猫/1.png", "träning/chat_élégant.png"]),
        ("cp437", ["chien_à_l'été/2.png", "Café_noir.png"]),
        # These bytes could be GBK too.
        ("cp437", ["Café_noir.png", "fête_1.png"]),
        # Its second byte of GBK is the code of a backslash.
        ("gbk", ["训练/猫猫猫猫/乗.png"]),
    ],
)
def test_names_without_the_flag_are_read_in_the_letters_they_were_written_in(
    tmp_path: Path, encoding: str, names: list[str]
) -> None:
    path = raw_named(tmp_path / "a.zip", [name.encode(encoding) for name in names])
    assert names_in(path) == names


def test_a_gbk_name_cannot_hide_a_way_out(tmp_path: Path) -> None:
    path = raw_named(tmp_path / "a.zip", ["训练/猫/../../../狗.png".encode("gbk")])
    assert "has a file named" in refusal(path)


@pytest.mark.parametrize("content", [b"", b"Rar!\x1a\x07\x00 no zip", b"PK\x05\x06", b"\x1f\x8b" + bytes(100)])
def test_what_is_no_zip_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    assert "is not a complete zip archive" in refusal(tmp_path / "a.zip")


def test_an_archive_cut_off_anywhere_is_one_sentence(tmp_path: Path) -> None:
    whole = make(tmp_path / "a.zip", {f"cat/{number}.png": b"content" for number in range(5)}).read_bytes()
    for length in range(0, len(whole), 7):
        (tmp_path / "cut.zip").write_bytes(whole[:length])
        assert "is not a complete zip archive" in refusal(tmp_path / "cut.zip")


def test_whatever_bytes_are_damaged_nothing_but_a_sentence_comes(tmp_path: Path) -> None:
    draw = random.Random(0)
    files = {f"cat/{number}.png": draw.randbytes(200) + bytes(300) for number in range(4)}
    whole = make(tmp_path / "a.zip", files).read_bytes()
    outcomes = {"read": 0, "bad": 0, "refused": 0}
    for _ in range(1_000):
        damaged = bytearray(whole)
        for _ in range(draw.randint(1, 6)):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        (tmp_path / "b.zip").write_bytes(damaged)
        try:
            with SafeArchive(tmp_path / "b.zip") as archive:
                for member in archive.members:
                    try:
                        assert archive.read(member, most_bytes=MOST) in files.values(), "never wrong content"
                        outcomes["read"] += 1
                    except BadMember as error:
                        assert str(error)
                        outcomes["bad"] += 1
        except DataError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 50, outcomes


def test_an_archive_with_64_bit_records_behind_other_bytes_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.BytesIO()
    with monkeypatch.context() as patch:
        patch.setattr(zipfile, "ZIP64_LIMIT", 0)
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("cat/1.png", b"one")
    assert b"PK\x06\x07" in out.getvalue(), "the 64-bit end record is there"
    (tmp_path / "a.zip").write_bytes(b"#!/bin/sh\n" + out.getvalue())
    with SafeArchive(tmp_path / "a.zip") as archive:
        assert archive.read(archive.members[0], most_bytes=MOST) == b"one"
