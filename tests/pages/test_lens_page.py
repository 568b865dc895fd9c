"""The lens's page and its route: what is sent, how much of it, refusals in sentences."""

from __future__ import annotations

import gzip
import json
from typing import Any

import numpy as np
import pytest
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from distill_core.folders import Home
from distill_core.services import Lab
from pages.ui.lens.component import words
from pages.ui.lens.routes import NOT_A_NUMBER, STEPS, epochs_of, samples_of
from pages.ui.live.routes import lab_routes
from tests.fixtures import build_finished_experiment, preset_spec
from tests.lens_samples import EPOCHS, build_lens_digits
from tests.pages.asgi_client import AsgiClient

PAGE = "lens/lens.py"


@pytest.fixture
def client() -> AsgiClient:
    return AsgiClient(Starlette(routes=lab_routes()))


def mounted(app: AppTest) -> dict[str, Any] | None:
    found = [one.proto for one in app.get("bidi_component") if "lens" in one.proto.component_name]
    return json.loads(found[0].json or found[0].mixed.json) if found else None


def test_the_route_sends_logits_that_come_back_as_they_were(client: AsgiClient, home: Home) -> None:
    identity = build_lens_digits(home)
    answer = client.get(f"/lab/lens/{identity}", accept_encoding="gzip")
    told = answer.json()
    assert answer.status == 200 and len(answer.body) < 60_000
    again = client.get(f"/lab/lens/{identity}", if_none_match=answer.headers["etag"])
    assert again.status == 304 and not again.body
    assert told["samples"][0]["picture"].startswith("data:image/png;base64,")
    view = Lab(home).lens.of(identity)
    np.testing.assert_allclose(told["networks"][1]["final"], view.networks[1].final, atol=1e-4)
    packed = client.get(f"/lab/lens/{identity}?part=epochs&seed=0", accept_encoding="gzip")
    block, at = np.frombuffer(gzip.decompress(packed.body), "<i2"), 0
    for network, one in zip(told["networks"], view.networks, strict=True):
        size = len(network["epochs"]) * 100 * 10
        came = block[at : at + size].reshape(-1, 100, 10) * (network["scale"] / STEPS)
        at += size
        assert network["epochs"] == ([] if one.run.role == "teacher" else list(EPOCHS))
        kept = one.by_epoch
        # Centred, which no soft label shows.
        differences = (came - came[..., :1]) - (kept - kept[..., :1])
        assert differences.size == size and np.abs(differences).max(initial=0) < 3 * network["scale"] / STEPS
    assert at == len(block)


def test_a_diverged_epoch_is_no_number_and_many_classes_send_fewer_epochs(home: Home) -> None:
    view = Lab(home).lens.of(build_lens_digits(home))
    one = view.networks[1]
    one.by_epoch[1, 4, 2] = np.nan
    block = np.frombuffer(epochs_of(view), "<i2")[: 3 * 100 * 10].reshape(3, 100, 10)
    assert (block[1, 4] == NOT_A_NUMBER).all() and (block[0] != NOT_A_NUMBER).all()
    one.final[0, 0] = np.inf
    assert samples_of(view)["networks"][1]["final"][0][0] is None
    json.dumps(samples_of(view), allow_nan=False)


@pytest.mark.parametrize(
    ("address", "status"),
    [("nothing-here", 404), ("UPPER", 404), ("{id}?seed=x", 400), ("{id}?part=all", 400), ("{id}?seed=9", 404)],
)
def test_a_wrong_address_is_refused_in_json(client: AsgiClient, home: Home, address: str, status: int) -> None:
    identity = build_lens_digits(home) if "{id}" in address else ""
    answer = client.get(f"/lab/lens/{address.format(id=identity)}")
    assert answer.status == status and answer.json()["error"].endswith(".")


def test_the_page_mounts_what_the_address_says(open_page: Any, home: Home) -> None:
    identity = build_lens_digits(home)
    app = open_page(PAGE, id=identity, sample="12", t="99", epoch="3", seed="0")
    assert not app.exception
    told = mounted(app)
    assert told is not None and told["experiment"] == identity and told["in_address"]
    assert told["start"] == {"sample": 12, "temperature": 50.0, "class_name": None, "seed": 0, "epoch": 3}
    hostile = open_page(PAGE, id=identity, sample="-1", t="nan", epoch="x" * 50, seed="77")
    found = mounted(hostile)
    assert not hostile.exception and found is not None and found["start"]["seed"] != 77
    assert 1 <= found["start"]["temperature"] <= 50


def test_an_empty_home_offers_the_demo_and_an_unfit_experiment_another(open_page: Any, home: Home) -> None:
    empty = open_page(PAGE)
    assert not empty.exception and any(one.key == "demo" for one in empty.button)
    identity = build_finished_experiment(home, spec=preset_spec(seeds=1))
    app = open_page(PAGE, id=identity)
    assert not app.exception and mounted(app) is None
    assert "has been tested yet" in app.info[0].value.replace("\\", "")
    chooser = open_page(PAGE).selectbox[0]
    assert len(chooser.options) == 1


def test_the_lens_says_everything_in_chinese(open_page: Any, home: Home) -> None:
    identity = build_lens_digits(home, withheld="3")
    told = mounted(open_page(PAGE, id=identity, lang="zh"))
    assert told is not None
    english, chinese = words(), told["words"]
    same = [key for key, text in english.items() if isinstance(text, str) and chinese[key] == text]
    assert same == []
    assert chinese["never_saw"] == "没有学生在训练中见过 {class}"
