"""The comparison: addresses that restore it, differences only, the student alone always beside the distilled one."""

from __future__ import annotations

import pytest

from distill_core.folders import Home
from tests.fixtures import build_finished_experiment, preset_spec

PAGE = "compare/runs.py"


@pytest.fixture
def pair(home: Home) -> list[str]:
    first = build_finished_experiment(home, spec=preset_spec(seeds=2, name="first"), created_at=1_790_000_000)
    changed = preset_spec("digits-unlabelled", seeds=3, name="second")
    return [first, build_finished_experiment(home, spec=changed, created_at=1_790_010_000)]


def test_nothing_to_compare_leads_to_the_experiments(open_page) -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert "nothing to compare" in app.info[0].value


def test_the_address_restores_the_choice(open_page, pair: list[str]) -> None:
    app = open_page(PAGE, ids=pair)
    assert not app.exception
    frame = app.dataframe[0].value
    assert set(frame["experiment"]) == {"first", "second"}
    assert len(frame) == 9 + 7


def test_choosing_another_changes_the_address(open_page, pair: list[str]) -> None:
    app = open_page(PAGE, ids=pair[0])
    app.multiselect(key="ids").set_value(pair).run()
    assert not app.exception
    assert app.query_params["ids"] == pair


@pytest.mark.parametrize("tab", ["Runs", "Trade-off", "Per class", "Confusion", "Differences"])
def test_every_tab_opens_from_its_address(open_page, pair: list[str], tab: str) -> None:
    app = open_page(PAGE, ids=pair, tab=tab)
    assert not app.exception
    assert not app.error


def test_only_differing_settings_are_shown(open_page, pair: list[str]) -> None:
    app = open_page(PAGE, ids=pair, tab="Differences")
    settings = list(app.dataframe[0].value["setting"])
    assert "seeds" in settings and "data.teacher_labels" in settings
    assert "data.dataset.name" not in settings and "name" not in settings


def test_a_distilled_run_never_stands_without_the_student_alone(open_page, pair: list[str]) -> None:
    app = open_page(PAGE, ids=pair[0])
    chooser = app.multiselect(key="only")
    distilled = next(option for option in chooser.options if "T=8" in option)
    chooser.select(distilled).run()
    assert not app.exception
    frame = app.dataframe[0].value
    assert set(frame["name"]) == {"alone", "alone, label smoothing", "distilled T=8"}


def test_an_unknown_id_is_left_out_with_a_sentence(open_page, pair: list[str]) -> None:
    app = open_page(PAGE, ids=[pair[0], "nothing-here"])
    assert not app.exception
    assert "left out" in app.warning[0].value
    assert len(app.dataframe[0].value) == 9
