"""What a panel of evidence is, and which there are: each a module of `pages/ui/evidence/panels` with a `PANEL`."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Literal, get_args

from distill_core.language import marked
from distill_core.rows import ExperimentView
from distill_core.signature import Task
from pages.ui.evidence import panels as panels_package

Group = Literal["sure", "figures", "teacher", "classes", "samples", "robust", "inside"]
"""In the order in which the page offers them."""
GROUPS: dict[Group, str] = {
    "sure": marked("How sure we are"),
    "figures": marked("Accuracy and calibration"),
    "teacher": marked("Like the teacher?"),
    "classes": marked("Classes"),
    "samples": marked("Samples"),
    "robust": marked("Robustness"),
    "inside": marked("Inside the networks"),
}
ALL_TASKS: tuple[Task, ...] = get_args(Task)


@dataclass(frozen=True)
class Panel:
    """One piece of evidence. `name` stands in addresses; `title`, `shows` and `hides` are English, told when shown.

    `shows` is one sentence on what can be read off, `hides` one on what it does not show. `draw` is called only while
    the panel's group is open, for experiments of these `tasks` alone; a LabError that it raises is told in its place.
    Within a group the panel of the lowest `place` comes first.
    """

    name: str
    title: str
    group: Group
    shows: str
    hides: str
    draw: Callable[[ExperimentView], None]
    tasks: tuple[Task, ...] = ALL_TASKS
    place: int = 50


@cache
def panels() -> tuple[Panel, ...]:
    """Every panel there is, by group and place. Raises ValueError where two have the same name or one a group's."""
    found: list[Panel] = []
    for module in pkgutil.iter_modules(panels_package.__path__):
        panel = getattr(import_module(f"{panels_package.__name__}.{module.name}"), "PANEL", None)
        if panel is not None:
            found.append(panel)
    names = [*GROUPS, *(panel.name for panel in found)]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"panels or groups share a name: {', '.join(sorted(twice))}; expected each to have its own")
    order = list(GROUPS)
    return tuple(sorted(found, key=lambda panel: (order.index(panel.group), panel.place, panel.name)))
