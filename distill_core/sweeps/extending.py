"""A sweep's spec with more values, trials or seeds than before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from distill_core.errors import Problem, SpecError
from distill_core.sweep_spec import Grid, SweepSpec, parse_sweep


def extended(
    spec: SweepSpec, values: Mapping[str, Sequence[Any]], *, trials: int = 0, seeds: Sequence[int] = ()
) -> SweepSpec:
    """Values are added to the axis of that field, trials to those of a random or Optuna sweep. Raises SpecError."""
    data = spec.to_json()
    problems = []
    for field, more in values.items():
        axis = next((one for one in data["axes"] if one["field"] == field), None)
        known = ", ".join(one.field for one in spec.axes if not one.ranged) or "none: its axes are ranges"
        if axis is None or not axis["values"]:
            problems.append(Problem("values", field, known, "Choose one of its axes with listed values."))
        else:
            axis["values"] = [*axis["values"], *more]
    if trials and isinstance(spec.method, Grid):
        remedy = "A grid has every combination; add values or seeds."
        problems.append(Problem("trials", trials, "none, for a grid", remedy))
    elif trials < 0:
        problems.append(Problem("trials", trials, "0 or more", "Trials are never taken away."))
    elif trials:
        data["method"]["trials"] += trials
    if any(values.values()) and not trials and not isinstance(spec.method, Grid):
        remedy = "Tell how many trials more; the new values may be drawn in these."
        problems.append(Problem("trials", trials, "1 or more, with new values", remedy))
    if not (trials or seeds or any(values.values())):
        problems.append(Problem("extend", "nothing", "values, trials or seeds", "Add some."))
    if problems:
        raise SpecError(problems)
    data["base"]["seeds"] = [*data["base"]["seeds"], *seeds]
    return parse_sweep(data)
