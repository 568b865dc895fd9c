"""Files of an experiment by id and kind: what is sent, and that nothing else can be asked for."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable

import pytest
from starlette.applications import Starlette

from distill_core.access import Actor
from distill_core.artifacts import KINDS
from distill_core.bundles import Bundles
from distill_core.folders import Home
from pages.ui import artifact_routes
from pages.ui.live.routes import lab_routes
from pages.ui.session import lab
from tests.fixtures import build_finished_experiment, preset_spec
from tests.pages.asgi_client import Answer, AsgiClient

GRAPH = bytes(range(256)) * 4096


@pytest.fixture
def identity(home: Home) -> str:
    return build_finished_experiment(home, spec=preset_spec(seeds=1))


@pytest.fixture
def run_id(home: Home, identity: str) -> str:
    """An exported run, whose graph lies on the disk."""
    run = next(run for run in lab().runs([identity]) if run.onnx_path and run.role == "student")
    folder = home.experiment(identity).run(run.run_id)
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.onnx.write_bytes(GRAPH)
    return run.run_id


@pytest.fixture
def get(home: Home) -> Callable[..., Answer]:
    client = AsgiClient(Starlette(routes=lab_routes()))
    return lambda *parts, **headers: client.get("/lab/artifact/" + "/".join(parts), **headers)


def test_a_graph_is_sent_whole_and_in_parts(get: Callable[..., Answer], identity: str, run_id: str) -> None:
    answer = get(identity, run_id, "model.onnx")
    assert answer.status == 200 and answer.body == GRAPH
    assert answer.headers["content-disposition"] == f'attachment; filename="{identity}-{run_id}.onnx"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    part = get(identity, run_id, "model.onnx", range="bytes=1000-1999")
    assert part.status == 206 and part.body == GRAPH[1000:2000]
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(GRAPH)}"


def test_result_table_and_log_are_of_the_whole_experiment(
    get: Callable[..., Answer], home: Home, identity: str, run_id: str
) -> None:
    home.experiment(identity).worker_log.write_text("line one\n")
    assert get(identity, "all", "worker.log").text == "line one\n"
    result = json.loads(get(identity, "all", "result.json").body)
    assert result["experiment_id"] == identity and result["verdicts"]
    assert str(home.path) not in json.dumps(result), "the server's folders are nobody's business"
    rows = list(csv.DictReader(io.StringIO(get(identity, "all", "runs.csv").body.decode("utf-8-sig"))))
    assert {row["run_id"] for row in rows} == {run["run_id"] for run in result["runs"]}
    assert float(rows[0]["latency_p50"]) > 0
    assert not list((home.cache / "downloads").iterdir()), "what was made for a request is deleted after it"


def test_a_bundle_is_packed_on_the_disk(
    get: Callable[..., Answer], home: Home, identity: str, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def packed(self: Bundles, experiment_id: str, run: str, out: io.BufferedWriter) -> None:
        assert out.name.startswith(str(home.cache))
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("model.onnx", GRAPH)

    monkeypatch.setattr(Bundles, "pack", packed)
    answer = get(identity, run_id, "bundle.zip")
    assert answer.status == 200 and answer.headers["content-type"] == "application/zip"
    assert zipfile.ZipFile(io.BytesIO(answer.body)).read("model.onnx") == GRAPH
    assert not list((home.cache / "downloads").iterdir())


@pytest.mark.parametrize("kind", [
    "spec.json", "../spec.json", "..%2Fspec.json", "%2Fetc%2Fpasswd", "http:%2F%2Fexample.org%2Fx", "model.onnx%00", "",
    "MODEL.ONNX", "file:%2F%2F%2Fetc%2Fpasswd",
])
def test_only_known_kinds_can_be_asked_for(
    get: Callable[..., Answer], identity: str, run_id: str, kind: str
) -> None:
    answer = get(identity, run_id, kind)
    assert answer.status == 404 and b"root:" not in answer.body


def test_ids_lead_nowhere_else(get: Callable[..., Answer], identity: str, run_id: str) -> None:
    names = ("..", "%2E%2E", "..%2F..", "A", "a" * 65, "%00", "lab.sqlite", "%E2%80%AE")
    led = [
        asked for kind in KINDS for name in names for asked in ((name, run_id, kind), (identity, name, kind))
        if get(*asked).status != 404
    ]
    assert led == []


def test_a_link_out_of_the_folder_is_refused(
    get: Callable[..., Answer], home: Home, identity: str, run_id: str
) -> None:
    secret = home.path / "secret"
    secret.write_bytes(b"secret")
    graph = home.experiment(identity).run(run_id).onnx
    graph.unlink()
    graph.symlink_to(secret)
    for kind in ("model.onnx", "bundle.zip"):
        answer = get(identity, run_id, kind)
        assert answer.status == 404 and b"secret" not in answer.body
    graph.unlink()
    # The folder above it as a link leads out as well.
    elsewhere = home.path / "elsewhere"
    graph.parent.rename(elsewhere)
    graph.parent.symlink_to(elsewhere)
    (elsewhere / "model.onnx").write_bytes(b"secret")
    assert get(identity, run_id, "model.onnx").status == 404


@pytest.mark.parametrize("path", ["../../../secret", "/etc/passwd", "runs/../../../secret"])
def test_a_path_that_a_worker_claimed_cannot_lead_out(
    get: Callable[..., Answer], home: Home, identity: str, run_id: str, path: str
) -> None:
    from sqlalchemy import update

    from distill_core.store.schema import runs

    (home.path / "secret").write_bytes(b"secret")
    with lab().store._database.write() as connection:
        connection.execute(update(runs).where(runs.c.run_id == run_id).values(onnx_path=path))
    for kind in ("model.onnx", "model.safetensors", "bundle.zip"):
        assert get(identity, run_id, kind).status == 404


def test_who_may_not_look_is_refused(
    get: Callable[..., Answer], identity: str, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = Actor("eve", "viewer")
    monkeypatch.setattr(Actor, "has", lambda self, role: self.name != "eve")
    monkeypatch.setattr(artifact_routes, "lab_of", lambda request: lab().acting_as(nobody))
    assert get(identity, run_id, "model.onnx").status == 403
