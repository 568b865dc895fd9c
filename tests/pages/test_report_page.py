"""The report's page and the notes of an experiment."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from distill_core.access import Actor
from distill_core.folders import Home
from distill_core.services import Lab
from pages.ui import account, session
from tests.fixtures import build_finished_experiment, create_experiment, preset_spec

REPORT, DETAIL = "report/report.py", "experiments/detail.py"


@pytest.fixture
def identity(home: Home) -> str:
    return build_finished_experiment(home, spec=preset_spec(seeds=2))


def words(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.info, *app.error, *app.success, *app.title]
    return " ".join(str(part.value) for part in parts)


def dialog(experiment_id: str) -> None:
    from pages.ui.notes_panel import write_notes

    write_notes(experiment_id)


def test_without_an_experiment_the_page_offers_the_next_step(open_page) -> None:
    app = open_page(REPORT)
    assert not app.exception and "There is nothing to report yet." in words(app)


def test_one_that_has_no_figures_says_when_to_come_back(open_page, home: Home) -> None:
    app = open_page(REPORT, id=create_experiment(home).experiment_id)
    assert not app.exception and "Nothing has been tested yet" in words(app)
    assert not app.text_area


def test_texts_are_kept_as_they_are_written_and_survive_a_reload(open_page, home: Home, identity: str) -> None:
    app = open_page(REPORT, id=identity)
    assert not app.exception and len(app.text_area) == 2
    app.text_input(key=f"report-title-{identity}").set_value("Ship it").run()
    app.text_area(key=f"report-summary-{identity}").set_value("**Now**").run()
    assert not app.exception and "Saved." in words(app)
    kept = Lab(home).reports.draft(identity)
    assert (kept.title, kept.summary) == ("Ship it", "**Now**")
    again = open_page(REPORT, id=identity)
    assert again.text_area(key=f"report-summary-{identity}").value == "**Now**"
    (preview,) = again.get("iframe")
    assert "<h1>Ship it</h1>" in preview.proto.srcdoc and "<strong>Now</strong>" in preview.proto.srcdoc


def test_the_report_speaks_the_language_that_is_chosen(open_page, identity: str) -> None:
    app = open_page(REPORT, id=identity, **{"report-language": "zh"})
    assert not app.exception
    (preview,) = app.get("iframe")
    assert '<html lang="zh-Hans">' in preview.proto.srcdoc and "我们有多大把握" in preview.proto.srcdoc
    assert "Report" in words(app), "the page itself stays as the reader has it"


def test_whoever_may_not_change_the_experiment_reads_and_takes_the_file(
    open_page, identity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Actor("viv@example.org", "viewer")
    monkeypatch.setattr(session, "who", lambda: reader)
    monkeypatch.setattr(account, "who", lambda: reader)
    app = open_page(REPORT, id=identity)
    assert not app.exception and all(area.disabled for area in app.text_area)
    assert len(app.get("download_button")) == 2 and app.get("iframe")


def test_a_note_is_written_shown_removed_and_brought_back(open_page, home: Home, identity: str) -> None:
    app = AppTest.from_function(dialog, default_timeout=30, args=(identity,)).run()
    app.text_area(key="note-text-").set_value("The <b>third</b> seed is **odd**").run()
    app.button(key="note-save").click().run()
    assert not app.exception and not app.error
    page = open_page(DETAIL, id=identity)
    shown = " ".join(block.proto.body for block in page.get("html"))
    assert "<strong>odd</strong>" in shown and "&lt;b&gt;third" in shown
    run = next(run for run in Lab(home).experiment(identity).runs if run.name == "alone")
    app.selectbox(key="note-subject").set_value(run.run_id).run()
    app.text_area(key=f"note-text-{run.run_id}").set_value("of a run").run()
    app.button(key="note-save").click().run()
    assert set(Lab(home).notes.of(identity)) == {"", run.run_id}
    page = open_page(DETAIL, id=identity)
    assert any("Notes on runs (1)" in one.label for one in page.expander)
    # Removed from where it is written, brought back on the experiment's page.
    app.button(key="note-remove").click().run()
    assert set(Lab(home).notes.of(identity)) == {""}
    remembered = app.session_state["note-removal-remembered"]
    page.session_state["note-removal-remembered"] = remembered
    page.run()
    page.button(key="undo-note-removal").click().run()
    assert set(Lab(home).notes.of(identity)) == {"", run.run_id}


def test_a_damaged_note_leaves_the_rest_of_the_page(open_page, home: Home, identity: str) -> None:
    Lab(home).notes.write(identity, "x")
    home.experiment(identity).written("note-").write_text("{")
    app = open_page(DETAIL, id=identity)
    assert not app.exception and "cannot be read; move the file away" in words(app).replace("\\", "")
    assert app.button(key="report")
