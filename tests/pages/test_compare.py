"""The comparison: addresses that restore it, differences only, the student alone always beside the distilled one."""

from __future__ import annotations

import time

import pytest
from streamlit.testing.v1 import AppTest

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


def test_what_is_chosen_keeps_its_name_while_time_passes(
    open_page, pair: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A browser tells choices by their names: one that is called otherwise a minute later would be lost.
    app, now = open_page(PAGE, ids=pair), time.time()
    before = app.multiselect(key="ids").options
    monkeypatch.setattr(time, "time", lambda: now + 90 * 86_400)
    app.run()
    assert app.multiselect(key="ids").options == before and app.multiselect(key="ids").value == pair


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


def pick(app: AppTest, key: str, *parts: str) -> AppTest:
    """Chooses the first option that holds each of the parts."""
    chooser = app.multiselect(key=key)
    for part in parts:
        chooser = chooser.select(next(option for option in chooser.options if part in option))
    chooser.run()
    assert not app.exception
    return app


def shown(app: AppTest) -> set[tuple[str, int]]:
    frame = app.dataframe[0].value
    return set(zip(frame["name"], frame["seed"], strict=True))


def captions(app: AppTest) -> str:
    return " ".join(caption.value for caption in app.caption).replace("\\", "")


def test_a_distilled_run_never_stands_without_the_student_alone(open_page, pair: list[str]) -> None:
    app = pick(open_page(PAGE, ids=pair[0]), "only", "T=8")
    assert shown(app) == {("distilled T=8", 0), ("distilled T=8", 1), ("alone", 0), ("alone", 1)}
    assert "4 of 9 runs. Added: “alone” with seeds 0, 1, because no distilled result" in captions(app)


def test_an_alone_that_was_chosen_is_not_called_added(open_page, pair: list[str]) -> None:
    app = pick(open_page(PAGE, ids=pair[0]), "only", "alone", "T=8")
    assert len(shown(app)) == 4 and "4 of 9 runs." in captions(app) and "Added" not in captions(app)


def test_the_control_can_stand_without_distilled_runs(open_page, pair: list[str]) -> None:
    app = pick(open_page(PAGE, ids=pair[0]), "only", "label smoothing")
    assert shown(app) == {("alone, label smoothing", 0), ("alone, label smoothing", 1)}


def test_a_seed_can_be_chosen_and_the_teacher_stays(open_page, pair: list[str]) -> None:
    app = pick(open_page(PAGE, ids=pair[0]), "seeds", "seed 1")
    assert {seed for name, seed in shown(app) if name != "teacher"} == {1}
    assert len(shown(app)) == 5 and app.query_params["seeds"] == "1"


def test_any_runs_of_any_experiments_can_be_chosen(open_page, pair: list[str]) -> None:
    app = pick(open_page(PAGE, ids=pair), "runs", "T=8 · first · seed 1", "alone · second · seed 2")
    frame = app.dataframe[0].value
    chosen = [(row.experiment, row.name, row.seed) for row in frame.itertuples()]
    assert chosen == [("first", "alone", 1), ("first", "distilled T=8", 1), ("second", "alone", 2)]


def test_the_address_restores_chosen_variants_seeds_and_runs(open_page, pair: list[str]) -> None:
    app = pick(open_page(PAGE, ids=pair), "only", "T=8")
    app = pick(pick(app, "seeds", "seed 1"), "runs", "seed 1")
    address = {name: app.query_params[name] for name in ("ids", "only", "seeds", "runs")}
    again = open_page(PAGE, **address)
    assert shown(again) == shown(app) == {("distilled T=8", 1), ("alone", 1)}
    assert again.multiselect(key="runs").value == [address["runs"]]


def test_no_filter_shows_every_run_and_says_nothing_of_it(open_page, pair: list[str]) -> None:
    app = open_page(PAGE, ids=pair, only="nothing.known", seeds="77", runs="x")
    assert not app.exception
    assert len(app.dataframe[0].value) == 9 + 7 and "of 16 runs" not in captions(app)


def test_verdicts_follow_the_variants_of_each_experiment(open_page, home: Home) -> None:
    twins = [
        build_finished_experiment(home, spec=preset_spec(seeds=2, name="twin"), created_at=1_790_000_000 + number)
        for number in range(2)
    ]
    app = open_page(PAGE, ids=twins)
    first = next(option for option in app.multiselect(key="only").options if "T=8" in option and twins[0] in option)
    app.multiselect(key="only").select(first).run()
    lines = [text.value for text in app.markdown if "95% CI" in text.value.replace("\\", "")]
    assert len(lines) == 1 and lines[0].count("distilled") == 1 and "T\\=8" in lines[0]
    assert shown(app) == {("distilled T=8", 0), ("distilled T=8", 1), ("alone", 0), ("alone", 1)}


@pytest.mark.parametrize("tab", ["Trade-off", "Confusion"])
def test_mistakes_and_conditions_come_from_the_address(open_page, pair: list[str], tab: str) -> None:
    choices = {"measured": "batch 32, 1 thread", "mistakes": "alone · second", "mistakes-seed": "seed 2"}
    app = open_page(PAGE, ids=pair, tab=tab, **choices)
    assert not app.exception
    if tab == "Trade-off":
        assert app.selectbox(key="measured").value == "batch 32, 1 thread"
    else:
        chosen = app.selectbox(key="mistakes")
        assert chosen.value == (pair[1], "baseline", "alone") and app.selectbox(key="mistakes-seed").value == "seed 2"
        assert len(chosen.options) == len(set(chosen.options)) == 5 + 3, "experiments are not mixed"


def test_many_experiments_fold_their_verdicts_and_are_cut_where_they_do_not_fit(open_page, home: Home) -> None:
    many = [
        build_finished_experiment(home, spec=preset_spec(seeds=1, name=f"number {n}"), created_at=1.79e9 + n)
        for n in range(21)
    ]
    app = open_page(PAGE, ids=many)
    assert not app.exception
    assert "first 20 experiments" in app.warning[0].value
    assert app.query_params["ids"] == many[:20] and len(app.dataframe[0].value) == 20 * 5
    assert app.expander[0].label == "Verdicts of 20 experiments"


def test_an_unknown_id_is_left_out_with_a_sentence(open_page, pair: list[str]) -> None:
    app = open_page(PAGE, ids=[pair[0], "nothing-here"])
    assert not app.exception
    assert "left out" in app.warning[0].value
    assert len(app.dataframe[0].value) == 9
