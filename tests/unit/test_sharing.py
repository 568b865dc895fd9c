"""Links to frozen pages: who may make them, how they end, and what is kept of them."""

from __future__ import annotations

import hashlib
import shutil
from base64 import urlsafe_b64decode
from pathlib import Path

import pytest

from distill_core.access import Actor, NotAllowed
from distill_core.catalog import Catalogue
from distill_core.errors import Conflict, NotFound
from distill_core.folders import Home, write_json
from distill_core.jobs.catalogue import load_catalogue
from distill_core.planned import digest
from distill_core.services import Lab
from distill_core.sharing import Gone
from distill_core.store.store import Store
from tests.fixtures import FakeWorker, preset_spec

DAY = 86_400.0
ANN, BOB = Actor("ann@example.org", "operator"), Actor("bob@example.org", "operator")
READER = Actor("", "viewer")


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, Catalogue]:
    """A home with a finished experiment of Ann's, and the catalogue, made once: both take seconds."""
    home = Home(tmp_path_factory.mktemp("built") / "home")
    identity = digest("shared")
    store = Store(home)
    store.create(preset_spec(seeds=2), experiment_id=identity, created_at=1.0, owner=ANN.name)
    FakeWorker(store=store, experiment_id=identity, spec=preset_spec(seeds=2)).complete()
    return home.path, identity, load_catalogue(home)


@pytest.fixture
def lab(tmp_path: Path, clock: Clock, built: tuple[Path, str, Catalogue], monkeypatch: pytest.MonkeyPatch) -> Lab:
    shutil.copytree(built[0], tmp_path / "home")
    found = Lab(Home(tmp_path / "home"), clock=clock)
    monkeypatch.setattr(found.shares, "_catalogue", lambda: built[2])
    return found


@pytest.fixture
def identity(built: tuple[Path, str, Catalogue]) -> str:
    return built[1]


def files_of(lab: Lab) -> set[str]:
    return {path.name for path in lab.home.shares.rglob("*") if path.is_file()}


def test_a_link_opens_the_page_as_it_was_until_it_expires(lab: Lab, identity: str, clock: Clock) -> None:
    made = lab.shares.make(identity, days=7)
    page = lab.acting_as(READER).shares.page(made.token)
    assert b"distilled T=8" in page
    clock.now += 7 * DAY - 1
    assert lab.shares.page(made.token) == page
    assert [share.share_id for share in lab.shares.of(identity)] == [made.share.share_id]
    clock.now += 1
    with pytest.raises(Gone, match="expired"):
        lab.shares.page(made.token)
    assert files_of(lab) == {"share.json"}
    assert lab.shares.of(identity) == []


def test_only_the_hash_of_the_token_is_kept(lab: Lab, identity: str) -> None:
    made = lab.shares.make(identity, days=1)
    raw = urlsafe_b64decode(made.token + "=")
    assert len(raw) == 32 and made.share.share_id == hashlib.sha256(raw).hexdigest()
    (folder,) = lab.home.shares.iterdir()
    assert folder.name == made.share.share_id
    for path in lab.home.path.rglob("*"):
        if path.is_file():
            assert made.token.encode() not in path.read_bytes() and raw not in path.read_bytes(), path
    # Who reads the folder cannot open the page with what they find there.
    with pytest.raises(NotFound):
        lab.shares.page(made.share.share_id[:43])


def test_a_revoked_link_is_gone_with_its_page(lab: Lab, identity: str) -> None:
    made, other = lab.shares.make(identity, days=30), lab.shares.make(identity, days=30)
    lab.shares.revoke(made.share.share_id)
    with pytest.raises(Gone, match="revoked"):
        lab.shares.page(made.token)
    assert lab.shares.page(other.token)
    assert [share.share_id for share in lab.shares.of(identity)] == [other.share.share_id]
    assert not (lab.home.share(made.share.share_id) / "page.html").exists()
    assert [(entry.action, entry.subject) for entry in lab.audit.newest()] == [
        ("unshare", identity), ("share", identity), ("share", identity),
    ]
    assert all(made.token not in entry.detail for entry in lab.audit.newest())


def test_what_ended_long_ago_leaves_nothing(lab: Lab, identity: str, clock: Clock) -> None:
    made = lab.shares.make(identity, days=1)
    clock.now += 32 * DAY
    assert lab.shares.of(identity) == []
    assert not list(lab.home.shares.iterdir())
    with pytest.raises(NotFound):
        lab.shares.page(made.token)


def test_operators_share_their_own_and_viewers_nothing(lab: Lab, identity: str) -> None:
    made = lab.acting_as(ANN).shares.make(identity, days=1)
    assert made.share.by == ANN.name
    with pytest.raises(NotAllowed):
        lab.acting_as(BOB).shares.make(identity, days=1)
    with pytest.raises(NotAllowed):
        lab.acting_as(BOB).shares.revoke(made.share.share_id)
    with pytest.raises(NotAllowed):
        lab.acting_as(READER).shares.revoke(made.share.share_id)
    assert lab.shares.page(made.token), "a refused revocation changed nothing"
    # An admin's link to it may be revoked by its owner.
    by_admin = lab.shares.make(identity, days=1)
    lab.acting_as(ANN).shares.revoke(by_admin.share.share_id)
    with pytest.raises(Gone):
        lab.shares.page(by_admin.token)


@pytest.mark.parametrize("days", [0, -1, 366])
def test_a_link_lasts_between_a_day_and_a_year(lab: Lab, identity: str, days: int) -> None:
    with pytest.raises(Conflict, match="1 to 365"):
        lab.shares.make(identity, days=days)
    assert not lab.home.shares.exists()


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "A" * 44, "../" * 14 + "x", "é" * 43, "A" * 42 + "=", "\0" * 43])
def test_another_token_opens_nothing(lab: Lab, identity: str, token: str) -> None:
    lab.shares.make(identity, days=1)
    with pytest.raises(NotFound):
        lab.shares.page(token)


def test_the_page_of_a_deleted_experiment_is_not_shown(lab: Lab, identity: str, clock: Clock) -> None:
    made = lab.shares.make(identity, days=1)
    lab.store.set_deleted(identity, True, at=clock.now)
    with pytest.raises(Gone, match="deleted"):
        lab.shares.page(made.token)
    lab.store.set_deleted(identity, False, at=clock.now)
    assert lab.shares.page(made.token)


def test_a_damaged_record_opens_nothing_and_hides_no_other(lab: Lab, identity: str) -> None:
    made, other = lab.shares.make(identity, days=1), lab.shares.make(identity, days=1)
    (lab.home.share(made.share.share_id) / "share.json").write_text("{")
    with pytest.raises(NotFound):
        lab.shares.page(made.token)
    # Nor does a record that speaks of another link.
    write_json(lab.home.share(made.share.share_id) / "share.json", {"share_id": other.share.share_id})
    assert [share.share_id for share in lab.shares.of(identity)] == [other.share.share_id]
    assert lab.shares.page(other.token)
