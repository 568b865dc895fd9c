"""Disk use by kind, and what is left when only the best checkpoints are kept."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from distill_core.access import Actor, NotAllowed
from distill_core.cli import main
from distill_core.disk_use import DiskUse, disk_use
from distill_core.errors import Conflict
from distill_core.folders import Home, write_json
from distill_core.services import Lab
from tests.store_samples import small_spec


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setenv("DISTILL_HOME", str(tmp_path))
    lab = Lab(Home(tmp_path), clock=lambda: 1000.0)
    lab.store.create(small_spec("one"), experiment_id="one", created_at=1.0)
    folder = lab.home.experiment("one")
    sizes = {"model": 700, "onnx": 500, "checkpoint": 300, "checkpoint_before": 310, "test_logits": 40}
    for name in ("stopped", "failed"):
        run = folder.run(name)
        run.path.mkdir(parents=True)
        for file, size in sizes.items():
            if name == "stopped" or file not in ("model", "onnx"):
                getattr(run, file).write_bytes(b"x" * size)
        for epoch in (3, 7):
            run.best(epoch).write_bytes(b"b" * 200)
        write_json(run.result, {"state": name})
    folder.worker_log.write_bytes(b"l" * 90)
    return lab


def stop(lab: Lab) -> None:
    lab.store.transition("one", expected={"queued"}, to="cancelled", at=2.0)


def test_bytes_are_told_by_kind(lab: Lab) -> None:
    use = disk_use(lab.home.experiment("one").path)
    journal = lab.home.experiment("one").journal.stat().st_size
    assert (use.models, use.onnx, use.checkpoints, use.logs) == (700, 500, 2 * (610 + 400), 90 + journal)
    everything = sum(path.stat().st_size for path in lab.home.experiment("one").path.rglob("*") if path.is_file())
    assert use.total == everything and use.data > 80
    assert disk_use(lab.home.path / "nowhere") == DiskUse()


def test_keeping_only_the_best_frees_what_it_said_and_no_best_network(lab: Lab) -> None:
    with pytest.raises(Conflict, match="wait for its end"):
        lab.upkeep.keep_only_best(["one"])
    stop(lab)
    # Of the failed run, whose best network is nowhere else, the newest best stays.
    promised = lab.upkeep.freed_by_keeping_best()
    assert promised == {"one": 2 * 610 + 2 * 200 + 200}
    assert lab.acting_as(Actor("bo", "operator")).upkeep.freed_by_keeping_best() == {}, "offered what is their own"
    before = lab.upkeep.uses(lab.experiments())["one"].total
    assert lab.upkeep.keep_only_best(["one"]) == promised["one"]
    assert before - lab.upkeep.uses(lab.experiments())["one"].total == promised["one"], "told at once"
    stopped, failed = (lab.home.experiment("one").run(name) for name in ("stopped", "failed"))
    assert stopped.model.exists() and stopped.bests() == [] and not stopped.checkpoint.exists()
    assert failed.bests() == [failed.best(7)] and not failed.checkpoint_before.exists()
    assert lab.upkeep.freed_by_keeping_best() == {} and lab.upkeep.keep_only_best(["one"]) == 0
    assert lab.audit.newest()[-1].detail == "checkpoints, but for the best"


def test_who_may_not_free_all_that_is_asked_frees_nothing(lab: Lab) -> None:
    stop(lab)
    bo = lab.acting_as(Actor("bo", "operator"))
    lab.store.create(small_spec("bo's"), experiment_id="mine", created_at=3.0, owner="bo")
    lab.store.transition("mine", expected={"queued"}, to="cancelled", at=4.0)
    run = lab.home.experiment("mine").run("stopped")
    run.path.mkdir(parents=True)
    run.checkpoint.write_bytes(b"x" * 30)
    with pytest.raises(NotAllowed):
        bo.upkeep.keep_only_best(["mine", "one"])
    assert run.checkpoint.exists()
    assert bo.upkeep.keep_only_best(["mine"]) == 30


def test_the_home_is_summed_up(lab: Lab) -> None:
    (lab.home.path / "weights").mkdir()
    (lab.home.path / "weights" / "w.safetensors").write_bytes(b"w" * 1234)
    use = lab.upkeep.home_use()
    assert use.others["weights"] == 1234 and "experiments" not in use.others
    assert use.total == use.of_experiments.total + sum(use.others.values())


def test_ended_experiments_are_measured_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[Path] = []
    monkeypatch.setattr("distill_core.upkeep.disk_use", lambda path: measured.append(path) or DiskUse())
    stop(lab)
    for _ in range(3):
        lab.upkeep.uses(lab.experiments())
    assert len(measured) == 1
    lab.store.transition("one", expected={"cancelled"}, to="queued", at=3.0)
    lab.upkeep.uses(lab.experiments())
    assert len(measured) == 2


def test_a_list_of_many_is_no_slower_for_it(lab: Lab) -> None:
    """The list itself reads no folder; what is known of a page of it costs next to nothing."""
    rows = lab.experiments() * 1000
    lab.upkeep.uses(rows[:1])
    began = time.thread_time()
    lab.upkeep.uses(rows)
    assert time.thread_time() - began < 0.2


@pytest.mark.parametrize(("at", "left"), [(1000.0, 30), (1000.0 - 86_400, 29), (1000.0 - 31 * 86_400, 0), (9000.0, 30)])
def test_the_days_left_count_the_one_that_has_begun(lab: Lab, at: float, left: int) -> None:
    stop(lab)
    lab.store.set_deleted("one", True, at=at)
    assert [item.days_left for item in lab.upkeep.trash()] == [left]


def test_the_commands(lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stop(lab)
    assert main(["disk", "--json"]) == 0
    assert '"checkpoints": 2020' in capsys.readouterr().out
    assert main(["disk", "--keep-only-best", "all"]) == 0
    assert "freed. Every best network is kept" in capsys.readouterr().out
    assert main(["backup", str(tmp_path / "b.tar.gz")]) == 0
    assert "1 experiment, " in capsys.readouterr().out
    assert main(["backup", str(tmp_path / "b.tar.gz")]) == 1
    assert "is there already" in capsys.readouterr().err
    assert main(["purge", "one"]) == 1
    assert "not in the trash" in capsys.readouterr().err
    lab.store.set_deleted("one", True, at=1.0)
    assert main(["purge"]) == 0 and "one" in capsys.readouterr().out
    assert main(["purge", "--older-than", "1", "one"]) == 1
    assert "allowed: one of them" in capsys.readouterr().err
    assert main(["purge", "--older-than", "1"]) == 0
    assert "1 experiment purged" in capsys.readouterr().out
    assert main(["restore", str(tmp_path / "b.tar.gz")]) == 0
    assert "1 experiment restored" in capsys.readouterr().out
    assert main(["doctor"]) == 0 and "SQLite" in capsys.readouterr().out


def test_teachers_answers_are_told_and_can_go(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    folder = lab.home.teacher_answers / "one"
    folder.mkdir(parents=True)
    (folder / "pass-000000.bin").write_bytes(b"a" * 5000)
    assert lab.upkeep.teacher_answers() == 5000
    with pytest.raises(NotAllowed):
        lab.acting_as(Actor("ada", "operator")).upkeep.forget_teacher_answers()
    assert main(["disk", "--forget-teacher-answers", "--json"]) == 0
    assert '"freed_bytes": 5000' in capsys.readouterr().out
    assert lab.upkeep.teacher_answers() == 0
