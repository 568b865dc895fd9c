"""Which figure of a sweep a reader looks at: told in an address, drawn by the charts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args
from urllib.parse import urlencode

import plotly.graph_objects as go

from distill_core.charts.style import Theme
from distill_core.charts.sweep_course import best_so_far
from distill_core.charts.sweep_figures import FIGURES, Figure
from distill_core.charts.sweep_front import COSTS, Cost, front
from distill_core.charts.sweep_lines import parallel_lines
from distill_core.charts.sweep_map import sweep_map
from distill_core.sweep_rows import SweepResults
from distill_core.sweep_spec import AXIS_FIELDS

View = Literal["map", "lines", "front", "course"]
VIEWS: tuple[View, ...] = get_args(View)
_LONGEST_FIXED = 2000


@dataclass(frozen=True)
class Wanted:
    """A view and its choices; those of other views do not matter."""

    view: View = "map"
    x: str = ""
    y: str = ""
    figure: Figure = "validation"
    cost: Cost = "size"
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Of the map: values of the axes that it does not show."""

    def query(self) -> str:
        """The same as an address has it."""
        told = {"show": self.view, "x": self.x, "y": self.y, "figure": self.figure, "cost": self.cost}
        return urlencode(told | ({"fixed": json.dumps(dict(self.fixed))} if self.fixed else {}))

    @classmethod
    def of_query(cls, told: Mapping[str, str]) -> Self | None:
        """What an address means; None for what no page of ours would ask."""
        view, figure, cost = told.get("show", "map"), told.get("figure", "validation"), told.get("cost", "size")
        x, y, fixed = told.get("x", ""), told.get("y", ""), told.get("fixed", "{}")
        known = view in VIEWS and figure in FIGURES and cost in COSTS and {x, y} <= {"", *AXIS_FIELDS}
        if not known or len(fixed) > _LONGEST_FIXED:
            return None
        try:
            values = json.loads(fixed)
        except ValueError:
            return None
        if not isinstance(values, dict) or not set(values) <= set(AXIS_FIELDS):
            return None
        return cls(view, x, y, figure, cost, values)  # type: ignore[arg-type]

    def drawn(self, results: SweepResults, theme: Theme) -> go.Figure:
        """The figure."""
        if self.view == "lines":
            return parallel_lines(results, theme=theme)
        if self.view == "front":
            return front(results, cost=self.cost, theme=theme)
        if self.view == "course":
            return best_so_far(results, theme=theme)
        return sweep_map(results, x=self.x, y=self.y, figure=self.figure, theme=theme, fixed=self.fixed)
