"""Mounts the live curves of one experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import plotly
from streamlit.components.v2 import component
from streamlit.components.v2.types import ComponentRenderer

from distill_core.charts.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    THEMES,
    VERMILLION,
    Theme,
    live_layout,
    seen_on,
)
from distill_core.evaluation.metrics import METRICS, loss_metric, metric_title, primary_metric
from distill_core.language import _, marked, told
from distill_core.signature import Task
from pages.ui.addresses import base_path
from pages.ui.scripts import joined_script

HERE = Path(__file__).parent
REFUSED = marked("You are signed out, or may not see this; reload the page to sign in")
WORDS = {
    "waiting": marked("Waiting for the first epoch. Curves appear here as soon as one has ended."),
    "none": marked("No epoch was finished, so there are no curves."),
    "single": marked("Every student here minimises a single term, so there are no shares to show."),
    "paused": marked("Paused while hidden"), "live": marked("Live"), "png": marked("Download plot as PNG"),
    "offline": marked("No connection to the server; trying again"), "refused": REFUSED, "axis": marked("Epoch"),
    "seed": marked("seed {number}"), "epoch": marked("epoch {number}"), "best": marked("best epoch {number}"),
    "mean": marked("mean of {number} seeds"),
    "leading": marked("{shown} of {total} are shown: teacher, alone, and the students best on validation data."),
    "listed": marked("All {total} are in the legend: press a name to show or hide its lines."),
    "every": marked("List all {total}"), "fewer": marked("Only the {shown}"),
}
# Those of the stacked shares.
SHARE_WORDS = {
    "no_terms": marked("No share can be told: the terms of these runs add up to nothing."),
    "no_gradients": marked(
        "Gradients were not measured for these runs: an earlier version trained them, or several processes did."
    ),
    "share": marked("<b>{term}</b><br>epoch {epoch}: {share}%<br>seeds: {seeds}"),
}
# Of the terms, by their place in the variant's loss.
BANDS = [BLUE, ORANGE, GREEN, PURPLE, VERMILLION, SKY, GREY]


def views_of(task: Task) -> dict[str, dict[str, Any]]:
    """The views of the curves: a `label` to choose by, its English `name` for the address, and how the chart shows it.

    `accuracy` is the task's main figure and `nll` the loss beside it, whatever they are of this task. The chart fits
    its vertical axis to the late epochs of a view that is `fitted`, and draws the teachers' levels with `digits`.
    """
    main, loss = primary_metric(task), loss_metric(task)
    share, unit = METRICS[main].is_share, METRICS[loss].unit
    validation = _("Validation {metric}")
    result: dict[str, dict[str, Any]] = {
        "accuracy": {
            "name": f"Validation {metric_title(main, task)}",
            "label": validation.format(metric=told(metric_title(main, task))), "unit": "%" if share else "",
            "factor": METRICS[main].factor, "digits": 1 if share else 3, "fitted": True, "higher": True,
        },
        "nll": {
            "name": f"Validation {metric_title(loss, task)}",
            "label": validation.format(metric=told(metric_title(loss, task))), "unit": told(unit), "factor": 1,
            "digits": 3, "fitted": False,
            "higher": False,
        },
        "loss": {
            "name": "Training loss", "label": _("Training loss"), "title": _("Training loss, weighted sum"),
            "unit": told(unit), "factor": 1,
        },
        "terms": {
            "name": "Loss shares", "label": _("Loss shares"), "title": _("Share of the loss"), "unit": "%", "factor": 1,
        },
        "gradients": {
            "name": "Gradient shares", "label": _("Gradient shares"), "title": _("Share of the gradient"), "unit": "%",
            "factor": 1,
        },
    }
    for view in result.values():
        title = view.get("title", view["label"])
        view["title"] = f"{title} ({view['unit']})" if view["unit"] else title
    return result


def replay_words() -> dict[str, str]:
    """What the bar of a replay says, in the reader's language."""
    return {
        "replay": _("Replay"), "help": _("Plays the curves epoch by epoch, as they came."), "play": _("Play"),
        "pause": _("Pause"), "back": _("One epoch back"), "forward": _("One epoch on"), "slider": _("Epoch shown"),
        "speed": _("Speed"), "epoch": _("Epoch {epoch} of {last}"), "live": _("Back to live"),
        "whole": _("Show the whole run"),
    }


def _renderer() -> ComponentRenderer:
    return component(
        "distill_lab_curves",
        html='<div class="lab-root"></div>',
        css=(HERE / "curves.css").read_text(encoding="utf-8"),
        js=joined_script(HERE / "curves.js"),
        # Plotly writes its styles into the document's head; a shadow root would not see them.
        isolate_styles=False,
    )


def _layouts() -> dict[str, dict[str, Any]]:
    """The house style of both themes; the page chooses by its background, without a script run."""
    themes: tuple[Theme, ...] = ("light", "dark")
    return {theme: {"template": live_layout(theme), "background": THEMES[theme].background} for theme in themes}


# Registered once a process: registering again would remount every chart.
_mount = _renderer()


def live_curves(
    experiment_id: str, *, state: str, view: str, views: Mapping[str, Mapping[str, Any]], label: str,
    term_titles: Mapping[str, str], stack: Sequence[str] = (), replay: bool = True,
) -> None:
    """The curves of an experiment; they follow it by themselves and need no script run.

    `state` restarts the polling of an experiment that was resumed; `views` are those of its task; `label` describes the
    chart to screen readers; `stack` are the runs whose terms the stacked views show, of one variant. With `replay` a
    reader can play them epoch by epoch; `epoch=` in the address opens there.
    """
    _mount(
        key=f"curves-{experiment_id}",
        data={
            "experiment": experiment_id, "state": state, "view": view, "label": label, "terms": dict(term_titles),
            "views": {name: dict(one) for name, one in views.items()},
            "words": {name: _(text) for name, text in (WORDS | SHARE_WORDS).items()},
            "bands": {theme: [seen_on(theme, one) for one in BANDS] for theme in THEMES},
            "stack": list(stack), "layout": _layouts(), "base": base_path(), "plotly": plotly.__version__,
            "replay": replay_words() if replay else None,
        },
    )
