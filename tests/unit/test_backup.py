"""A backup holds everything, is whole or refused, and brings nothing anywhere but into an empty place."""

from __future__ import annotations

import io
import json
import os
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from distill_core.access import Actor, NotAllowed
from distill_core.backup import BackupRefused, unpack, write_backup
from distill_core.errors import Conflict
from distill_core.event_log import EventLog
from distill_core.events import Noted
from distill_core.folders import Home, write_bytes, write_json
from distill_core.pipeline.reuse import is_finished
from distill_core.services import Lab
from tests.store_samples import epoch, small_spec, whole_story, write_events

FILES = {"model.safetensors": b"w" * 5000, "model.onnx": b"o" * 3000, "test_logits.npy": b"l" * 100}


def filled(lab: Lab, *names: str) -> None:
    for name in names:
        lab.store.create(small_spec(name), experiment_id=name, created_at=1.0, owner="ada")
        write_events(lab.home, name, *whole_story())
        run = lab.home.experiment(name).run("t")
        run.path.mkdir(parents=True)
        for file, data in FILES.items():
            (run.path / file).write_bytes(data)
        write_json(run.result, {"state": "finished"})
        lab.store.ingest(name)
        lab.store.transition(name, expected={"queued"}, to="cancelled", at=2.0, reason="Enough.")


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(Home(tmp_path / "home"), clock=lambda: 1_000_000.0)
    filled(lab, "one", "two")
    lab.store.set_deleted("two", True, at=3.0)
    (lab.home.data / "abc").mkdir(parents=True)
    (lab.home.data / "abc" / "upload.zip").write_bytes(b"zip")
    for passing in (lab.home.cache / "large", lab.home.experiment("one").worker_stamp, lab.home.preview_lock):
        passing.parent.mkdir(exist_ok=True)
        passing.write_text("{}")
    lab.audit.record("ada", "launch", "one")
    return lab


def contents(home: Home) -> dict[str, bytes]:
    return {
        path.relative_to(home.path).as_posix(): path.read_bytes()
        for top in (home.experiments, home.data) for path in top.rglob("*")
        if path.is_file() and path.name != "worker.json"
    }


def test_what_is_restored_into_an_empty_home_is_what_was_backed_up(
    lab: Lab, tmp_path: Path, new_index: Callable[[], None]
) -> None:
    path, facts = lab.upkeep.backup(tmp_path / "b.tar.gz")
    assert (facts.experiments, facts.models) == (2, True)
    new_index()
    other = Lab(Home(tmp_path / "other"))
    done = other.upkeep.restore(path)
    assert (done.experiments, done.kept, done.problems) == (("one", "two"), (), ())
    assert contents(other.home) == contents(lab.home)
    row = other.experiment("one").row
    assert (row.state, row.reason, row.owner, row.runs_done) == ("cancelled", "Enough.", "ada", 5)
    assert [item.row.experiment_id for item in other.upkeep.trash()] == ["two"]
    assert not (other.home.cache / "large").exists() and not other.home.experiment("one").worker_stamp.exists()
    actions = [entry.action for entry in other.audit.newest()]
    assert actions == ["restore", "launch"], "the log comes along and goes on"
    assert not list(other.home.path.glob("restoring-*"))
    assert [entry.action for entry in lab.audit.newest()] == ["backup", "launch"]


def test_what_is_here_already_stays_unless_told(lab: Lab, tmp_path: Path) -> None:
    path, _ = lab.upkeep.backup(tmp_path / "b.tar.gz")
    lab.store.note("one", Noted(at=9.0, text="written since"))
    lab.store.set_deleted("two", True, at=4.0)
    lab.upkeep.purge("two")
    done = lab.upkeep.restore(path)
    assert (done.experiments, done.kept) == (("two",), ("one",)) and "data/abc" in done.others_kept
    assert "written since" in [note.text for note in lab.experiment("one").notes]
    done = lab.upkeep.restore(path, replace=True)
    assert done.experiments == ("one", "two")
    assert "written since" not in [note.text for note in lab.experiment("one").notes]
    assert lab.audit.newest()[-1].action == "launch" and len(lab.audit.newest()) > 3, "the log is never replaced"


def test_nothing_is_restored_beside_working_experiments(lab: Lab, tmp_path: Path) -> None:
    path, _ = lab.upkeep.backup(tmp_path / "b.tar.gz")
    lab.store.create(small_spec(), experiment_id="busy", created_at=5.0)
    with pytest.raises(Conflict, match="wait or run here, among them busy"):
        lab.upkeep.restore(path)


def test_only_an_admin_backs_up_and_restores(lab: Lab, tmp_path: Path) -> None:
    operator = lab.acting_as(Actor("bo", "operator")).upkeep
    for act in (lambda: operator.backup(tmp_path / "b"), lambda: operator.restore(tmp_path / "b"),
                lambda: operator.purge_older(0)):
        with pytest.raises(NotAllowed):
            act()
    with pytest.raises(NotAllowed, match="belongs to ada"):
        operator.purge("two")
    with pytest.raises(NotAllowed, match="belongs to ada"):
        operator.keep_only_best(["one"])


def test_a_light_backup_has_figures_and_no_weights(lab: Lab, tmp_path: Path, new_index: Callable[[], None]) -> None:
    path, facts = lab.upkeep.backup(tmp_path / "b.tar.gz", models=False)
    new_index()
    other = Lab(Home(tmp_path / "other"))
    other.upkeep.restore(path)
    assert not facts.models and facts.size_bytes < 8000 * 5
    assert other.experiment("one").row.runs_done == 5
    run = other.home.experiment("one").run("t")
    assert run.result.exists() and not run.model.exists() and not run.onnx.exists()
    assert not is_finished(run), "no other experiment takes over what is not there"
    assert is_finished(lab.home.experiment("one").run("t"))


def test_a_backup_never_replaces_a_file(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "b.tar.gz").write_text("mine")
    with pytest.raises(BackupRefused, match="is there already"):
        lab.upkeep.backup(tmp_path / "b.tar.gz")
    with pytest.raises(BackupRefused, match="cannot be written"):
        lab.upkeep.backup(tmp_path / "nowhere" / "b.tar.gz")
    assert (tmp_path / "b.tar.gz").read_text() == "mine" and not list(tmp_path.glob(".*"))


def test_a_backup_beside_a_busy_worker_tells_of_nothing_that_is_missing(tmp_path: Path) -> None:
    """A worker replaces its checkpoints and appends lines all the while; each line's file is written before it."""
    home, stop = Home(tmp_path / "home"), threading.Event()
    lab = Lab(home)
    lab.store.create(small_spec(), experiment_id="busy", created_at=1.0)
    folder = home.experiment("busy")

    def work() -> None:
        log, step = EventLog(folder.events), 0
        while not stop.is_set():
            step += 1
            run = folder.run("r")
            write_bytes(run.best(step), b"best %d" % step)
            write_bytes(run.checkpoint, b"%d" % step, before=run.checkpoint_before)
            if step > 2:
                run.best(step - 2).unlink()
            write_bytes(folder.path / f"part-{step}", b"x")
            log(epoch("r", step))
        log.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for number in range(6):
            path = tmp_path / f"b{number}.tar.gz"
            write_backup(home, path, now=1.0)
            staged = tmp_path / f"staged-{number}"
            unpack(path, staged)
            run = Home(staged).experiment("busy").run("r")
            if not run.checkpoint.exists():
                continue
            assert run.best(int(run.checkpoint.read_text())).exists(), "the best network that it names"
            events = Home(staged).experiment("busy").events
            # Read before all else, it may not have been there yet.
            lines = events.read_text().splitlines() if events.exists() else []
            told = max((json.loads(line)["epoch"] for line in lines), default=0)
            assert not told or (Home(staged).experiment("busy").path / f"part-{told}").exists()
    finally:
        stop.set()
        worker.join()
    assert number == 5


def archive(path: Path, members: dict[str, bytes], *extra: tarfile.TarInfo, manifest: bool = True) -> Path:
    """A hand-made backup, of whatever names."""
    import hashlib

    with tarfile.open(path, "w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for info in extra:
            tar.addfile(info)
        if manifest:
            told = {name: [len(data), hashlib.sha256(data).hexdigest()] for name, data in members.items()}
            facts = {"created_at": 1.0, "version": "1", "experiments": 0, "files": 1, "size_bytes": 1, "models": True}
            data = json.dumps({"format": 1, "members": told, **facts}).encode()
            info = tarfile.TarInfo("manifest.json")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize("name", [
    "../outside", "/etc/outside", "data/../../outside", "data//x", "./data/x", "experiments/../../x/y", "data\\x",
    "experiments/a b/spec.json", "experiments/spec.json", "experiments/../x/y", ".hidden", "lab.sqlite",
    "lab.sqlite-wal", "dispatcher.lock",
    "cache/catalogue-1.json", "data/a\nb", "data/" + "x" * 2000, "backups/b.tar.gz",
])
def test_hostile_names_are_refused_and_nothing_is_taken(lab: Lab, tmp_path: Path, name: str) -> None:
    before = sorted(path for path in tmp_path.rglob("*") if "lab.sqlite" not in path.name)
    path = archive(tmp_path / "hostile.tar.gz", {"data/good": b"fine", name: b"bad"})
    with pytest.raises(BackupRefused, match=r"nothing is taken|cannot be read") as caught:
        lab.upkeep.restore(path)
    assert "\n" not in str(caught.value)
    path.unlink()
    assert sorted(path for path in tmp_path.rglob("*") if "lab.sqlite" not in path.name) == before


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
def test_links_and_devices_are_refused(lab: Lab, tmp_path: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("data/link")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(BackupRefused, match="no plain file"):
        lab.upkeep.restore(archive(tmp_path / "hostile.tar.gz", {}, info))
    assert not list(lab.home.path.glob("restoring-*")) and not (lab.home.data / "link").exists()


def test_a_damaged_or_cut_backup_is_refused_whole(lab: Lab, tmp_path: Path) -> None:
    path, _ = lab.upkeep.backup(tmp_path / "b.tar.gz")
    other = Lab(Home(tmp_path / "other"))
    data = path.read_bytes()
    cases: dict[str, bytes] = {
        "half": data[: len(data) // 2], "empty": b"", "text": b"hello " * 100, "a byte": _flipped(data),
    }
    for name, content in cases.items():
        bad = tmp_path / f"{name}.tar.gz"
        bad.write_bytes(content)
        with pytest.raises(BackupRefused):
            other.upkeep.restore(bad)
    with pytest.raises(BackupRefused, match="no list of its files"):
        other.upkeep.restore(archive(tmp_path / "none.tar.gz", {"data/x": b"1"}, manifest=False))
    with pytest.raises(BackupRefused, match="There is no file"):
        other.upkeep.restore(tmp_path / "missing")
    assert other.experiments() == [] and not other.home.experiments.exists()


def _flipped(data: bytes) -> bytes:
    changed = bytearray(data)
    changed[len(data) // 2] ^= 255
    return bytes(changed)


def test_a_file_that_is_not_what_the_list_says_is_refused(lab: Lab, tmp_path: Path) -> None:
    good = archive(tmp_path / "good.tar.gz", {"data/x": b"1", "data/y": b"2"})
    with tarfile.open(good) as tar:
        manifest: dict[str, Any] = json.load(tar.extractfile("manifest.json") or io.BytesIO(b"{}"))
    for change in (lambda m: m.pop("data/x"), lambda m: m.update({"data/z": [1, "0"]}),
                   lambda m: m.update({"data/x": [1, "0" * 64]})):
        members = dict(manifest["members"])
        change(members)
        data = json.dumps(manifest | {"members": members}).encode()
        bad = archive(tmp_path / f"{os.urandom(4).hex()}.tar.gz", {"data/x": b"1", "data/y": b"2"}, manifest=False)
        bad = _with_member(bad, "manifest.json", data)
        with pytest.raises(BackupRefused, match="damaged, among them 'data/"):
            lab.upkeep.restore(bad)


def _with_member(path: Path, name: str, data: bytes) -> Path:
    members = {}
    with tarfile.open(path) as tar:
        for member in tar:
            content = tar.extractfile(member)
            members[member.name] = content.read() if content else b""
    target = path.with_name("again-" + path.name)
    return archive(target, members | {name: data}, manifest=False)


def test_no_room_is_told_before_the_disk_is_full(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = lab.upkeep.backup(tmp_path / "b.tar.gz")
    monkeypatch.setattr("distill_core.backup._SPARE_BYTES", 2**60)
    with pytest.raises(BackupRefused, match="no room"):
        lab.upkeep.restore(path)
