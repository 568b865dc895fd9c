"""Sharing: the dialog on an experiment's page, and the route that answers a link."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from distill_core.folders import Home
from distill_core.services import Lab
from pages.ui.live.routes import lab_routes
from tests.fixtures import build_finished_experiment, preset_spec
from tests.pages.asgi_client import AsgiClient

DETAIL = "experiments/detail.py"


@pytest.fixture
def client(home: Home) -> AsgiClient:
    return AsgiClient(Starlette(routes=lab_routes()))


@pytest.fixture
def identity(home: Home) -> str:
    return build_finished_experiment(home, spec=preset_spec(seeds=2))


def dialog(experiment_id: str) -> None:
    from pages.ui.sharing.dialog import show_links

    show_links(experiment_id)


def test_an_experiment_offers_to_be_shared(open_page, identity: str) -> None:
    app = open_page(DETAIL, id=identity)
    app.button(key="share").click().run()
    assert not app.exception
    assert "No link to this experiment works" in " ".join(caption.value for caption in app.caption)


def test_the_dialog_makes_a_link_that_works_and_revokes_it(client: AsgiClient, identity: str) -> None:
    app = AppTest.from_function(dialog, default_timeout=30, args=(identity,)).run()
    app.button(key="share-make").click().run()
    assert not app.exception and not app.error
    link = next(code.value for code in app.code if "/lab/share/" in code.value)
    path = link[link.index("/lab/share/"):]
    assert client.get(path).status == 200
    next(button for button in app.button if button.label == "Revoke").click().run()
    assert not app.code, "a revoked link is offered no more"
    assert client.get(path).status == 410


def test_the_page_stands_alone_and_may_do_nothing(home: Home, client: AsgiClient, identity: str) -> None:
    made = Lab(home).shares.make(identity, days=1)
    answer = client.get(f"/lab/share/{made.token}")
    assert answer.status == 200
    policy = answer.headers["content-security-policy"]
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy, "a browser would show the page without its style"
    for part in ("default-src 'none'", "frame-ancestors 'none'", "sandbox", "form-action 'none'"):
        assert part in policy
    assert "unsafe" not in policy and "script-src" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "noindex" in answer.headers["x-robots-tag"]
    assert "set-cookie" not in answer.headers
    # Neither a script nor an address nor a style attribute, which the policy would refuse.
    assert not re.search(r"<script|javascript:|\son\w+=|\sstyle=|href=|src=|url\(|https?://", answer.text)
    assert len(answer.body) < 200_000


def test_links_that_open_nothing_say_so_calmly(home: Home, client: AsgiClient, identity: str) -> None:
    lab = Lab(home)
    made = lab.shares.make(identity, days=1)
    lab.shares.revoke(made.share.share_id)
    revoked, unknown = client.get(f"/lab/share/{made.token}"), client.get(f"/lab/share/{'A' * 43}")
    assert (revoked.status, unknown.status) == (410, 404)
    assert "This link was revoked." in revoked.text and "There is no page behind this link." in unknown.text
    for answer in (revoked, unknown):
        assert answer.headers["cache-control"] == "no-store" and "default-src 'none'" in str(answer.headers)


def test_a_failure_tells_an_id_and_no_detail(
    client: AsgiClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("distill_core.sharing.Shares._known", broken)
    answer = client.get(f"/lab/share/{'A' * 43}")
    assert answer.status == 500
    found = re.search(r"error ([0-9a-f]{8})", answer.text)
    assert found and found[1] in caplog.text and "secret detail" not in answer.text
