"""The route that files come by: refusals, and a body that no process holds in memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.applications import Starlette

from distill_core.access import Actor
from distill_core.folders import Home
from pages.ui.bringing import routes as upload_routes
from pages.ui.live.routes import lab_routes
from pages.ui.session import lab
from tests.pages.asgi_client import AsgiClient

ROOT = Path(__file__).parents[2]
ADDRESS = "/lab/upload"


@pytest.fixture
def client(home: Home) -> AsgiClient:
    return AsgiClient(Starlette(routes=lab_routes()))


def headers(name: str = "a.csv", **more: str) -> dict[str, str]:
    return {"x_upload_pass": lab().uploads.pass_for("data"), "x_file_name": quote(name), "host": "lab:8501"} | more


def kept(home: Home) -> list[Path]:
    return sorted(home.uploads.iterdir()) if home.uploads.exists() else []


def test_a_file_is_on_the_disk_and_its_id_is_told(client: AsgiClient, home: Home) -> None:
    answer = client.post(ADDRESS, [b"a,b\n", b"1,2\n"], **headers("mein größtes.csv"))
    assert answer.status == 200
    found = lab().uploads.get(answer.json()["id"])
    assert found.path.read_bytes() == b"a,b\n1,2\n" and found.file_name == "mein größtes.csv"
    assert answer.json() == {"id": found.upload_id, "name": "mein größtes.csv", "size": 8}


@pytest.mark.parametrize("wrong", [
    {"x_upload_pass": "data.9999999999.0"}, {"x_upload_pass": ""}, {"origin": "http://evil.example"},
    {"origin": "null"}, {"origin": "http://lab:9999"}, {"sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "same-site"},
])
def test_another_site_can_bring_nothing(client: AsgiClient, home: Home, wrong: dict[str, str]) -> None:
    answer = client.post(ADDRESS, [b"x"], **(headers() | wrong))
    assert answer.status == 403 and "error" in answer.json()
    assert not kept(home)


def test_its_own_site_is_let_in(client: AsgiClient) -> None:
    answer = client.post(ADDRESS, [b"x"], **headers(origin="http://lab:8501", sec_fetch_site="same-origin"))
    assert answer.status == 200


def test_a_viewer_is_refused(client: AsgiClient, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    told = headers()
    monkeypatch.setattr(upload_routes, "lab_of", lambda request: lab().acting_as(Actor("v", "viewer")))
    assert client.post(ADDRESS, [b"x"], **told).status == 403
    assert not kept(home)


def test_who_leaves_half_way_leaves_nothing(client: AsgiClient, home: Home) -> None:
    client.post(ADDRESS, [b"x" * 2_000_000], breaks_off=True, **headers())
    assert not kept(home)


def test_a_wrong_ending_and_too_long_a_file_are_told_before_they_come(client: AsgiClient, home: Home) -> None:
    def never() -> None:
        raise AssertionError("the body was read")
        yield b""

    refused = client.post(ADDRESS, never(), **headers("a.exe"))
    assert refused.status == 400 and ".npz" in refused.json()["error"]
    refused = client.post(ADDRESS, never(), **headers(content_length="3000000000"))
    assert refused.status == 413 and "2.00 GB" in refused.json()["error"]
    assert not kept(home)


def test_a_failure_tells_an_id_and_no_detail(
    client: AsgiClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told = headers()

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("distill_core.uploads.Uploads._kind", broken)
    answer = client.post(ADDRESS, [b"x"], **told)
    assert answer.status == 500
    assert answer.json()["error"].split()[-1].rstrip(".") in caplog.text and "secret" not in answer.text


LARGE = """
import os, resource, sys
from starlette.applications import Starlette
from pages.ui.live.routes import lab_routes
from pages.ui.session import lab
from tests.pages.asgi_client import AsgiClient

client, piece = AsgiClient(Starlette(routes=lab_routes())), os.urandom(65536)
def send(pieces):
    permit = lab().uploads.pass_for("data")
    answer = client.post("/lab/upload", (piece for _ in range(pieces)), x_upload_pass=permit, x_file_name="a.zip")
    assert answer.status == 200, answer.text
    return answer.json()["size"]
send(16)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
size = send(4800)
print(size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_the_file(home: Home) -> None:
    """300 MB in a process of their own, whose peak is its own."""
    done = subprocess.run(
        [sys.executable, "-c", LARGE], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    size_bytes, grown_kib = (int(word) for word in done.stdout.split())
    assert size_bytes > 300_000_000
    assert grown_kib < 50 * 1024
