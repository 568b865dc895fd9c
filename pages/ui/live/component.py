"""Mounts the live curves of one experiment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import plotly
from streamlit.components.v2 import component
from streamlit.components.v2.types import ComponentRenderer

from distill_core.charts.style import THEMES, Theme, live_layout
from pages.ui.live.routes import base_path

HERE = Path(__file__).parent
VIEWS = {
    "accuracy": "Validation accuracy",
    "nll": "Validation NLL",
    "loss": "Training loss",
    "terms": "Term shares",
}
WORDS = {
    "waiting": "Waiting for the first epoch. Curves appear here as soon as one has ended.",
    "none": "No epoch was finished, so there are no curves.",
    "single": "Every student here minimises a single term, so there are no shares to show.",
}


def _renderer() -> ComponentRenderer:
    return component(
        "distill_lab_curves",
        html='<div class="lab-root"></div>',
        css=(HERE / "curves.css").read_text(encoding="utf-8"),
        js=(HERE / "curves.js").read_text(encoding="utf-8"),
        # Plotly writes its styles into the document's head; a shadow root would not see them.
        isolate_styles=False,
    )


def _layouts() -> dict[str, dict[str, Any]]:
    """The house style of both themes; the page chooses by its background, without a script run."""
    themes: tuple[Theme, ...] = ("light", "dark")
    return {theme: {"template": live_layout(theme), "background": THEMES[theme].background} for theme in themes}


# Registered once a process: registering again would remount every chart.
_mount = _renderer()


def live_curves(experiment_id: str, *, state: str, view: str, label: str, term_titles: Mapping[str, str]) -> None:
    """The curves of an experiment; they follow it by themselves and need no script run.

    `state` restarts the polling of an experiment that was resumed; `label` describes the chart to screen readers.
    """
    _mount(
        key=f"curves-{experiment_id}",
        data={
            "experiment": experiment_id, "state": state, "view": view, "label": label, "terms": dict(term_titles),
            "words": WORDS, "layout": _layouts(), "base": base_path(), "plotly": plotly.__version__,
        },
    )
