"""No name of a user's becomes markup, an image, a link, a formula or an invisible turn, on any page or chart."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import Message
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block

from distill_core.folders import Home, write_json
from distill_core.services import Lab
from distill_core.spec import parse_spec
from distill_core.store.store import Store
from distill_core.weights import WeightsFile
from pages.compare.runs import csv_of
from pages.ui.live.routes import lab_routes
from tests import fixtures
from tests.fixtures import build_finished_experiment, preset_spec
from tests.hostile_names import (
    BADGE,
    FORMULA,
    INVISIBLE,
    LIVE_HTML,
    LIVE_MARKDOWN,
    LONG,
    MARKUP,
    NAMES,
    REMOTE_IMAGE,
    SCRIPT_LINK,
    TURNED,
    short,
)
from tests.pages.asgi_client import AsgiClient
from tests.pages.data_samples import ONE, shelve

# Fields of Streamlit's messages that its browser part reads as Markdown.
MARKDOWN = {"body", "label", "help", "title", "caption", "icon", "text"}
# What these show is text as it is: a log, the settings as JSON, and what a user wrote themselves, to be changed.
AS_IT_IS = {"code", "json", "text_area", "text_input"}
PAGES: list[tuple[str, dict[str, str]]] = [
    ("experiments/overview.py", {}), ("experiments/queue.py", {}),
    *(("experiments/detail.py", {"id": "E", "tab": tab}) for tab in (
        "Runs", "Trade-off", "Per class", "Confusion", "ONNX and latency", "Log and settings",
    )),
    ("experiments/design.py", {"from": "E"}), ("experiments/compress.py", {"from": "E"}),
    *(("compare/runs.py", {"ids": "E", "tab": tab}) for tab in ("Runs", "Trade-off", "Per class", "Confusion")),
    ("data/library.py", {}), ("data/data_set.py", {"id": ONE}), ("data/data_set.py", {"id": ONE, "tab": "Problems"}),
    ("trying/ask.py", {"id": "E"}), ("latency/lab.py", {"ids": "E"}), ("machine/audit.py", {}),
    ("machine/doctor.py", {}),
    *(("evidence/evidence.py", {"id": "E", "panel": group}) for group in (
        "sure", "figures", "teacher", "classes", "samples",
    )),
]


@pytest.fixture
def identity(home: Home, monkeypatch: pytest.MonkeyPatch) -> str:
    """Everything a user can name is named so: experiment, students, classes, data, weights."""
    classes = tuple(f"{name}{number}" for number, name in enumerate((*NAMES, *NAMES[:3])))
    monkeypatch.setattr(fixtures, "CLASSES", classes)
    data = preset_spec(seeds=2).to_json()
    for student, name in zip(data["students"], (MARKUP, FORMULA, SCRIPT_LINK, REMOTE_IMAGE), strict=False):
        student["name"] = short(name)
    data |= {"name": short(REMOTE_IMAGE + MARKUP), "shows": f"{TURNED} {SCRIPT_LINK} {BADGE}"}
    found = build_finished_experiment(home, spec=parse_spec(data))
    home.experiment(found).worker_log.write_text(f"{MARKUP}\n")
    draw, answered = np.random.default_rng(0), home.experiment(found)
    np.save(answered.test_labels, draw.integers(0, len(classes), 40))
    for run in Store(home).experiment(found).runs:
        answered.run(run.run_id).path.mkdir(parents=True, exist_ok=True)
        np.save(answered.run(run.run_id).test_logits, draw.normal(size=(40, len(classes))))
    folder = shelve(home, name=short(SCRIPT_LINK))
    record = folder.read_record()
    folder.write_record(replace(record, file_name=f"{MARKUP}{TURNED}{LONG}.csv"))
    weights = WeightsFile("0" * 16, short(REMOTE_IMAGE), f"{MARKUP}.pt", 2, 9, 100, (SCRIPT_LINK,), 1.79e9)
    home.weights(weights.id).parent.mkdir()
    home.weights(weights.id).write_bytes(b"")
    write_json(home.weights_facts(weights.id), vars(weights))
    Lab(home).audit.record(f"{MARKUP}@example.org", "launch", found, detail=f"{REMOTE_IMAGE} {TURNED}")
    return found


def messages(block: Block) -> Iterator[tuple[str, Message]]:
    """Every element of a page and of what is within it."""
    for child in block.children.values():
        if isinstance(child, Block):
            proto = getattr(child, "proto", None)
            if proto is not None:
                yield child.type, proto
            yield from messages(child)
        else:
            yield child.type, child.proto


def strings(message: Message) -> Iterator[tuple[str, str]]:
    """Every text of a message with the name of its field."""
    for field, value in message.ListFields():
        several = value if not isinstance(value, (str, bytes, Message)) and hasattr(value, "__iter__") else [value]
        for one in several:
            if isinstance(one, str):
                yield field.name, one
            elif isinstance(one, Message):
                yield from strings(one)


def shown(app: AppTest) -> list[tuple[str, str, str]]:
    return [
        (kind, field, text) for kind, message in messages(app._tree) for field, text in strings(message)  # type: ignore[arg-type]
    ]


@pytest.mark.parametrize(("page", "address"), PAGES, ids=lambda one: one if isinstance(one, str) else "-".join(one))
def test_a_page_shows_names_as_names(open_page, identity: str, page: str, address: dict[str, str]) -> None:
    app = open_page(page, **{name: identity if value == "E" else value for name, value in address.items()})
    assert not app.exception
    told = shown(app)
    assert len(told) > 5, "the page is empty: nothing was looked at"
    for kind, field, text in told:
        if kind in AS_IT_IS:
            continue
        if kind == "plotly_chart" and field == "spec":
            check_figure(json.loads(text))
            continue
        assert not INVISIBLE.search(text), (kind, field, text[:300])
        if field in MARKDOWN:
            assert not LIVE_MARKDOWN.search(text), (kind, field, text[:300])
    for frame in app.dataframe:
        for cell in frame.value.to_numpy().ravel():
            assert not INVISIBLE.search(str(cell)), str(cell)[:300]


def check_figure(figure: Any) -> None:
    """Plotly reads markup in every text of a figure, and templates in hover texts."""
    if isinstance(figure, dict):
        for value in figure.values():
            check_figure(value)
    elif isinstance(figure, list):
        for value in figure:
            check_figure(value)
    elif isinstance(figure, str):
        assert not LIVE_HTML.search(figure), figure[:300]
        assert not INVISIBLE.search(figure), figure[:300]
        assert "$x$" not in figure, "Plotly would take it for MathJax"


def test_the_shared_page_shows_names_as_names(home: Home, identity: str) -> None:
    token = Lab(home).shares.make(identity, days=1).token
    page = AsgiClient(Starlette(routes=lab_routes())).get(f"/lab/share/{token}").text
    assert "&lt;img src=x" in page, "the name itself is there"
    assert not LIVE_HTML.search(page) and not INVISIBLE.search(page)
    assert page.count("<script") == 0 and "LongLong" not in page


def test_live_curves_get_names_as_names(home: Home, identity: str) -> None:
    found = AsgiClient(Starlette(routes=lab_routes())).get(f"/lab/live/{identity}?runs=1").json()
    assert found["runs"]
    check_figure(found["runs"])


def test_no_cell_of_a_table_is_a_formula(home: Home, identity: str) -> None:
    route = AsgiClient(Starlette(routes=lab_routes())).get(f"/lab/artifact/{identity}/all/runs.csv")
    for content in (route.body.decode("utf-8-sig"), csv_of(Lab(home).runs([identity])).decode()):
        cells = [cell for row in csv.reader(io.StringIO(content)) for cell in row]
        assert any(cell.startswith("'=HYPERLINK") for cell in cells)
        for cell in cells:
            if cell.startswith(("=", "+", "-", "@", "\t", "\r")):
                float(cell)
