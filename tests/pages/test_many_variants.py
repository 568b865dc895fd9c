"""Pages of an experiment with 26 students: what is shown at once, what is a press away, and what the form keeps."""

from __future__ import annotations

import json
import random
import zlib

import pytest
from starlette.applications import Starlette

from distill_core.folders import Home
from distill_core.store.store import Store
from pages.ui.live import routes
from pages.ui.live.routes import encode, lab_routes
from pages.ui.recent import Recent
from tests.fixtures import build_finished_experiment, preset_spec
from tests.map_samples import build_map_experiment
from tests.pages.asgi_client import AsgiClient
from tests.pages.design_form import PAGE as DESIGN
from tests.pages.design_form import field

PAGE = "experiments/detail.py"


@pytest.fixture
def identity(home: Home) -> str:
    return build_map_experiment(home, seeds=2, epochs=6)


def test_three_verdicts_are_told_and_the_others_folded(open_page, identity: str) -> None:
    app = open_page(PAGE, id=identity)
    assert not app.exception
    boxes = [*app.success, *app.warning, *app.error]
    assert len(boxes) == 3 and "T=4, teacher 70%" in boxes[0].value.replace("\\", "")
    assert "25 students judged:" in next(one.value for one in app.markdown if "judged" in one.value)
    app.session_state["more-verdicts"] = True
    (folded,) = [one.value for one in app.run().markdown if one.value.count("alone") == 22]
    assert folded.count("badge[") == 22


def test_the_table_has_a_row_a_variant_and_the_runs_for_whoever_asks(open_page, identity: str) -> None:
    app = open_page(PAGE, id=identity)
    frame = app.dataframe[0].value
    assert len(frame) == 27 and list(frame["seeds"][:3]) == [1, 2, 2]
    best = frame[frame["name"] == "T=4, teacher 70%"].iloc[0]
    alone = frame[frame["name"] == "alone"].iloc[0]
    assert best["gain"] == pytest.approx(best["score"] - alone["score"])
    assert frame["validation"].between(60, 100).all() and frame["validation"].nunique() > 20
    app = open_page(PAGE, id=identity, rows="Runs")
    assert len(app.dataframe[0].value) == 1 + 26 * 2


def test_few_runs_are_all_shown_at_once(open_page, home: Home) -> None:
    app = open_page(PAGE, id=build_finished_experiment(home, spec=preset_spec(seeds=2)))
    assert len(app.dataframe[0].value) == 9 and len([*app.success, *app.warning, *app.error]) == 2


def test_the_form_draws_the_open_students_and_keeps_what_was_typed(open_page, home: Home, identity: str) -> None:
    app = open_page(DESIGN, **{"from": identity})
    assert not app.exception
    with pytest.raises(AssertionError, match="no field"):
        field(app, "students.3.name")
    fold = next(key for key in ("field-1-fold-3-", "field-2-fold-3-") if key in app.session_state)
    app.session_state[fold] = True
    app.run()
    field(app, "students.3.name").set_value("renamed").run()
    app.session_state[fold] = False
    app.run()
    # Once more, for the fold's label now has the new name.
    app.run()
    with pytest.raises(AssertionError, match="no field"):
        field(app, "students.3.name")
    app.session_state[fold] = True
    app.run()
    assert field(app, "students.3.name").value == "renamed"
    app.session_state[fold] = False
    app.run()
    app.button(key="start").click().run()
    newest = Store(home).experiments()[0]
    assert newest.students[3] == "renamed" and len(newest.students) == 26


def test_a_fault_in_a_closed_fold_is_told_below_it(open_page, identity: str) -> None:
    app = open_page(DESIGN, **{"from": identity})
    fold = next(key for key in ("field-1-fold-4-", "field-2-fold-4-") if key in app.session_state)
    app.session_state[fold] = True
    app.run()
    field(app, "students.4.terms.0.weight").set_value(-1.0).run()
    app.session_state[fold] = False
    app.run()
    assert any("at least 0" in str(one.value) for one in app.markdown if ":red[" in str(one.value))


class TestAnswers:
    """Of the live curves."""

    @pytest.fixture
    def client(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> AsgiClient:
        monkeypatch.setattr(routes, "_recent", Recent(fresh_seconds=0.0))
        return AsgiClient(Starlette(routes=lab_routes()))

    def test_eight_variants_lead(self, client: AsgiClient, identity: str) -> None:
        runs = client.get(f"/lab/live/{identity}?since=0&runs=1").json()["runs"]
        groups = {run["style"]["light"]["group"]: run["leads"] for run in runs}
        assert len(groups) == 27 and sum(groups.values()) == 8
        names = {run["style"]["light"]["name"] for run in runs if run["leads"]}
        assert {"teacher", "alone", "T=4, teacher 70%"} < names

    def test_shares_are_told_to_whoever_asks_and_only_of_several_terms(
        self, client: AsgiClient, identity: str
    ) -> None:
        usual = client.get(f"/lab/live/{identity}?since=0").json()["points"]
        asked = client.get(f"/lab/live/{identity}?since=0&shares=1").json()["points"]
        assert not any(point[5] for point in usual) and [point[:5] for point in usual] == [point[:5] for point in asked]
        assert {len(point[5]) for point in asked} == {0, 2}

    def test_figures_are_as_long_as_the_charts_show_them(self, client: AsgiClient, identity: str) -> None:
        for point in client.get(f"/lab/live/{identity}?since=0&shares=1").json()["points"]:
            assert all(len(f"{value:g}".replace(".", "").lstrip("0")) <= 4 for value in point[2:5])

    def test_many_points_come_in_several_answers(
        self, client: AsgiClient, identity: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = client.get(f"/lab/live/{identity}?since=0").json()
        assert whole["more"] is False
        monkeypatch.setattr(routes, "MOST_POINTS", 300)
        found, cursor, more = [], 0, True
        while more:
            answer = client.get(f"/lab/live/{identity}?since={cursor}").json()
            found, cursor, more = [*found, *answer["points"]], answer["cursor"], answer["more"]
        assert found == whole["points"] and cursor == whole["cursor"]

    @pytest.mark.parametrize(
        ("most", "with_shares"), [(routes.MOST_POINTS, False), (routes.MOST_WITH_SHARES, True)]
    )
    def test_the_largest_answer_is_under_sixty_kilobytes(self, most: int, with_shares: bool) -> None:
        """Of figures that are all noise: those of real trainings pack better."""
        noise = random.Random(5)
        ids = [f"{noise.getrandbits(64):016x}" for _ in range(26)]
        points = [
            routes._short(
                [ids[number % 26], number // 26, noise.lognormvariate(0, 1), noise.random(), noise.lognormvariate(0, 1),
                 {"cross-entropy": noise.random(), "kd": noise.random()}, noise.random() < 0.1, {}],
                with_shares=with_shares,
            )
            for number in range(most)
        ]
        body = encode({"state": "running", "cursor": 9_999_999, "points": points, "more": True})
        assert bool(json.loads(body)["points"][7][5]) == with_shares and len(zlib.compress(body, 6)) < 60_000
