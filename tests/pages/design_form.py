"""Reads and fills the form of a new experiment."""

from __future__ import annotations

import re
from typing import Any

from streamlit.testing.v1 import AppTest

from distill_core.errors import HelperUnavailable
from distill_core.folders import Home
from distill_core.jobs.previewing import Previews
from distill_core.services import Lab
from distill_core.spec import Choice, ExperimentSpec, read_spec
from distill_core.store.store import Store

PAGE = "experiments/design.py"


def field(app: AppTest, path: str):
    """The widget of a spec field; its key holds the path between the generation and the entry."""
    for kind in (
        app.number_input, app.text_input, app.selectbox, app.checkbox, app.toggle, app.button_group, app.button,
    ):
        for widget in kind:
            if re.match(rf"field-\d+-{re.escape(path)}-", widget.key or ""):
                return widget
    raise AssertionError(f"no field {path}")


def sentences(app: AppTest) -> list[str]:
    return [str(part.value).replace("\\", "") for part in app.markdown if ":red[" in str(part.value)]


def launched(home: Home) -> list:
    return Store(home).experiments()


def written(app: AppTest, home: Home) -> ExperimentSpec:
    """The spec of the one experiment that Start launches."""
    assert not app.exception and not sentences(app)
    app.button(key="start").click().run()
    (row,) = launched(home)
    return read_spec(home.experiment(row.experiment_id).spec)


def choose(app: AppTest, path: str, value: Any) -> AppTest:
    return field(app, path).set_value(value).run()


def pills(app: AppTest, path: str):
    return next(group for group in app.button_group if f"-{path}-" in (group.key or ""))


def titles(home: Home, registry: str, needed: set[str], without: str = "-") -> list[str]:
    entries = getattr(Lab(home).catalogue(), registry)
    return [entry.title for entry in entries if needed <= entry.traits and without not in entry.traits]


STUDENT_LAYERS = [
    {"name": "2", "kind": "ReLU", "shape": [8, 4, 4]}, {"name": "5", "kind": "ReLU", "shape": [16, 2, 2]},
    {"name": "6", "kind": "Flatten", "shape": [64]},
]
TEACHER_LAYERS = [
    {"name": "6", "kind": "MaxPool2d", "shape": [32, 4, 4]}, {"name": "10", "kind": "MaxPool2d", "shape": [64, 2, 2]},
    {"name": "11", "kind": "Flatten", "shape": [256]},
]


class Layers:
    """Answers what the preview process would, and counts how often it was asked."""

    def __init__(self, *, failing: bool = False) -> None:
        self.failing = failing
        self.asked: list[tuple[str, str, str]] = []

    def __call__(self, previews: Previews, dataset: Choice, teacher: Choice, student: Choice) -> dict[str, Any]:
        self.asked.append((dataset.name, teacher.name, student.name))
        if self.failing:
            raise HelperUnavailable("The helper did not answer.")
        return {"teacher": TEACHER_LAYERS, "student": STUDENT_LAYERS}
