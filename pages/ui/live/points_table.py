"""The points of the live curves as a table, for whoever cannot see the curves or wants the numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from distill_core.charts.names import plain_name
from distill_core.evaluation.metrics import METRICS, heading, loss_metric, primary_metric
from distill_core.language import _, told
from distill_core.rows import ExperimentView
from pages.ui.session import lab

# Where a point holds the amounts of its terms, by the view that stacks their shares.
_AMOUNTS = {"terms": 5, "gradients": 7}


def points_table(
    view: ExperimentView, *, shown: str = "accuracy", stack: Sequence[str] = (), titles: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """A row an epoch of each run, as far as they are; figures in the units of the curves.

    Of the views that stack shares (`shown`), the runs of `stack` alone, and in percent what each term has.
    """
    names = {run.run_id: plain_name(run.label, 80) for run in view.runs}
    points = list(_every_point(view.row.experiment_id))
    if shown in _AMOUNTS:
        return _shares(
            [point for point in points if point[0] in stack], names, column=_AMOUNTS[shown], titles=titles or {}
        )
    main, loss = primary_metric(view.task), loss_metric(view.task)
    rows = [
        {
            _("run"): names.get(point[0], point[0]), _("epoch"): point[1], _("training loss"): point[2],
            told(heading(main, view.task)): None if point[3] is None else point[3] * METRICS[main].factor,
            told(heading(loss, view.task)): point[4], _("best so far"): bool(point[6]),
        }
        for point in points
    ]
    return pd.DataFrame(rows)


def _every_point(experiment_id: str) -> Iterator[Sequence[Any]]:
    """However many there are."""
    cursor, asked = 0, lab()
    while points := (answer := asked.live(experiment_id, cursor))["points"]:
        yield from points
        cursor = answer["cursor"]


def _shares(
    points: Sequence[Sequence[Any]], names: Mapping[str, str], *, column: int, titles: Mapping[str, str]
) -> pd.DataFrame:
    """Of each point that has them; what is negative counts as nothing, and one without a number is left out, as in the
    chart."""
    rows = []
    for point in points:
        amounts = {name: _amount(told) for name, told in (point[column] or {}).items()}
        total = sum(amounts.values())
        if len(amounts) > 1 and total > 0:
            shares = {f"{titles.get(name, name)} (%)": round(100 * one / total, 2) for name, one in amounts.items()}
            rows.append({_("run"): names.get(point[0], point[0]), _("epoch"): point[1]} | shares)
    return pd.DataFrame(rows)


def _amount(told: Any) -> float:
    """A number of the wire, where null stands for those that are none."""
    return math.nan if told is None else max(float(told), 0.0)
