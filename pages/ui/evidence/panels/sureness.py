"""Panel: how sure the verdicts are, over seeds and over test samples."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from distill_core.charts.names import markdown_name, markdown_text, plain_name
from distill_core.charts.style import MOST_SERIES
from distill_core.charts.sureness import sureness
from distill_core.charts.variants import validation_means
from distill_core.evaluation.metrics import METRICS
from distill_core.evaluation.sureness import Sureness
from distill_core.language import _, counted, marked, told
from distill_core.rows import ExperimentView
from pages.ui import address
from pages.ui.evidence import writing
from pages.ui.evidence.panel import Panel
from pages.ui.results import show_chart, theme
from pages.ui.session import lab

FEW = 8
OF_TASK = {
    "classification": ("accuracy", "nll", "ece"), "tagging": ("accuracy", "nll", "ece"), "regression": ("r2", "mse"),
}


def draw(view: ExperimentView) -> None:
    metrics = OF_TASK[view.task]
    first = address.chosen("sure-of", metrics)
    metric: str = st.segmented_control(
        _("Figure"), metrics, key="sure-of", required=True, format_func=lambda name: _(METRICS[name].title),
        label_visibility="collapsed", help=_("Which figure's differences are judged."),
    ) or first
    address.write("sure-of", [metric], default=[first])
    found = lab().evidence.sureness(view, metric=metric)
    if not found:
        st.info(
            _("No student has yet finished on the same seed as the same network trained alone."),
            icon=":material/hourglass:",
        )
        return
    shown = _best(found, view)
    show_chart(
        sureness(shown, view.runs, theme=theme()), key="sureness", file_name="sureness",
        alt=_("Difference of each student from the same network trained alone, with three intervals"),
    )
    if len(shown) < len(found):
        st.caption(_("The {shown} best students on validation data; the table has all {total}.").format(
            shown=len(shown), total=len(found),
        ))
    for one in shown:
        if one.needed is not None:
            st.markdown(
                f":material/hourglass_bottom: **{markdown_name(one.verdict.student, 60)}**: "
                f"{markdown_text(told(one.needed.sentence()))}"
            )
    _table(found)
    if min(one.verdict.seeds for one in found) < FEW:
        st.caption(_(
            "Of so few seeds a bootstrap interval is too narrow: with 5 it holds the truth in about 83 of 100 "
            "experiments, where the t interval does in about 95 (docs/statistics.md). It is a second look, never the "
            "judge."
        ))
    if metric == "r2":
        _in_squared_error(found)


def _best(found: tuple[Sureness, ...], view: ExperimentView) -> tuple[Sureness, ...]:
    """As many as one chart can show."""
    if len(found) <= MOST_SERIES:
        return found
    means = validation_means(view.runs)
    return tuple(sorted(found, key=lambda one: -means.get(one.verdict.student, -math.inf))[:MOST_SERIES])


def _table(found: tuple[Sureness, ...]) -> None:
    rows = [
        {
            "student": plain_name(one.verdict.student), "mean": one.verdict.kind.signed(one.verdict.delta_mean),
            "t": writing.ends(_t_ends(one), one.verdict.metric),
            "bootstrap": writing.ends(one.bootstrap, one.verdict.metric),
            "test": writing.ends(_test_ends(one), one.verdict.metric),
            "signs": _("{up} up, {down} down").format(up=one.signs.positive, down=one.signs.negative),
            "chance": writing.chance(one.signs.chance),
            "effect": writing.NOTHING if one.effect is None else f"{one.effect:+.2f}",
        }
        for one in found
    ]
    unit = found[0].verdict.kind.unit
    text = st.column_config.TextColumn
    difference = _("Difference ({unit})").format(unit=_(unit)) if unit else _("Difference")
    st.dataframe(
        pd.DataFrame(rows), key="sureness-table", hide_index=True, width="stretch",
        alt=_("How sure each verdict is, in numbers"),
        column_config={
            "student": text(_("Student"), help=_("Against the same network trained alone."), pinned=True),
            "mean": text(difference, help=_("Mean over paired seeds, student minus alone.")),
            "t": text(_("t interval"), help=_("95%, over seeds; the verdict is judged by it.")),
            "bootstrap": text(_("Bootstrap"), help=_("95%, over seeds (BCa); too narrow of few seeds.")),
            "test": text(_("Other test set"), help=_(
                "95%, over test samples with these very networks; the seeds' differences are not in it."
            )),
            "signs": text(_("Seeds"), help=_("How many seeds went up and how many down.")),
            "chance": text(_("Sign test p"), help=_(
                "How likely so uneven a split is by chance; it needs 6 seeds to fall below 0.05."
            )),
            "effect": text(_("Effect g"), help=_(
                "The mean difference in standard deviations between seeds (Hedges' g)."
            )),
        },
    )


def _t_ends(one: Sureness) -> tuple[float, float] | None:
    low, high = one.verdict.ci_low, one.verdict.ci_high
    return None if low is None or high is None else (low, high)


def _test_ends(one: Sureness) -> tuple[float, float] | None:
    noise = one.test_set
    return (noise.low, noise.high) if noise is not None and noise.metric == one.verdict.metric else None


def _in_squared_error(found: tuple[Sureness, ...]) -> None:
    """R² is no mean over samples: what another test set would do is told in the squared error behind it."""
    for one in found:
        if one.test_set is not None:
            st.caption(_("{student}: squared error {mean} on this test set, on another one {ends} (95%, {samples}).")
                       .format(
                student=markdown_name(one.verdict.student, 60), mean=markdown_text(f"{one.test_set.mean:+.3f}"),
                ends=markdown_text(writing.ends((one.test_set.low, one.test_set.high), "mse")),
                samples=counted("{number} sample", "{number} samples", one.test_set.samples),
            ))


PANEL = Panel(
    name="sureness",
    title=marked("Is the difference real?"),
    group="sure",
    shows=marked(
        "By how much each student differs from the same network trained alone, and how far that could move with other "
        "seeds, and with another test set."
    ),
    hides=marked(
        "Whether it holds for other data, another budget or other settings; several students judged at once are not "
        "corrected for being several."
    ),
    draw=draw,
    place=10,
)
