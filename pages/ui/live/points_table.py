"""The points of the live curves as a table, for whoever cannot see the curves or wants the numbers."""

from __future__ import annotations

import pandas as pd

from distill_core.charts.names import plain_name
from distill_core.evaluation.metrics import METRICS, heading, loss_metric, primary_metric
from distill_core.language import _, told
from distill_core.rows import ExperimentView
from pages.ui.session import lab


def points_table(view: ExperimentView) -> pd.DataFrame:
    """A row an epoch of each run, as far as they are; figures in the units of the curves."""
    names = {run.run_id: plain_name(run.label, 80) for run in view.runs}
    main, loss = primary_metric(view.task), loss_metric(view.task)
    rows = [
        {
            _("run"): names.get(point[0], point[0]), _("epoch"): point[1], _("training loss"): point[2],
            told(heading(main, view.task)): None if point[3] is None else point[3] * METRICS[main].factor,
            told(heading(loss, view.task)): point[4], _("best so far"): bool(point[6]),
        }
        for point in lab().live(view.row.experiment_id, 0)["points"]
    ]
    return pd.DataFrame(rows)
