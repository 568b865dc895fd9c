"""The Evidence page: every panel says what it shows and what it does not, and is drawn for the tasks it fits."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from distill_core.folders import Home
from distill_core.store.store import Store
from pages.ui.evidence.panel import GROUPS, Panel, panels
from tests.fixtures import build_finished_experiment, build_running_experiment, preset_spec
from tests.task_samples import build_task_experiment
from tests.trying_samples import build_tryable_digits

PAGE = "evidence/evidence.py"
MINE = {
    "sure": ("sureness",), "figures": ("quality", "reliability"), "teacher": ("fidelity",),
    "classes": ("class-changes", "confusion-change"), "samples": ("hardest", "disagreed"),
}


def told(app: AppTest) -> str:
    parts = [*app.warning, *app.error, *app.info, *app.caption, *app.markdown]
    return "\n".join(f"{part.value} {getattr(part.proto, 'title', '')}" for part in parts).replace("\\", "")


def first_names(home: Home, identity: str, run_ids: list[str]) -> list[str]:
    named = {run.run_id: run.name for run in Store(home).experiment(identity).runs}
    return [named[run_id] for run_id in run_ids]


def charts(app: AppTest) -> int:
    return len([one for one in app.get("plotly_chart") if json.loads(one.proto.spec)["data"]])


def shown_panels(app: AppTest) -> list[str]:
    titles = {panel.title: panel.name for panel in panels()}
    return [titles[heading.value] for heading in app.header if heading.value in titles]


def test_every_panel_says_in_a_sentence_what_it_shows_and_what_not() -> None:
    found = {panel.name: panel for panel in panels()}
    for group, names in MINE.items():
        for name in names:
            panel = found[name]
            assert panel.group == group and panel.tasks
            for sentence in (panel.shows, panel.hides):
                assert sentence.endswith(".") and sentence[0].isupper() and sentence.count(". ") == 0
    assert [panel.group for panel in panels()] == sorted(
        (panel.group for panel in panels()), key=list(GROUPS).index
    ), "in the order of the groups"


def test_two_panels_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from pages.ui.evidence.panels import hardest

    panel: Panel = hardest.PANEL
    monkeypatch.setattr(hardest, "PANEL", Panel("sure", panel.title, "samples", panel.shows, panel.hides, panel.draw))
    panels.cache_clear()
    try:
        with pytest.raises(ValueError, match="sure"):
            panels()
    finally:
        monkeypatch.undo()
        panels.cache_clear()


def test_a_classification_has_all_panels_and_only_the_open_group_is_drawn(open_page, home: Home) -> None:
    identity = build_tryable_digits(home, seeds=2)
    for group, names in MINE.items():
        app = open_page(PAGE, id=identity, panel=group)
        assert not app.exception and not app.error, told(app)
        assert [name for name in shown_panels(app) if name in sum(MINE.values(), ())] == list(names)
        by_name = {panel.name: panel for panel in panels()}
        for name in names:
            assert by_name[name].shows in told(app) and by_name[name].hides in told(app)
        assert charts(app) == (0 if group == "samples" else len(names))
        if group == "figures":
            # Of two distilled students the one that was helped most, beside what belongs to it.
            assert first_names(home, identity, app.multiselect(key="reliability-of").value) == [
                "teacher", "alone", "distilled T=8",
            ]
            assert "reliability-of" not in app.query_params
        if group == "samples":
            assert first_names(home, identity, [app.selectbox(key="apart-second").value]) == ["distilled T=8"]
            assert told(app).count("True: ") == 24 and told(app).count("NLL ") == 12
            app.toggle(key="all-wrong").set_value(True).run()
            assert not app.exception and "get" in told(app)


def test_an_address_may_name_a_panel_and_an_unknown_one_opens_the_first_group(open_page, home: Home) -> None:
    identity = build_tryable_digits(home)
    app = open_page(PAGE, id=identity, panel="reliability")
    assert not app.exception and "reliability" in shown_panels(app)
    assert app.query_params["panel"] == "figures"
    app = open_page(PAGE, id=identity, panel="nonsense")
    assert not app.exception and shown_panels(app)[0] == "sureness"


def test_seeds_still_needed_stand_beside_an_inconclusive_verdict(open_page, home: Home) -> None:
    identity = build_finished_experiment(home, spec=preset_spec(seeds=1))
    app = open_page(PAGE, id=identity)
    assert not app.exception and told(app).count("One seed cannot tell how far seeds differ; start with 5.") == 3
    detail = open_page("experiments/detail.py", id=identity)
    assert not detail.exception and "start with 5" in told(detail)
    assert any(button.key == "evidence" for button in detail.button)


@pytest.mark.parametrize(("task", "groups", "left_out"), [
    ("regression", ("sure", "figures", "samples"), "Reliability"), ("tagging", tuple(MINE), ""),
])
def test_other_tasks_have_the_panels_with_a_meaning_for_them(
    open_page, home: Home, task: str, groups: tuple[str, ...], left_out: str
) -> None:
    identity = build_task_experiment(home, task)  # type: ignore[arg-type]
    for group in groups:
        app = open_page(PAGE, id=identity, panel=group)
        assert not app.exception and not app.error, told(app)
        assert shown_panels(app)
        assert (left_out in told(app)) if left_out else ("Reliability," not in told(app))
    if task == "regression":
        assert "squared error" in told(app) and "classes" not in set(app.segmented_control(key="panel").options)


def test_without_saved_answers_each_panel_says_so_and_the_others_stay(open_page, home: Home) -> None:
    identity = build_finished_experiment(home, spec=preset_spec(seeds=3))
    app = open_page(PAGE, id=identity, panel="teacher")
    assert not app.exception and len(app.error) == 1 and "saved answers" in told(app) and "run it again" in told(app)
    app = open_page(PAGE, id=identity, panel="classes")
    assert not app.exception and not app.error and charts(app) == 2


def test_where_there_is_nothing_yet_the_page_offers_the_next_step(open_page, home: Home) -> None:
    app = open_page(PAGE)
    assert not app.exception and "no experiment with a tested model" in told(app)
    missing = open_page(PAGE, id="nothing-like-it")
    assert missing.title[0].value == "Not found" and "'nothing-like-it'" in told(missing)
    identity = build_running_experiment(home)
    app = open_page(PAGE, id=identity)
    assert not app.exception
