"""Owners, roles by e-mail, quotas and the audit log, in the services."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from distill_core.access import Actor, NotAllowed
from distill_core.access_settings import AccessSettings, AccessUnusable, Quotas, read_access, write_access
from distill_core.audit import Audit
from distill_core.errors import SpecError
from distill_core.executors.executor import Slot
from distill_core.folders import Home
from distill_core.jobs.admission import Admission
from distill_core.jobs.starting import DispatcherStarter
from distill_core.people import People
from distill_core.services import Lab
from distill_core.shelf import Shelf
from distill_core.store.store import Store
from tests.fixtures import build_finished_experiment, preset_spec
from tests.upload_samples import brought

ADA, BOB, EVE = Actor("ada@x.org", "operator"), Actor("bob@x.org", "operator"), Actor("eve@x.org", "admin")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setattr(DispatcherStarter, "ensure", lambda self: None)
    return Lab(Home(tmp_path / "home"))


def create(lab: Lab, owner: str, identity: str) -> str:
    return lab.store.create(preset_spec(seeds=1), experiment_id=identity, created_at=1.0, owner=owner)


def actions(lab: Lab) -> list[tuple[str, str, str]]:
    return [(entry.actor, entry.action, entry.subject) for entry in reversed(lab.audit.newest())]


def test_what_belongs_to_another_is_left_alone_but_by_an_admin(lab: Lab) -> None:
    create(lab, ADA.name, "one")
    with pytest.raises(NotAllowed, match=r"belongs to ada@x\.org"):
        lab.acting_as(BOB).stop("one")
    assert lab.store.state("one") == "queued" and actions(lab) == []
    lab.acting_as(ADA).stop("one")
    with pytest.raises(NotAllowed):
        lab.acting_as(BOB).delete("one")
    with pytest.raises(NotAllowed):
        lab.acting_as(BOB).resume("one")
    lab.acting_as(EVE).delete("one")
    with pytest.raises(NotAllowed):
        lab.acting_as(BOB).undelete("one")
    assert actions(lab) == [("ada@x.org", "stop", "one"), ("eve@x.org", "delete", "one")]


def test_what_has_no_owner_is_an_admins(lab: Lab) -> None:
    create(lab, "", "old")
    with pytest.raises(NotAllowed, match="has no owner"):
        lab.acting_as(ADA).stop("old")
    lab.stop("old")


def test_exports_and_corrections_are_the_owners_too(lab: Lab) -> None:
    identity = build_finished_experiment(lab.home, spec=preset_spec(seeds=1))
    with pytest.raises(NotAllowed):
        lab.acting_as(ADA).request_export(identity, "any")
    with pytest.raises(NotAllowed):
        lab.acting_as(ADA).corrections.remove(identity, "any")


def test_uploads_have_owners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distill_core.shelf.start_reading", lambda *_, **__: _Ended())
    shelf = Shelf(Home(tmp_path))
    identity = shelf.acting_as(ADA).begin_text(
        "mine", BytesIO(b"a,b\n"), file_name="t.csv", text_column="a", label_column="b"
    )
    assert shelf.get(identity).owner == ADA.name
    for change in (shelf.acting_as(BOB).remove, lambda one: shelf.acting_as(BOB).rename(one, "his")):
        with pytest.raises(NotAllowed):
            change(identity)
    shelf.acting_as(ADA).remove(identity)
    assert [entry.action for entry in Audit(Home(tmp_path), clock=lambda: 0.0).newest()] == ["remove", "upload"]


class _Ended:
    def poll(self) -> int:
        return 0


def test_one_persons_list_holds_only_theirs(lab: Lab) -> None:
    create(lab, ADA.name, "one")
    create(lab, BOB.name, "two")
    assert [row.experiment_id for row in lab.experiments(owner=ADA.name)] == ["one"]
    assert lab.counts(owner=BOB.name) == {"queued": 1} and lab.count() == 2


# Quotas -----------------------------------------------------------------------------------------


def test_a_launch_beyond_the_quota_is_refused_and_admins_have_none(lab: Lab) -> None:
    lab.people.set_quotas(queued=1)
    create(lab, ADA.name, "one")
    with pytest.raises(NotAllowed, match="1 experiments that wait or run; allowed: 1"):
        lab.acting_as(ADA).launch(preset_spec(seeds=1))
    lab.acting_as(BOB).people.check_launch()
    create(lab, EVE.name, "two")
    lab.acting_as(EVE).people.check_launch()
    lab.acting_as(ADA).stop("one")
    lab.acting_as(ADA).people.check_launch()
    create(lab, ADA.name, "three")
    with pytest.raises(NotAllowed):
        lab.acting_as(ADA).resume("one")


def test_a_second_click_at_the_quota_finds_what_the_first_made(lab: Lab) -> None:
    lab.people.set_quotas(queued=1)
    made = lab.acting_as(ADA).launch(preset_spec(seeds=1), idempotency_key="one click")
    assert lab.acting_as(ADA).launch(preset_spec(seeds=1), idempotency_key="one click") == made
    with pytest.raises(NotAllowed):
        lab.acting_as(ADA).launch(preset_spec(seeds=1), idempotency_key="another click")


def test_launches_at_once_do_not_both_take_the_last_place(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.people.set_quotas(queued=1)
    both, create = threading.Barrier(2), lab.store.create

    def slowly(*told: Any, **more: Any) -> str:
        # Until the other has counted too, if it can.
        with suppress(threading.BrokenBarrierError):
            both.wait(0.3)
        return create(*told, **more)

    monkeypatch.setattr(lab.store, "create", slowly)

    def launch(number: int) -> bool:
        try:
            lab.acting_as(ADA).launch(preset_spec(seeds=1))
        except NotAllowed:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(launch, range(2))) == [False, True]


def test_what_was_removed_goes_back_only_within_the_quota(lab: Lab) -> None:
    lab.people.set_quotas(queued=1)
    create(lab, ADA.name, "one")
    lab.acting_as(ADA).queue.remove("one")
    create(lab, ADA.name, "two")
    with pytest.raises(NotAllowed, match="allowed: 1"):
        lab.acting_as(ADA).queue.put_back("one")
    assert lab.store.state("one") == "cancelled"


def test_a_full_disk_quota_refuses_launches_and_uploads(lab: Lab) -> None:
    create(lab, ADA.name, "one")
    (lab.home.experiment("one").path / "large.bin").write_bytes(b"x" * 5000)
    lab.people.set_quotas(disk_bytes=4000)
    assert 5000 <= lab.acting_as(ADA).people.use().disk_bytes < 25_000
    assert lab.acting_as(BOB).people.use().disk_bytes == 0 == lab.acting_as(EVE).people.use().disk_bytes
    for act in (
        lambda: lab.acting_as(ADA).launch(preset_spec(seeds=1)),
        lambda: brought(lab.acting_as(ADA), "t.csv", [b"x"]),
        lambda: lab.acting_as(ADA).weights.add("w", BytesIO(b"x"), file_name="w.safetensors"),
    ):
        with pytest.raises(NotAllowed, match="Delete for good"):
            act()
    brought(lab.acting_as(BOB), "t.csv", [b"x"])


def test_only_so_many_of_a_person_run_at_once() -> None:
    settings = AccessSettings(roles={"eve@x.org": "admin"}, quotas=Quotas(running=2))
    assert settings.may_run(ADA.name, 1) and not settings.may_run(ADA.name, 2)
    assert not settings.may_run("operator", 2)
    assert settings.may_run(EVE.name, 9) and settings.may_run("local", 9) and settings.may_run("", 9)
    assert AccessSettings().may_run(ADA.name, 99)


# Settings ---------------------------------------------------------------------------------------


def test_an_address_goes_before_its_domain_and_that_before_the_default() -> None:
    settings = AccessSettings(roles={"Ada@X.org": "admin"}, domains={"x.org": "operator"}, default_role="viewer")
    assert [settings.role_of(who) for who in ("ADA@x.org", "bob@x.org", "c@evil-x.org", "d@a.x.org")] \
        == ["admin", "operator", "viewer", "viewer"]
    assert AccessSettings().role_of("ada@x.org") is None


@pytest.mark.parametrize(
    "text", ["{", '{"roles": {"ada": "admin"}}', '{"roles": {"a@x.org": "king"}}', '{"rolls": {}}', "[]"]
)
def test_a_wrong_file_is_one_sentence_and_lets_nobody_in(tmp_path: Path, text: str) -> None:
    home = Home(tmp_path)
    home.access.write_text(text)
    with pytest.raises(AccessUnusable, match="access settings") as refused:
        read_access(home)
    assert "\n" not in refused.value.sentence and str(home.access) in refused.value.sentence


def test_settings_are_an_admins_and_stand_in_the_log(tmp_path: Path) -> None:
    home = Home(tmp_path)
    people = People(home, lambda: Store(home), Audit(home, clock=lambda: 5.0))
    people.set_role("Ada@X.org", "operator")
    people.set_role("x.org", "viewer")
    people.set_role("default", "viewer")
    assert people.set_role("ada@x.org", None).roles == {}
    assert json.loads(home.access.read_text())["domains"] == {"x.org": "viewer"}
    with pytest.raises(SpecError, match="an e-mail address"):
        people.set_role("x@", "admin")
    for act in (lambda: people.acting_as(ADA).set_role(ADA.name, "admin"), people.acting_as(ADA).log):
        with pytest.raises(NotAllowed):
            act()
    assert [entry.subject for entry in people.log()] == ["ada@x.org", "default", "x.org", "ada@x.org"]


def test_settings_come_back_as_written(tmp_path: Path) -> None:
    settings = AccessSettings(roles={"a@x.org": "viewer"}, quotas=Quotas(queued=0))
    write_access(Home(tmp_path), settings)
    assert read_access(Home(tmp_path)) == settings


# The queue --------------------------------------------------------------------------------------


class _Executor:
    def slots(self) -> list[Slot]:
        return [Slot(name, name, name, 10**12) for name in ("cuda:0", "cuda:1", "cpu")]


def admission_of(lab: Lab) -> Admission:
    return Admission(lab.home, _Executor())  # type: ignore[arg-type]


def test_who_runs_as_many_as_allowed_waits_and_holds_up_nobody(lab: Lab) -> None:
    lab.people.set_quotas(running=1)
    for number, owner in enumerate((ADA.name, ADA.name, BOB.name)):
        create(lab, owner, f"e{number}")
    rows = lab.store.in_states({"queued"})
    admission = admission_of(lab)
    board = admission.open([(rows[0], None)])
    assert board is not None
    placed = [admission.place(board, row) is not None for row in rows[1:]]
    admission.tell(rows)
    told = json.loads(lab.home.queue_board.read_text())["waits"]
    assert placed == [False, True] and "1 of its owner's experiments run" in told["e1"]
    board = admission.open([])
    assert board is not None
    assert [admission.place(board, row) is not None for row in rows] == [True, False, True], "begun in the same round"


def test_with_damaged_settings_nothing_begins_and_the_queue_says_why(lab: Lab) -> None:
    create(lab, ADA.name, "one")
    lab.home.access.write_text("{")
    admission = admission_of(lab)
    assert admission.open([]) is None
    admission.tell(lab.store.in_states({"queued"}))
    assert "access settings" in json.loads(lab.home.queue_board.read_text())["trouble"]
