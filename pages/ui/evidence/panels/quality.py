"""Panel: every figure of every variant, over seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from distill_core.charts.figure_spread import figure_spread
from distill_core.charts.names import plain_name
from distill_core.charts.variants import Variant, variants
from distill_core.evaluation.marks import guesses_of
from distill_core.evaluation.quality import OverSeeds, over_seeds
from distill_core.language import _, marked
from distill_core.rows import ExperimentView
from pages.ui import address
from pages.ui.evidence import writing
from pages.ui.evidence.panel import Panel
from pages.ui.results import show_chart, theme
from pages.ui.rivals import rival_names, rival_of
from pages.ui.session import lab


@dataclass(frozen=True)
class Figure:
    """A column: which field, its name, what it means, whether it is a share, and what it can be at all."""

    field: str
    title: str
    means: str
    better: str
    share: bool
    least: float = 0.0
    most: float = math.inf


HIGHER, LOWER = marked("higher is better"), marked("lower is better")
OF_CLASSES = (
    Figure("accuracy", marked("Accuracy"), marked("Share of samples whose likeliest class is right."), HIGHER, True,
           most=1.0),
    Figure("top_guesses", marked("Top-{count}"), marked(
        "The right class is among the likeliest 5; fewer where there are 5 classes or less."
    ), HIGHER, True, most=1.0),
    Figure("nll", marked("NLL"), marked(
        "How surprised a network is by the truth, in nats: sure mistakes weigh most."
    ), LOWER, False),
    Figure("brier", marked("Brier"), marked(
        "Squared distance of the probabilities from the truth, summed over the classes: 0 to 2."
    ), LOWER, False),
    Figure("ece", marked("ECE"), marked(
        "How far confidence is from being right, over 15 bins; never below zero, even of a perfect network."
    ), LOWER, True, most=1.0),
    Figure("overconfidence", marked("Overconfidence"), marked(
        "Mean confidence minus accuracy; below zero a network is right more often than it says."
    ), marked("0 is best"), True, least=-1.0, most=1.0),
)
OF_VALUES = (
    Figure("r2", marked("R²"), marked("1 is perfect, 0 as good as always saying the mean."), HIGHER, False,
           least=-math.inf, most=1.0),
    Figure("mse", marked("MSE"), marked("Mean squared error, in the variance of the training targets."), LOWER, False),
    Figure("rmse", marked("RMSE"), marked("Its root, in their standard deviation."), LOWER, False),
    Figure("mae", marked("MAE"), marked("Mean absolute error, in their standard deviation."), LOWER, False),
)


def draw(view: ExperimentView) -> None:
    evidence = lab().evidence
    found = evidence.errors(view) if view.task == "regression" else evidence.qualities(view)
    figures = _told(OF_VALUES if view.task == "regression" else OF_CLASSES, classes=len(view.class_names))
    by_variant = variants([run for run in view.runs if run.run_id in found], theme())
    titles = {figure.field: figure for figure in figures}

    def spread(variant: Variant, figure: Figure) -> OverSeeds | None:
        values = [getattr(found[run.run_id], figure.field) for run in variant.runs]
        return over_seeds(values, least=figure.least, most=figure.most)

    first = address.chosen("figure", list(titles))
    chosen: str = st.segmented_control(
        _("Figure"), list(titles), key="figure", required=True, wrap=True,
        format_func=lambda field: titles[field].title, label_visibility="collapsed",
        help=_("Which figure the chart shows; the table has all."),
    ) or first
    address.write("figure", [chosen], default=[first])
    figure = titles[chosen]
    show_chart(
        figure_spread(
            [(variant, over) for variant in by_variant if (over := spread(variant, figure))], theme=theme(),
            title=_("{figure} ({better})").format(figure=figure.title, better=_(figure.better)),
            factor=100.0 if figure.share else 1.0, digits=1 if figure.share else 3, suffix="%" if figure.share else "",
        ),
        key="quality", file_name="figures",
        alt=_("{figure} of every variant, a ring a seed, with mean and interval").format(figure=figure.title),
    )
    st.caption(_(figure.means))
    names = rival_names(view.runs)
    rows = [
        {"variant": plain_name(names[rival_of(variant.first)], 72)}
        | {one.field: writing.spread(spread(variant, one), share=one.share) for one in titles.values()}
        | {"seeds": len(variant.runs)}
        for variant in by_variant
    ]
    text = st.column_config.TextColumn
    st.dataframe(
        pd.DataFrame(rows), key="quality-table", hide_index=True, width="stretch",
        alt=_("All figures of all variants"),
        column_config={
            "variant": text(_("Variant"), pinned=True, help=_("Mean over its seeds, in brackets the 95% t interval.")),
            **{one.field: text(one.title, help=_("{means} ({better})").format(
                means=_(one.means), better=_(one.better)
            )) for one in titles.values()},
            "seeds": st.column_config.NumberColumn(_("Seeds"), help=_("How many runs the figures are of.")),
        },
    )


def _told(figures: tuple[Figure, ...], *, classes: int) -> tuple[Figure, ...]:
    """With titles in the reader's language; it depends on the classes how many guesses a network has."""
    return tuple(replace(figure, title=_(figure.title).format(count=guesses_of(classes))) for figure in figures)


PANEL = Panel(
    name="quality",
    title=marked("All figures"),
    group="figures",
    shows=marked(
        "How good every network is on the test set, by figures that weigh mistakes and confidence differently, and how "
        "far its seeds lie apart."
    ),
    hides=marked(
        "Whether two variants really differ, for their intervals are not paired: that is judged under “How sure we "
        "are”."
    ),
    draw=draw,
    place=10,
)
