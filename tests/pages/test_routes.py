"""The lab's own routes: points of live curves, Plotly's script, refusals in JSON."""

from __future__ import annotations

import gzip
import json

import pytest
from starlette.applications import Starlette

from distill_core.folders import Home
from pages.ui.live import routes
from pages.ui.live.routes import encode, lab_routes
from pages.ui.recent import Recent
from tests.fixtures import build_finished_experiment, build_running_experiment, preset_spec
from tests.pages.asgi_client import AsgiClient


@pytest.fixture
def client(home: Home, monkeypatch: pytest.MonkeyPatch) -> AsgiClient:
    monkeypatch.setattr(routes, "_recent", Recent(fresh_seconds=0.0))
    return AsgiClient(Starlette(routes=lab_routes()))


def test_points_come_once_and_in_order(client: AsgiClient, home: Home) -> None:
    worker = build_running_experiment(home, spec=preset_spec(seeds=1))
    first = client.get(f"/lab/live/{worker.experiment_id}?since=0&runs=1").json()
    assert first["state"] == "running"
    assert len(first["points"]) == 50 + 4 * 10
    assert {run["role"] for run in first["runs"]} == {"teacher", "baseline", "student"}
    assert client.get(f"/lab/live/{worker.experiment_id}?since={first['cursor']}").json()["points"] == []
    student = worker.runs[1]
    worker.train(student, start=11, until=12)
    worker.ingest()
    later = client.get(f"/lab/live/{worker.experiment_id}?since={first['cursor']}").json()
    assert [(point[0], point[1]) for point in later["points"]] == [(student.run_id, 11), (student.run_id, 12)]
    assert "runs" not in later


def test_a_quiet_tick_is_small(client: AsgiClient, home: Home) -> None:
    worker = build_running_experiment(home, spec=preset_spec(seeds=1))
    cursor = client.get(f"/lab/live/{worker.experiment_id}").json()["cursor"]
    assert len(client.get(f"/lab/live/{worker.experiment_id}?since={cursor}").body) < 200


def test_names_arrive_escaped(client: AsgiClient, home: Home) -> None:
    data = preset_spec(seeds=1).to_json()
    data["students"][3]["name"] = "<b>bold</b> $x$"
    worker = build_running_experiment(home, spec=type(preset_spec()).model_validate(data))
    found = client.get(f"/lab/live/{worker.experiment_id}?runs=1").json()["runs"]
    names = [run["style"]["light"]["name"] for run in found]
    assert "&lt;b&gt;bold&lt;/b&gt; &#36;x&#36;" in names


@pytest.mark.parametrize("identity", ["nothing-here", "UPPER", "a_b", "a" * 65, "..", "a'b", "%C3%A9"])
def test_an_unknown_id_is_refused_in_json(client: AsgiClient, identity: str) -> None:
    answer = client.get(f"/lab/live/{identity}")
    assert answer.status == 404
    assert "error" in answer.json()


@pytest.mark.parametrize("since", ["x", "-1", "1.5", "9" * 40, ""])
def test_a_wrong_cursor_is_refused(client: AsgiClient, home: Home, since: str) -> None:
    identity = build_finished_experiment(home, spec=preset_spec(seeds=1))
    answer = client.get(f"/lab/live/{identity}?since={since}")
    assert answer.status == 400
    assert "since" in answer.json()["error"]


def test_a_failure_is_a_sentence_with_an_id(
    client: AsgiClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(routes, "_points", lambda *_, **__: broken())
    answer = client.get("/lab/live/some-id")
    assert answer.status == 500
    assert answer.json()["error_id"] in caplog.text
    assert "secret detail" not in answer.text and "secret detail" in caplog.text


def test_plotly_is_served_compressed_and_cached(client: AsgiClient) -> None:
    answer = client.get("/lab/plotly.min.js", accept_encoding="gzip")
    assert answer.headers["content-encoding"] == "gzip"
    assert "plotly.js" in answer.text[:200]
    assert "immutable" in answer.headers["cache-control"]
    again = client.get("/lab/plotly.min.js", if_none_match=answer.headers["etag"])
    assert again.status == 304 and not again.body
    plain = client.get("/lab/plotly.min.js", accept_encoding="identity")
    assert plain.text == answer.text


def test_health_answers(client: AsgiClient) -> None:
    assert client.get("/lab/health").json() == {"status": "ok"}


def test_nan_and_infinity_become_null() -> None:
    content = {"points": [["run", 1, float("nan"), 0.5, float("inf"), {"kd": float("-inf")}, False]]}
    assert json.loads(encode(content))["points"] == [["run", 1, None, 0.5, None, {"kd": None}, False]]


def test_the_script_is_packed_by_gzip() -> None:
    plain, packed, _ = routes._plotly()
    assert gzip.decompress(packed) == plain
