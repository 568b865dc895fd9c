"""A teacher's answers on the disk: read as they would be given, whole or not at all, within their room."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from distill_core.errors import LabError
from distill_core.folders import Home
from distill_core.presets import find_preset
from distill_core.spec import parse_spec
from distill_core.teacher_answers import Limits, forget_all, kept_bytes, limits_of, make_room
from distill_core.training import answer_store
from distill_core.training.answer_keys import close_stores
from distill_core.training.answer_store import AnswerStore
from distill_core.training.assembly import student_cohort
from distill_core.training.cohort import Cohort, Surroundings
from distill_core.training.preparation import Checked, deep_check

CPU = torch.device("cpu")
BATCHES, SIZE = 40, 3


@pytest.fixture(autouse=True)
def everything_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_store, "WORTH_SECONDS", -1.0)
    monkeypatch.setattr(answer_store, "BYTES_A_SECOND", 1e15)


def store_in(folder: Path, *, most_bytes: int = 10**6, half: bool = False, spare: int = 0) -> AnswerStore:
    limits = Limits(folder.parent, most_bytes, spare_bytes=spare)
    return AnswerStore(folder, batches=BATCHES, batch_size=SIZE, half=half, limits=limits)


def answers(number: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(number)
    return [torch.randn(SIZE if place < BATCHES - 1 else 1, 10, generator=generator) for place in range(BATCHES)]


def write(store: AnswerStore, number: int, *, begin: int = 0, end: int = BATCHES) -> None:
    for place in range(begin, end):
        store.asked(number, place, lambda place=place: answers(number)[place], device=CPU)


def whole(store: AnswerStore, number: int) -> bool:
    found = [store.read(number, place) for place in range(BATCHES)]
    return all(one is not None and torch.equal(one, other) for one, other in zip(found, answers(number), strict=True))


def test_a_pass_is_read_as_it_was_given_by_whoever_comes_later(tmp_path: Path) -> None:
    write(store_in(tmp_path / "a"), 7)
    later = store_in(tmp_path / "a")
    assert whole(later, 7)
    assert later.read(8, 0) is None and store_in(tmp_path / "b").read(7, 0) is None


def test_of_a_killed_training_half_a_pass_is_nothing(tmp_path: Path) -> None:
    killed = store_in(tmp_path / "a")
    write(killed, 0, end=BATCHES - 1)
    assert store_in(tmp_path / "a").read(0, 0) is None
    # Gone on with after the kill, in the middle of the pass; the next pass is whole again.
    resumed = store_in(tmp_path / "a")
    write(resumed, 0, begin=BATCHES // 2)
    write(resumed, 1)
    assert resumed.read(0, 0) is None and whole(resumed, 1)


def test_of_an_ended_training_half_a_pass_is_kept(tmp_path: Path) -> None:
    ended = store_in(tmp_path / "a")
    write(ended, 0, end=BATCHES - 2)
    ended.close()
    later = store_in(tmp_path / "a")
    assert all(torch.equal(later.read(0, place), answers(0)[place]) for place in range(BATCHES - 2))
    assert later.read(0, BATCHES - 2) is None
    assert not list((tmp_path / "a").glob(".*"))


@pytest.mark.parametrize("damage", ["byte", "cut", "facts", "no facts"])
def test_what_is_damaged_is_asked_and_kept_again(tmp_path: Path, damage: str) -> None:
    write(store_in(tmp_path / "a"), 0)
    path = tmp_path / "a" / "pass-000000.bin"
    facts = path.with_suffix(".json")
    if damage == "byte":
        content = bytearray(path.read_bytes())
        content[17] ^= 1
        path.write_bytes(content)
    elif damage == "cut":
        os.truncate(path, path.stat().st_size - 4)
    elif damage == "facts":
        facts.write_text("{")
    else:
        facts.unlink()
    again = store_in(tmp_path / "a")
    assert again.read(0, 0) is None
    write(again, 0)
    assert whole(store_in(tmp_path / "a"), 0)


def test_what_is_quick_to_ask_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_store, "WORTH_SECONDS", 60.0)
    write(store_in(tmp_path / "a"), 0)
    assert not (tmp_path / "a").exists()


def test_room_is_made_by_what_was_not_used_for_longest(tmp_path: Path) -> None:
    root = tmp_path / "answers"
    for name, used in (("old", 100), ("new", 200)):
        write(store_in(root / name), 0)
        os.utime(root / name, (used, used))
    size = sum(path.stat().st_size for path in (root / "old").iterdir())
    # Reading is using.
    assert store_in(root / "old").read(0, 0) is not None
    write(store_in(root / "third", most_bytes=int(size * 2.9)), 0)
    assert {path.name for path in root.iterdir()} == {"old", "third"}
    # The own passes stay: the next one finds no room, and the training goes on.
    own = store_in(root / "third", most_bytes=int(size * 1.9))
    write(own, 1)
    assert whole(own, 0) and own.read(1, 0) is None and not (root / "old").exists()
    assert not make_room(Limits(root, 10**9, spare_bytes=10**18), 1, keep=root / "third")


def test_a_disk_that_takes_nothing_does_not_end_the_training(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("in the way")
    store = store_in(tmp_path / "a")
    write(store, 0)
    assert store.read(0, 0) is None and (tmp_path / "a").read_text() == "in the way"


@pytest.mark.parametrize(("told", "most"), [("", 4 * 10**9), ("0.5", 5 * 10**8), ("0", 0)])
def test_the_room_is_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, most: int) -> None:
    monkeypatch.setenv("DISTILL_TEACHER_ANSWERS_GB", told)
    assert limits_of(Home(tmp_path)).most_bytes == most


@pytest.mark.parametrize("told", ["much", "-1", "nan"])
def test_a_wrong_setting_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv("DISTILL_TEACHER_ANSWERS_GB", told)
    with pytest.raises(LabError, match="DISTILL_TEACHER_ANSWERS_GB"):
        limits_of(Home(tmp_path))


def checked(home: Path, *, preset: str = "digits-unlabelled", fixed: int | None = None, **changes) -> Checked:
    spec = find_preset(preset).spec.to_json() | {"device": "cpu"}
    spec["student_views"] = {"augmentation": {"kind": "affine"}, "fixed_views": fixed}
    # One pass over the transfer set, and a part of the next.
    spec["student_training"] |= {"epochs": 2, "steps_per_epoch": 12, "batch_size": 64}
    return deep_check(parse_spec(spec | changes), home=Home(home))


def trained(checked: Checked, *, keeps: bool, seed: int = 50) -> tuple[Cohort, int]:
    """The distilled run after its training, and how often its teacher was asked."""
    teacher = checked.network(checked.spec.teacher.architecture, seed=seed)
    asked = 0

    def count(module: object, given: object, answer: object) -> None:
        nonlocal asked
        asked += 1

    run = next(run for run in checked.plan.cohorts[0].runs if run.needs_teacher)
    around = replace(Surroundings.silent(), keeps_answers=keeps)
    cohort = student_cohort(checked, [run], teacher, around)
    teacher.register_forward_hook(count)
    cohort.fit()
    close_stores(cohort)
    return cohort, asked


def same(one: Cohort, other: Cohort) -> bool:
    pairs = zip(*(each.candidates[0].model.state_dict().values() for each in (one, other)), strict=True)
    return all(torch.equal(left, right) for left, right in pairs)


@pytest.mark.parametrize("fixed", [None, 2])
def test_a_run_is_the_same_whether_it_asked_or_read(tmp_path: Path, fixed: int | None) -> None:
    settings = checked(tmp_path, fixed=fixed)
    without, asked_without = trained(settings, keeps=False)
    writing, asked = trained(settings, keeps=True)
    reading, asked_again = trained(settings, keeps=True)
    assert asked == asked_without > 0 and asked_again == 0
    assert same(without, writing) and same(without, reading)
    assert kept_bytes(settings.home) > 0


def test_sixteen_bits_are_kept_in_sixteen_with_the_error_measured(tmp_path: Path) -> None:
    settings = checked(tmp_path, precision="bfloat16")
    without, _ = trained(settings, keeps=False)
    writing, reading = trained(settings, keeps=True)[0], trained(settings, keeps=True)[0]
    assert same(without, writing) and same(without, reading)
    facts = [json.loads(path.read_text()) for path in settings.home.teacher_answers.glob("*/*.json")]
    assert facts and all(one["kind"] == "float16" and 0 < one["largest_rounding"] < 0.01 for one in facts)
    errors = {one.candidates[0].stream.largest_error() for one in (without, writing, reading)}
    assert errors == {one["largest_error"] for one in facts}
    teacher, stream = settings.network(settings.spec.teacher.architecture, seed=50), without.candidates[0].stream
    inputs = stream.batch(0).inputs
    with torch.no_grad():
        expected = (stream.ask(teacher.eval(), inputs)[0] - teacher(inputs)).abs().max()
    assert max(errors) == pytest.approx(float(expected), rel=1e-4)
    assert float(expected) > max(one["largest_rounding"] for one in facts) > 0


def test_other_causes_have_other_answers(tmp_path: Path) -> None:
    settings = checked(tmp_path)
    trained(settings, keeps=True)
    # Another temperature asks nothing; another teacher, batch, seed or view asks anew.
    students = settings.spec.to_json()["students"]
    warmer = json.loads(json.dumps(students).replace('"temperature": 4.0', '"temperature": 3.0'))
    assert warmer != students
    assert trained(checked(tmp_path, students=warmer), keeps=True)[1] == 0
    assert trained(settings, keeps=True, seed=51)[1] > 0
    training = settings.spec.to_json()["student_training"] | {"batch_size": 32}
    assert trained(checked(tmp_path, student_training=training), keeps=True)[1] > 0
    assert trained(checked(tmp_path, seeds=[9]), keeps=True)[1] > 0
    assert trained(checked(tmp_path, preset="digits-unlabelled", fixed=3), keeps=True)[1] > 0


def test_all_can_be_forgotten(tmp_path: Path) -> None:
    settings = checked(tmp_path)
    trained(settings, keeps=True)
    freed = forget_all(settings.home)
    assert freed > 0 and kept_bytes(settings.home) == 0
    assert trained(settings, keeps=True)[1] > 0
