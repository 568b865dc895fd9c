"""Reports and notes as files: who may write them, what is kept, and what is in a zip file."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from distill_core.access import Actor, NotAllowed
from distill_core.cli import main
from distill_core.errors import Conflict, NotFound, UnknownName
from distill_core.folders import Home
from distill_core.jobs.catalogue import code_version
from distill_core.notes import LONGEST, NotesUnusable
from distill_core.planned import digest
from distill_core.report import pictures
from distill_core.reports import Draft, DraftUnusable
from distill_core.services import Lab
from distill_core.store.store import Store
from tests.fixtures import FakeWorker, preset_spec

ANN, BOB = Actor("ann@example.org", "operator"), Actor("bob@example.org", "operator")
READER, ADMIN = Actor("viv@example.org", "viewer"), Actor("root@example.org", "admin")
IDENTITY = digest("reported")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, described: Path) -> Path:
    """A home with a finished experiment of Ann's, and the catalogue."""
    home = Home(tmp_path_factory.mktemp("built") / "home")
    store, spec = Store(home), preset_spec(seeds=2)
    store.create(spec, experiment_id=IDENTITY, created_at=1.0, owner=ANN.name)
    FakeWorker(store=store, experiment_id=IDENTITY, spec=spec).complete()
    home.cache.mkdir(exist_ok=True)
    home.catalogue(code_version()).write_bytes(described.read_bytes())
    return home.path


@pytest.fixture
def lab(tmp_path: Path, built: Path) -> Lab:
    shutil.copytree(built, tmp_path / "home")
    return Lab(Home(tmp_path / "home"), clock=lambda: 1_800_000_000.0)


def test_a_draft_is_kept_and_stands_in_the_report(lab: Lab) -> None:
    draft = Draft("Ship it", "**Now**", "- ask Bob")
    lab.acting_as(ANN).reports.write_draft(IDENTITY, draft)
    again = Lab(lab.home).acting_as(READER)
    assert again.reports.draft(IDENTITY) == draft
    made = again.reports.make(IDENTITY)
    page = made.content.decode()
    assert (made.name, made.media_type) == (f"report-{IDENTITY}.html", "text/html")
    assert "<h1>Ship it</h1>" in page and "<strong>Now</strong>" in page and "<li>ask Bob</li>" in page
    assert len(made.content) < 6_000_000
    lab.acting_as(ANN).reports.write_draft(IDENTITY, draft)
    told = [(entry.actor, entry.action, entry.subject, entry.detail) for entry in lab.audit.newest()]
    assert told == [(ANN.name, "report", IDENTITY, "Draft saved.")], "saved once, for the second time nothing changed"


def test_only_the_owner_and_admins_write(lab: Lab) -> None:
    for actor in (BOB, READER):
        with pytest.raises(NotAllowed):
            lab.acting_as(actor).reports.write_draft(IDENTITY, Draft("mine"))
        with pytest.raises(NotAllowed):
            lab.acting_as(actor).notes.write(IDENTITY, "mine")
        with pytest.raises(NotAllowed):
            lab.acting_as(actor).notes.remove(IDENTITY)
    assert lab.reports.draft(IDENTITY) == Draft() and lab.notes.of(IDENTITY) == {}
    lab.acting_as(ADMIN).notes.write(IDENTITY, "seen")
    assert lab.acting_as(READER).notes.of(IDENTITY)[""].by == ADMIN.name


def test_what_is_too_long_is_refused_and_the_rest_stays(lab: Lab) -> None:
    lab.notes.write(IDENTITY, "short")
    lab.reports.write_draft(IDENTITY, Draft("short"))
    with pytest.raises(Conflict, match=r"20,001 characters; allowed: 20,000"):
        lab.notes.write(IDENTITY, "x" * (LONGEST + 1))
    with pytest.raises(Conflict, match=r"The title has 121 characters; allowed: 120"):
        lab.reports.write_draft(IDENTITY, Draft("x" * 121))
    with pytest.raises(Conflict, match=r"A text of the report has 20,001 characters"):
        lab.reports.write_draft(IDENTITY, Draft(notes="x" * 20_001))
    assert lab.notes.of(IDENTITY)[""].text == "short" and lab.reports.draft(IDENTITY).title == "short"


def test_notes_are_read_removed_and_brought_back(lab: Lab) -> None:
    run = next(run for run in lab.experiment(IDENTITY).runs if run.name == "alone")
    lab.notes.write(IDENTITY, "of it *all*")
    lab.notes.write(IDENTITY, "of one", run_id=run.run_id)
    page = lab.reports.make(IDENTITY).content.decode()
    assert "<em>all</em>" in page and f"On {run.label}" in page and "of one" in page
    lab.notes.remove(IDENTITY)
    assert set(lab.notes.of(IDENTITY)) == {run.run_id}
    assert "<em>all</em>" not in lab.reports.make(IDENTITY).content.decode()
    lab.notes.restore(IDENTITY)
    assert lab.notes.of(IDENTITY)[""].text == "of it *all*"
    # An empty text is a removal, which can be undone as well.
    lab.notes.write(IDENTITY, "  ")
    assert "" not in lab.notes.of(IDENTITY)
    with pytest.raises(NotFound, match="no run"):
        lab.notes.write(IDENTITY, "x", run_id="../../etc")
    with pytest.raises(NotFound):
        lab.notes.of("unknown")
    lab.notes.write(IDENTITY, "")
    told = [(entry.action, entry.detail) for entry in reversed(lab.audit.newest())]
    assert told == [
        ("note", ""), ("note", run.run_id), ("note", "removed"), ("note", "brought back"), ("note", "removed"),
    ], "what was gone already is not removed again"


def test_a_damaged_file_is_told_and_not_written_over(lab: Lab) -> None:
    folder = lab.home.experiment(IDENTITY)
    lab.notes.write(IDENTITY, "kept")
    lab.reports.write_draft(IDENTITY, Draft("kept"))
    for what, error, ask in (
        ("note-", NotesUnusable, lambda: lab.notes.of(IDENTITY)),
        ("report", DraftUnusable, lambda: lab.reports.draft(IDENTITY)),
    ):
        folder.written(what).write_text('{"half":')
        with pytest.raises(error, match="cannot be read; move the file away"):
            ask()
        assert folder.written(what).read_text() == '{"half":'


def test_a_zip_file_has_the_text_and_real_pictures(lab: Lab) -> None:
    made = lab.reports.make(IDENTITY, format="zip", language="zh")
    assert made.name == f"report-{IDENTITY}-zh.zip" and made.lacks == ""
    packed = zipfile.ZipFile(io.BytesIO(made.content))
    assert packed.testzip() is None
    text = packed.read("report.md").decode()
    named = {f"pictures/{key}.png" for key in ("trade-off", "classes", "gains", "curves")}
    assert set(packed.namelist()) == {"report.md", "spec.json", *named}
    assert all(f"]({name})" in text for name in named) and "## 我们有多大把握" in text
    assert json.loads(packed.read("spec.json"))["seeds"] == [0, 1]
    for name in named:
        picture = Image.open(io.BytesIO(packed.read(name))).convert("RGB")
        colours = picture.getcolors(maxcolors=1_000_000) or []
        assert picture.width == pictures.WIDTH_PX and picture.height > 300
        paper = max(count for count, _ in colours)
        assert 0.5 < paper / (picture.width * picture.height) < 0.995 and len(colours) > 20
    # The same at the same time, to the byte.
    assert lab.reports.make(IDENTITY, format="zip", language="zh").content == made.content


def test_chinese_is_drawn_and_a_machine_that_cannot_says_so(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pictures.draws("损失") and lab.reports.has_fonts("zh")
    monkeypatch.setattr(pictures, "_has_font", lambda character: character == "A")
    made = lab.reports.make(IDENTITY, format="zip", language="zh")
    assert "fonts-noto-cjk" in made.lacks and not lab.reports.has_fonts("zh") and lab.reports.has_fonts("en")
    assert "noto" in zipfile.ZipFile(io.BytesIO(made.content)).read("report.md").decode()
    assert lab.reports.make(IDENTITY, format="zip").lacks == ""


def test_the_command_writes_a_file_and_refuses_in_words(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DISTILL_HOME", str(lab.home.path))
    monkeypatch.chdir(tmp_path)
    assert main(["report", IDENTITY[:6]]) == 0
    assert b"How sure we are" in (tmp_path / f"report-{IDENTITY}.html").read_bytes()
    assert main(["report", IDENTITY, "--language", "zh-CN", "--output", "r.html", "--json"]) == 0
    assert "我们有多大把握".encode() in (tmp_path / "r.html").read_bytes()
    told = json.loads(capsys.readouterr().out.split("\n", 1)[1])
    assert told["path"] == str(tmp_path / "r.html") and told["bytes"] == (tmp_path / "r.html").stat().st_size
    assert main(["report", IDENTITY, "--format", "pdf"]) == 2
    assert "no format of a report named 'pdf'; known: html, zip." in capsys.readouterr().err
    assert main(["report", IDENTITY, "--language", "fr"]) == 2
    assert main(["report", IDENTITY, "--output", "nowhere/r.html"]) == 1
    assert "is not there; make it first" in capsys.readouterr().err
    assert main(["report", "zzzz"]) == 2
    with pytest.raises(UnknownName):
        lab.reports.make(IDENTITY, format="docx")
