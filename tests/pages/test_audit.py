"""The audit log's page, and pages on behalf of people who sign in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from distill_core.access import Actor
from distill_core.audit import Audit, Entry
from distill_core.folders import Home
from distill_core.store.store import Store
from pages.doors import signing_in
from pages.doors.settings import Doors
from pages.doors.signing_in import SignIn, Visitor
from tests.fixtures import build_finished_experiment, create_experiment, preset_spec

PAGE, LIST = "machine/audit.py", "experiments/overview.py"


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Actor | None]]:
    """Who is signed in: the last of the list."""
    who: list[Actor | None] = [Actor("viv@x.org", "viewer")]
    server = SignIn(Doors("token"))
    monkeypatch.setattr(server, "visitor", lambda cookies: Visitor(who[-1]))
    monkeypatch.setattr(signing_in._Configured, "sign_in", server)
    yield who


def log(home: Home) -> None:
    audit = Audit(home, clock=lambda: 1_790_000_000.0)
    audit.record("ada@x.org", "launch", "one", detail="=HYPERLINK(\"http://evil\")")
    audit.record("<b>bob</b>@x.org", "stop", "two", detail="**bold** ![x](http://evil/x.png)")


def test_without_entries_the_page_offers_a_step(open_page) -> None:
    app = open_page(PAGE)
    assert not app.exception and "Nothing has been done yet" in app.info[0].value


def test_entries_are_listed_and_filtered(open_page, home: Home) -> None:
    log(home)
    app = open_page(PAGE)
    assert list(app.dataframe[0].value["what"]) == ["stop", "launch"]
    app = open_page(PAGE, q="HYPERLINK one")
    assert list(app.dataframe[0].value["who"]) == ["ada@x.org"]
    app.multiselect(key="what").set_value(["stop"]).run()
    assert "No entry fits" in app.info[0].value and not app.exception


def test_the_csv_holds_no_formula() -> None:
    from pages.ui.audit_table import as_csv, rows

    entries = [Entry(0.0, name, "launch", "-x", "@sum") for name in ("=1+1", "+1", "ada", "\t=1")]
    lines = as_csv(rows(entries)).decode("utf-8-sig").splitlines()
    assert lines[0] == "When,Who,What,Of what,Detail"
    cells = [cell for line in lines[1:] for cell in line.split(",")[1:]]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert lines[1].startswith("1970-01-01T00:00:00+00:00,'=1+1,launch,'-x,'@sum")


def test_the_log_is_an_admins_alone(open_page, home: Home, person) -> None:
    log(home)
    app = open_page(PAGE)
    assert not app.exception and not app.dataframe
    assert "needs the role admin" in app.error[0].value.replace("\\", "")


def test_a_viewer_sees_everything_and_the_buttons_are_off(open_page, home: Home, person) -> None:
    build_finished_experiment(home, experiment_id="one", spec=preset_spec(seeds=1))
    app = open_page("experiments/detail.py", id="one")
    assert not app.exception and app.button(key="delete").disabled
    assert open_page(LIST).button(key="demo").disabled


def test_a_viewer_reads_why_the_queue_and_the_trash_are_out_of_reach(open_page, home: Home, person) -> None:
    build_finished_experiment(home, experiment_id="gone", spec=preset_spec(seeds=1))
    Store(home).set_deleted("gone", True, at=1_790_000_000.0)
    create_experiment(home, experiment_id="waits", spec=preset_spec(seeds=1))
    app = open_page("experiments/queue.py")
    assert not app.exception and app.button(key="pause").disabled
    assert any("Your role is viewer" in one.value for one in app.caption)
    app = open_page("machine/storage.py")
    assert not app.exception and app.button(key="restore-gone").disabled and app.button(key="purge-gone").disabled
    person.append(Actor("ada@x.org", "admin"))
    assert not open_page("machine/storage.py").button(key="restore-gone").disabled
    assert not any("role is viewer" in one.value for one in open_page("experiments/queue.py").caption)


def test_the_list_tells_owners_and_narrows_to_mine(open_page, home: Home, person) -> None:
    store = Store(home)
    for name, owner in (("one", "ada@x.org"), ("two", "bob@x.org")):
        store.create(preset_spec(seeds=1, name=name), experiment_id=name, created_at=1.0, owner=owner)
    person.append(Actor("ada@x.org", "operator"))
    app = open_page(LIST)
    text = " ".join(one.value for one in app.caption).replace("\\", "").replace("\u2060", "")
    assert "by ada@x.org" in text and "by bob@x.org" in text
    app.toggle(key="mine").set_value(True).run()
    text = " ".join(one.value for one in app.caption).replace("\\", "").replace("\u2060", "")
    assert "by ada@x.org" in text and "by bob@x.org" not in text and not app.exception


def test_who_is_signed_out_sees_a_sentence_and_no_data(open_page, home: Home, person) -> None:
    build_finished_experiment(home, experiment_id="one", spec=preset_spec(seeds=1))
    person.append(None)
    app = open_page(LIST)
    assert not app.exception and "has ended" in app.error[0].value
    assert [button.key for button in app.button] == ["language-choice"] and not app.caption
