"""What tables and choosers say of a run: short, and never the same of two."""

from __future__ import annotations

from dataclasses import replace

import pytest

from distill_core.events import RunState
from pages.ui.rivals import rival_names, told_apart
from pages.ui.tables import stop_in_short
from tests.unit.chart_rows import run


@pytest.mark.parametrize(
    ("state", "stopped_epoch", "shown"),
    [
        ("finished", 10, "full 10 epochs"), ("reused", 10, "full 10 epochs"), ("finished", 6, "early, epoch 6"),
        ("diverged", 3, "diverged, epoch 3"), ("stopped", 4, "on request, epoch 4"),
    ],
)  # fmt: skip
def test_a_stop_rule_fits_its_column(state: RunState, stopped_epoch: int, shown: str) -> None:
    row = run("student", "s", state=state, stopped_epoch=stopped_epoch, stop_rule="A whole sentence about it.")
    assert stop_in_short(row) == shown


def test_a_run_under_way_has_no_stop_rule() -> None:
    assert stop_in_short(run("student", "s", state="training")) == ""


def test_equal_names_are_told_apart() -> None:
    assert told_apart({1: "a", 2: "b", 3: "a", 4: "a"}) == {1: "a", 2: "b", 3: "a (2)", 4: "a (3)"}
    assert len(set(told_apart({1: "a", 2: "a (2)", 3: "a"}).values())) == 3


def test_variants_name_their_experiment_only_where_there_are_several() -> None:
    rows = [run("student", "s", 0), run("student", "s", 1)]
    assert list(rival_names(rows).values()) == ["s"]
    other = replace(rows[0], experiment_id="e2", experiment_name="Other")
    assert list(rival_names([*rows, other]).values()) == ["s · Experiment e1", "s · Other"]
