"""The finished figures of any runs: charts, per class, confusion, latency; shared by experiment and comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from distill_core.charts.confusion import confusion, total_confusion
from distill_core.charts.names import plain_name
from distill_core.charts.per_class import per_class
from distill_core.charts.style import Theme, plot_config
from distill_core.charts.tradeoff import Cost, latency_conditions, tradeoff
from distill_core.rows import RunRow
from pages.ui import words

Picture = Literal["svg", "png"]
COSTS: dict[Cost, str] = {
    "latency": "ONNX latency", "parameters": "Parameters", "macs": "MACs", "size": "File size",
}


def theme() -> Theme:
    """The theme the browser shows, for figures that Python draws."""
    return "dark" if st.context.theme.type == "dark" else "light"


def picture() -> Picture:
    """The format in which the camera above a chart saves it; one choice for all charts of a page."""
    chosen: Picture = st.segmented_control(
        "Save pictures as", ["svg", "png"], default="svg", required=True, key="picture", format_func=str.upper,
        help="The camera above each chart saves it in this format: SVG for papers, PNG for slides.",
    )
    return chosen


def show_tradeoff(runs: Sequence[RunRow], *, key: str) -> None:
    """Accuracy against a cost of choice; the choice is in the address."""
    conditions = latency_conditions(runs)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        cost: Cost = st.segmented_control(
            "Cost", list(COSTS), format_func=lambda name: COSTS[name],
            default="latency" if conditions else "parameters",
            required=True, key="cost", bind="query-params", help="What the horizontal axis shows.",
        )
        batch, threads = conditions[0] if conditions else (1, 1)
        if cost == "latency" and len(conditions) > 1:
            chosen = st.selectbox(
                "Measured with", range(len(conditions)), key=f"{key}-conditions", width=220,
                format_func=lambda i: f"batch {conditions[i][0]}, {words.threads(conditions[i][1])}",
                help="Batch size and threads of the latency measurement.",
            )
            batch, threads = conditions[chosen]
        image = picture()
    figure = tradeoff(runs, x=cost, theme=theme(), batch=batch, threads=threads)
    st.plotly_chart(
        figure, theme=None, key=f"{key}-tradeoff", config=plot_config("accuracy-against-cost", image=image),
        alt=f"Accuracy against {COSTS[cost]}, one dot a variant",
    )


def show_per_class(runs: Sequence[RunRow], class_names: Sequence[str], *, key: str) -> None:
    """Accuracy on each class, teacher, alone and distilled side by side."""
    image = picture()
    st.plotly_chart(
        per_class(runs, class_names, theme=theme()), theme=None, key=f"{key}-classes",
        config=plot_config("per-class", image=image),
        alt="Share of each class recognised, by variant",
    )


def show_confusion(runs: Sequence[RunRow], class_names: Sequence[str], *, key: str) -> None:
    """One run's confusion matrix, or the sum over the seeds of a variant."""
    tested = [run for run in runs if run.confusion]
    if not tested:
        st.info("No run has been tested yet.", icon=":material/hourglass:")
        return
    variants = list(dict.fromkeys((run.role, run.name) for run in tested))
    start = next((i for i, (role, _) in enumerate(variants) if role == "student"), 0)
    with st.container(horizontal=True):
        number = st.selectbox(
            "Variant", range(len(variants)), index=start, key=f"{key}-confusion-variant", width=280,
            format_func=lambda i: plain_name(variants[i][1]), help="Whose mistakes to show.",
        )
        mine = [run for run in tested if (run.role, run.name) == variants[number]]
        seeds: list[int | None] = [None, *(run.seed for run in mine)] if len(mine) > 1 else [mine[0].seed]
        seed = st.selectbox(
            "Seed", seeds, key=f"{key}-confusion-seed-{number}", width=180,
            format_func=lambda value: "all seeds together" if value is None else f"seed {value}",
            help="One run, or the sum over all seeds.",
        )
        image = picture()
    matrix = total_confusion(run for run in mine if seed is None or run.seed == seed)
    st.plotly_chart(
        confusion(matrix, class_names, theme=theme()), theme=None, key=f"{key}-confusion",
        config=plot_config("confusion", image=image),
        alt="Confusion matrix: true class by predicted class",
    )
