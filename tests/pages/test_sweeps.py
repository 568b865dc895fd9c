"""The pages of sweeps: list, one sweep live and ended, its trials; a fake service tells what there is."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from distill_core.errors import DamagedFile
from distill_core.events import Noted
from distill_core.folders import Home
from distill_core.services import Lab
from distill_core.sweep_rows import SweepResults
from distill_core.sweeping import Sweeps
from pages.sweeps.table import csv_of
from pages.ui.live.routes import lab_routes
from pages.ui.live_figure.component import trial_of
from pages.ui.live_figure.wanted import Wanted
from tests.fixtures import build_finished_experiment, preset_spec
from tests.pages.asgi_client import AsgiClient
from tests.pages.fake_sweeps import FakeSweeps
from tests.store_samples import write_events
from tests.told_sweeps import map_results, map_spec, results_of, search_results, trial

LIST, SWEEP, FORM = "sweeps/sweeps.py", "sweeps/sweep.py", "experiments/design.py"


@pytest.fixture
def sweeps(home: Home, monkeypatch: pytest.MonkeyPatch) -> FakeSweeps:
    """A finished map and a search, whose one experiment is there."""
    build_finished_experiment(home, spec=preset_spec(seeds=2), experiment_id="round-one")
    fake = FakeSweeps({one.row.sweep_id: one for one in (map_results(), search_results())})
    monkeypatch.setattr(Lab, "sweeps", property(lambda self: fake, lambda self, value: None), raising=False)
    return fake


@pytest.fixture
def routes() -> AsgiClient:
    return AsgiClient(Starlette(routes=lab_routes()))


def told(app: AppTest) -> str:
    parts = [*app.title, *app.header, *app.info, *app.warning, *app.error, *app.caption, *app.markdown]
    return " ".join(part.value for part in parts).replace("\\", "").replace("\u2060", "")


def metrics(app: AppTest) -> dict[str, str]:
    return {one.label: one.value for one in app.metric}


def test_the_fake_service_takes_what_the_real_one_takes() -> None:
    for name, fake in inspect.getmembers(FakeSweeps, inspect.isfunction):
        if not name.startswith("_"):
            told, real = (inspect.signature(one).parameters for one in (fake, getattr(Sweeps, name)))
            assert [(one.name, one.kind, one.default) for one in told.values()] == [
                (one.name, one.kind, one.default) for one in real.values()
            ], name


def test_without_a_sweep_the_list_tells_what_one_is_for(open_page, sweeps: FakeSweeps) -> None:
    sweeps.held.clear()
    app = open_page(LIST)
    assert not app.exception and "the whole map as it fills" in told(app) and "25 cells." in told(app)
    app.button(key="new-sweep").click().run()
    assert not app.exception and app.title[0].value == "New sweep"


def test_the_list_has_every_sweep_and_deleting_can_be_undone(open_page, sweeps: FakeSweeps) -> None:
    app = open_page(LIST)
    assert not app.exception and "Temperature × Share learnt from the teacher · Grid · 25 of 25 trials" in told(app)
    app = open_page(SWEEP, id="map-one")
    app.button(key="delete").click().run()
    assert ("delete", "map-one") in sweeps.calls and app.title[0].value == "Sweeps"
    app.button(key="undo-sweep-delete").click().run()
    assert not app.exception and "map-one" in sweeps.held
    app = open_page(LIST)
    app.text_input(key="q").set_value("no such").run()
    assert not app.exception and "No sweep fits" in told(app)


def test_a_list_whose_page_shows_none_that_runs_stands_still(open_page, sweeps: FakeSweeps) -> None:
    sweeps.held["map-one"] = map_results(done=10, state="running")
    app = open_page(LIST)
    assert not app.exception and "10 of 25 trials" in told(app)
    app.text_input(key="q").set_value("small").run()
    assert not app.exception and "24 of 24 trials" in told(app) and "10 of 25" not in told(app)


def test_a_sweep_whose_experiment_is_gone_or_not_made_yet_is_shown(open_page, sweeps: FakeSweeps) -> None:
    results = sweeps.held["map-one"]
    row = replace(results.row, experiment_ids=("round-one", "not-there"))
    sweeps.held["map-one"] = replace(results, row=row)
    app = open_page(SWEEP, id="map-one")
    assert not app.exception and metrics(app)["Trials"] == "25 of 25" and len(app.dataframe[0].value) == 25


def test_a_deleted_sweep_says_so_and_comes_back(open_page, sweeps: FakeSweeps) -> None:
    results = sweeps.held["map-one"]
    sweeps.held["map-one"] = replace(results, row=replace(results.row, deleted=True, deleted_at=1.0))
    sweeps.hidden = results
    app = open_page(SWEEP, id="map-one")
    assert not app.exception and "This sweep is in the trash" in told(app)
    assert not [one for one in app.button if one.key in ("same", "delete", "stop")]
    app.button(key="restore").click().run()
    assert not app.exception and "is in the trash" not in told(app) and app.button(key="same")


def test_a_damaged_sweep_says_so_under_its_name(
    open_page, sweeps: FakeSweeps, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(sweep_id: str) -> SweepResults:
        raise DamagedFile(f"Trial 2 of sweep {sweep_id} cannot be read.")

    monkeypatch.setattr(sweeps, "results", damaged)
    app = open_page(SWEEP, id="map-one")
    assert not app.exception and "Trial 2 of sweep map-one cannot be read." in told(app)
    assert app.title[0].value and app.button(key="same")


def test_what_rounds_tell_alike_stands_once_with_the_newest_figures(open_page, sweeps: FakeSweeps, home: Home) -> None:
    build_finished_experiment(home, spec=preset_spec(seeds=2), experiment_id="round-two")
    for experiment, error in (("round-one", 0.01), ("round-two", 2e-05)):
        texts = ("They train one by one: a reason.", f"The logits differ by up to {error}.")
        write_events(home, experiment, *(Noted(at=1.0, text=text) for text in texts))
        Lab(home).store.ingest(experiment)
    results = sweeps.held["map-one"]
    row = replace(results.row, experiment_ids=("round-one", "round-two"))
    sweeps.held["map-one"] = replace(results, row=row)
    page = told(open_page(SWEEP, id="map-one"))
    assert page.count("They train one by one") == page.count("The logits differ by up to") == 1
    assert "by up to 2e-05." in page


def test_a_finished_sweep_tells_its_best_and_how_sure_that_is(open_page, sweeps: FakeSweeps) -> None:
    app = open_page(SWEEP, id="map-one")
    results = sweeps.held["map-one"]
    best = results.trials[results.best or 0]
    assert not app.exception and metrics(app)["Trials"] == "25 of 25" and "Time left" not in metrics(app)
    assert f"Trial {best.number + 1}: temperature {best.values['temperature']:g}" in told(app).replace("*", "")
    assert "of 24 other trials cannot be told from it" in told(app) and "partly lucky" in told(app)
    assert len(app.dataframe[0].value) == 25 and app.button(key="best-fresh")
    assert not [one for one in app.button if one.key == "stop"]


def test_a_trial_is_opened_by_the_address_and_leads_to_an_experiment_of_its_own(
    open_page, sweeps: FakeSweeps
) -> None:
    app = open_page(SWEEP, id="map-one", trial="7")
    assert not app.exception and app.selectbox(key="trial").value == 6
    assert list(app.table[0].value.index) == ["0", "1", "2", "3", "4"]
    app.selectbox(key="trial").set_value(2).run()
    assert app.query_params["trial"] == "3" and "Trial 3" in told(app)
    app.button(key="trial-new").click().run()
    assert not app.exception and ("cell", "map-one", 2) in sweeps.calls
    assert "Trial 3 of the sweep Digits: a temperature map" in told(app) and "runs are reused" in told(app)


def test_confirming_the_best_takes_seeds_that_chose_nothing(open_page, sweeps: FakeSweeps) -> None:
    app = open_page(SWEEP, id="map-one")
    app.button(key="best-fresh").click().run()
    assert not app.exception and "seeds that chose nothing" in told(app)
    seeds = next(one for one in app.text_input if one.label == "Seeds")
    assert seeds.value == "5-9"


def test_a_sweep_under_way_follows_and_stops(open_page, sweeps: FakeSweeps) -> None:
    sweeps.held["map-one"] = map_results(done=10, state="running")
    app = open_page(SWEEP, id="map-one", trial="1")
    assert not app.exception and metrics(app)["Trials"] == "10 of 25" and "Time left" in metrics(app)
    assert "1 training, 10 finished" in app.get("progress")[0].proto.text and "Best so far" in told(app)
    app.button(key="stop").click().run()
    assert ("stop", "map-one") in sweeps.calls
    sweeps.held["map-one"] = map_results(done=12, state="stopped")
    app.run()
    assert not app.exception and metrics(app)["Trials"] == "25 of 25" and "Best trial" in told(app)
    app.button(key="resume").click().run()
    assert ("resume", "map-one") in sweeps.calls


def test_a_finished_sweep_is_resumed_where_a_round_of_it_failed(open_page, sweeps: FakeSweeps) -> None:
    app = open_page(SWEEP, id="map-one")
    assert not app.exception and "resume" not in [one.key for one in app.button]
    held = sweeps.held["map-one"]
    sweeps.held["map-one"] = replace(held, row=replace(held.row, broken_off=(1,)))
    app.run()
    assert "1 of its experiments failed or was stopped. Resume trains what is missing." in told(app)
    app.button(key="resume").click().run()
    assert ("resume", "map-one") in sweeps.calls


def test_points_are_added_as_they_were_typed(open_page, sweeps: FakeSweeps) -> None:
    app = open_page(SWEEP, id="map-one")
    app.text_input(key="more-temperature-map-one").set_value("3, 6 x")
    app.text_input(key="more-seeds-map-one").set_value("5-7").run()
    app.button(key="extend-go").click().run()
    assert ("extend", "map-one", {"temperature": [3.0, 6.0, "x"]}, 0, [5, 6, 7]) in sweeps.calls
    app = open_page(SWEEP, id="search-one")
    app.number_input(key="more-trials-search-one").set_value(8).run()
    app.button(key="extend-go").click().run()
    assert ("extend", "search-one", None, 8, []) in sweeps.calls


@pytest.mark.parametrize("view", ["All settings", "Trade-off", "Best so far", "Importance"])
def test_every_view_can_be_opened_by_its_address(open_page, sweeps: FakeSweeps, view: str) -> None:
    app = open_page(SWEEP, id="search-one", view=view)
    assert not app.exception and not app.error and app.query_params["view"] == view
    if view == "Importance":
        assert "24 trials" in told(app)
        sweeps.few_trials = True
        assert "at least 4 trials" in told(app.run())


def test_the_map_offers_its_axes_and_the_values_of_the_others(open_page, sweeps: FakeSweeps) -> None:
    axes = [
        {"field": "temperature", "values": [1.0, 4.0]}, {"field": "teacher_share", "values": [0.5, 1.0]},
        {"field": "start", "values": ["random", "teacher"]},
    ]
    trials = [trial(0, {"temperature": 1.0, "teacher_share": 0.5, "start": "random"})]
    sweeps.held["map-one"] = results_of(map_spec(axes=axes), trials)
    app = open_page(SWEEP, id="map-one", x="start", figure="gain")
    assert not app.exception and app.selectbox(key="x").value == "start" and app.selectbox(key="figure").value == "gain"
    assert app.selectbox(key="y").value == "temperature"
    app.selectbox(key="at-teacher_share").set_value("1.0").run()
    assert not app.exception and app.query_params["at-teacher_share"] == "1.0"


def test_an_unknown_sweep_or_none_is_a_sentence(open_page, sweeps: FakeSweeps) -> None:
    app = open_page(SWEEP, id="none")
    assert not app.exception and "There is no sweep 'none'." in told(app)
    assert "names no sweep" in told(open_page(SWEEP))
    assert "There is no trial" in told(open_page(FORM, sweep="map-one", trial="99"))


def test_an_experiment_leads_to_its_sweep_and_to_a_new_one(open_page, sweeps: FakeSweeps) -> None:
    app = open_page("experiments/detail.py", id="round-one")
    links = [one.proto.label for one in app.get("page_link")]
    assert not app.exception and "The sweep it belongs to" in links
    app.button(key="sweep-this").click().run()
    assert not app.exception and app.title[0].value == "New sweep" and app.query_params["experiment"] == "round-one"


def test_csv_has_every_figure_and_no_formula(sweeps: FakeSweeps) -> None:
    evil = replace(search_results(), trials=(
        trial(0, {"temperature": 2.0, "student": "=HYPERLINK(1)"}, state="failed", seeds=0, reason="+cmd"),
    ))
    lines = csv_of(evil).decode().splitlines()
    assert "validation_low" in lines[0] and "'=HYPERLINK(1)" in lines[1] and "'+cmd" in lines[1]
    assert csv_of(map_results()).decode().count("\n") == 26


def test_a_press_names_a_trial_or_nothing() -> None:
    assert [trial_of(said) for said in ({"cell": 3}, {"cell": 4.0})] == [3, 4]
    assert {trial_of(said) for said in (None, {}, {"cell": True}, {"cell": -1}, {"cell": "3"}, {"cell": 1.5})} == {None}


def test_an_address_tells_the_figure_and_nothing_else() -> None:
    wanted = Wanted("map", x="temperature", y="start", figure="gain", fixed={"student": {"name": "mlp", "params": {}}})
    assert Wanted.of_query(dict(parse_qsl(wanted.query()))) == wanted
    for strange in ({"show": "all"}, {"x": "secret"}, {"figure": "nll"}, {"fixed": "[1]"}, {"fixed": '{"a":1}'}):
        assert Wanted.of_query(strange) is None


def test_the_route_answers_only_what_is_new(routes: AsgiClient, sweeps: FakeSweeps) -> None:
    address = "/lab/sweep/map-one?show=map&x=temperature&y=teacher_share"
    first = routes.get(address, accept_encoding="gzip")
    found = first.json()
    assert first.status == 200 and found["version"] == "v1" and not found["moving"] and len(first.body) < 10_000
    assert "Trial 1<" in json.dumps(found["figure"]) and routes.get(address).json() == found
    assert "试验 1<" in json.dumps(routes.get(f"{address}&lang=zh").json(), ensure_ascii=False)
    same = routes.get(f"{address}&since=v1")
    assert (same.status, same.body) == (204, b"")
    sweeps.held["map-one"], sweeps.version_number = map_results(done=3, state="running"), 2
    later = routes.get(f"{address}&since=v1&theme=dark").json()
    assert later["version"] == "v2" and later["moving"] and later["figure"] != found["figure"]
    for wrong, status in (("none?show=map", 404), ("A_B?show=map", 404), ("map-one?theme=pink", 400), (
        "map-one?show=secret", 400
    )):
        assert routes.get(f"/lab/sweep/{wrong}").status == status


def test_hostile_names_and_chinese(open_page, sweeps: FakeSweeps) -> None:
    evil = map_results()
    sweeps.held["map-one"] = replace(evil, row=replace(evil.row, name="**bold** :red[x] <img src=x>", reason=""))
    app = open_page(SWEEP, id="map-one", lang="zh")
    raw = " ".join(part.value for part in [*app.title, *app.markdown])
    assert not app.exception and "**bold**" not in raw and "最佳试验" in told(app) and "温度" in told(app)
