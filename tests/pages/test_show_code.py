"""Show code on an experiment's page: folded up, then a file for each run, or a sentence."""

from __future__ import annotations

import ast

from distill_core.folders import Home
from tests.fixtures import build_finished_experiment, preset_spec
from tests.pages.conftest import OpenPage

PAGE = "experiments/detail.py"


def test_a_run_is_shown_as_a_file_once_asked_for(home: Home, open_page: OpenPage) -> None:
    build_finished_experiment(home, spec=preset_spec(seeds=1), experiment_id="one")
    app = open_page(PAGE, id="one")
    assert not [one for one in app.selectbox if one.key == "code-run"]
    app = open_page(PAGE, id="one", code="true")
    assert not app.exception
    text = app.code[0].value
    ast.parse(text)
    assert "def kd(" in text and "import distill_core" not in text
    assert "In the lab the first epoch had a training loss of" in text
    app.selectbox(key="code-run").set_value(0).run()
    teacher = app.code[0].value
    assert "the run “teacher” with seed 50" in teacher and "def kd(" not in teacher


def test_what_is_not_covered_is_told_in_a_sentence(home: Home, open_page: OpenPage) -> None:
    data = preset_spec(seeds=1).to_json()
    data["students"][3]["coreset"] = {"size": 20, "rule": "random"}
    spec = type(preset_spec()).model_validate(data)
    build_finished_experiment(home, spec=spec, experiment_id="one")
    app = open_page(PAGE, id="one", code="true")
    names = next(one.options for one in app.selectbox if one.key == "code-run")
    app.selectbox(key="code-run").set_value(next(i for i, name in enumerate(names) if "T=8" in name)).run()
    assert not app.exception
    assert any("Plain code does not cover a coreset" in one.value for one in app.info)
