"""The command line's words and exit codes, without starting any work."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from distill_core.cli import main, server
from distill_core.cli.server import choose_port
from distill_core.cli.settings import with_absolute_path, with_settings
from distill_core.errors import Conflict, SpecError
from distill_core.folders import Home
from distill_core.store.store import Store
from tests.store_samples import small_spec, whole_story, write_events


@pytest.fixture
def home(tmp_path: Path, with_catalogue: Callable[[Home], Home], monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("DISTILL_HOME", str(tmp_path / "home"))
    return with_catalogue(Home(tmp_path / "home"))


@pytest.fixture
def store(home: Home) -> Store:
    """Two finished experiments and their runs."""
    store = Store(home)
    for name in ("abc1", "abd2"):
        store.create(small_spec(name), experiment_id=name, created_at=1.0)
        write_events(home, name, *whole_story())
        store.ingest(name)
        store.transition(name, expected={"queued"}, to="cancelled", at=2.0)
    return store


def test_without_a_latency_result_the_list_says_how_to_make_one(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["latency"]) == 0
    assert "Nothing is measured yet. `latency RUN RUN` measures" in capsys.readouterr().err
    assert main(["latency", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize(
    ("arguments", "sentences"),
    [
        (["run"], ["Give one of them"]),
        (["run", "spec.json", "--preset", "digits"], ["Give one of them"]),
        (["run", "--preset", "digts"], ["no preset named 'digts'; did you mean digits"]),
        (["run", "not-there.json"], ["not-there.json", "No such file"]),
        (["run", "--preset", "digits", "--set", "seeds"], ["path=value"]),
        (["run", "--preset", "digits", "--set", "seeds=[0,0]"], ["seeds", "different seeds"]),
        (["run", "--preset", "digits", "--set", "students.9.name=x"], ["students.9 is '9'; allowed: a position"]),
        (["run", "--preset", "digits", "--set", "student.0.name=x"], ["student is", "Did you mean students"]),
        (["run", "--preset", "digits", "--set", "name.first=x"], ["a path into objects and lists"]),
        (["run", "--preset", "digits", "--set", "students.0.terms.0.weight=NaN"], ["weight is nan", "finite number"]),
        (["run", "--preset", "digits", "--set", "x=1", "--set", "a.9=2"], ["x is 1; allowed: only known", "a is "]),
        (["run", "--preset", "cifar10"], ["needs your data: --set data.dataset.params.path=PATH"]),
        (["run", "--preset", "cifar10", "--set", "data=3"], ["data is 3"]),
        (["show", "nobody"], ["no experiment whose id begins with 'nobody'"]),
        (["export", "nothing", "--out", "x"], ["no run whose id begins with 'nothing'"]),
    ],
)
def test_bad_input_is_told_in_sentences(
    home: Home, capsys: pytest.CaptureFixture[str], arguments: list[str], sentences: list[str]
) -> None:
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert told.out == "" and "Traceback" not in told.err
    for sentence in sentences:
        assert sentence in told.err
    assert not home.experiments.exists(), "nothing was launched"


def test_every_problem_has_its_line(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(small_spec().to_json() | {"version": 7}))
    assert main(["run", str(spec)]) == 2
    sentence = "version is 7; allowed: up to 1. Update Distill Lab to open this newer spec."
    assert capsys.readouterr().err.splitlines() == [sentence]
    spec.write_text("{")
    assert main(["run", str(spec)]) == 2
    assert "valid JSON" in capsys.readouterr().err
    settings = ["--set", "student_training.batch_size=0", "--set", "device=tpu"]
    assert main(["run", "--preset", "digits", *settings]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_list_and_show(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    assert [row["experiment_id"] for row in json.loads(capsys.readouterr().out)] == ["abd2", "abc1"]
    assert main(["list", "--search", "abc1", "--state", "cancelled"]) == 0
    out = capsys.readouterr().out
    assert "abc1" in out and "abd2" not in out
    assert main(["show", "abc", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["experiment_id"] == "abc1"
    assert main(["show", "abc1"]) == 0
    assert "distilled 95.5%, alone 90.5%" in capsys.readouterr().out


def test_an_ambiguous_beginning_is_refused(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "ab"]) == 2
    assert "abc1, abd2" in capsys.readouterr().err


def test_what_the_state_forbids_is_one_sentence(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cancel", "abc1"]) == 1
    sentence = "Experiment abc1 is cancelled; only one that waits or runs can be stopped."
    assert capsys.readouterr().err.strip() == sentence


def test_reindex_tells_what_it_could_not_read(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    store.home.experiment("abc1").spec.write_text("{")
    assert main(["reindex", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["experiments"] == 1 and told.err.startswith("abc1: ")


def test_doctor_as_json(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["home"] == str(home.path)
    assert main(["doctor"]) == 0
    assert "free disk" in capsys.readouterr().out


def test_markup_in_names_is_shown_as_it_is(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    Store(home).create(small_spec("[bold]x[/bold] <b>"), experiment_id="e1", created_at=1.0)
    assert main(["list"]) == 0
    assert "[bold]x[/bold] <b>" in capsys.readouterr().out


def test_settings_reach_every_depth_and_leave_the_original() -> None:
    data = {"a": [{"b": 1}], "c": None}
    changed = with_settings(data, ["a.0.b=2", "c.d=word", 'e={"f": [1]}', "a.0.g=true", "h=a=b"])
    assert changed == {"a": [{"b": 2, "g": True}], "c": {"d": "word"}, "e": {"f": [1]}, "h": "a=b"}
    assert data == {"a": [{"b": 1}], "c": None}
    with pytest.raises(SpecError) as error:
        with_settings(data, ["a.x.b=1", "=3", "a.0.b.c=1"])
    assert len(error.value.problems) == 3


def test_a_relative_path_starts_where_the_user_stands(tmp_path: Path) -> None:
    def spec(path: object) -> dict:
        return {"data": {"dataset": {"name": "image-folder", "params": {"path": path}}}}

    assert with_absolute_path(spec("images"), folder=tmp_path) == spec(str(tmp_path / "images"))
    for kept in ("/data/images", "~/images", "", 3, None):
        assert with_absolute_path(spec(kept), folder=tmp_path) == spec(kept)
    assert with_absolute_path("no spec", folder=tmp_path) == "no spec"


def test_a_taken_port_is_told_and_a_free_one_found() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Conflict, match="is taken"):
            choose_port(taken.getsockname()[1])
    assert choose_port(None) >= 8501


def test_roles_and_quotas_are_set_and_shown(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["access", "set", "Ada@x.org", "admin"]) == 0
    assert main(["access", "set", "x.org", "viewer"]) == 0
    assert main(["access", "quota", "--queued", "3", "--disk-gb", "1.5"]) == 0
    capsys.readouterr()
    assert main(["access", "show", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["roles"] == {"ada@x.org": "admin"} and told["domains"] == {"x.org": "viewer"}
    assert told["quotas"] == {"queued": 3, "running": None, "disk_bytes": 1_500_000_000}
    assert main(["access", "quota", "--unlimited", "--running", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["quotas"] == {"queued": None, "running": 1, "disk_bytes": None}
    for wrong, told in ((["x@", "admin"], "an e-mail address"), (["ada@x.org", "king"], "viewer, operator, admin")):
        assert main(["access", "set", *wrong]) == 2
        assert told in capsys.readouterr().err


def test_the_dashboard_gets_its_doors_from_the_command(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}
    monkeypatch.setattr(server, "serve", lambda port, path, **more: asked.update(more) or 0)
    monkeypatch.setattr("distill_core.cli.dashboard._read_ahead", lambda lab: None)
    arguments = ["ui", "--no-browser", "--address", "0.0.0.0", "--sign-in", "token", "--viewer-token"]
    assert main([*arguments, "--allowed-host", "a.org", "--allowed-host", "b.org"]) == 0
    environment = asked["environment"]
    assert isinstance(environment, dict) and asked["address"] == "0.0.0.0"
    assert environment["DISTILL_SIGN_IN"] == "token" and environment["DISTILL_ALLOWED_HOSTS"] == "a.org,b.org"
    tokens = [environment["DISTILL_TOKEN"], environment["DISTILL_VIEWER_TOKEN"]]
    assert len(set(tokens)) == 2 and min(map(len, tokens)) > 40 and "DISTILL_OPERATOR_TOKEN" not in environment
    assert main(["ui", "--no-browser", "--viewer-token"]) == 1, "a second link needs sign-in"
