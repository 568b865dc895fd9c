"""The finished figures of any runs: per class, confusion; shared by experiment and comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from distill_core.charts.confusion import confusion, total_confusion
from distill_core.charts.names import markdown_text
from distill_core.charts.per_class import per_class
from distill_core.charts.retold import retold
from distill_core.charts.style import Theme, caption_of, plot_config
from distill_core.charts.tabled import tabled
from distill_core.language import ENGLISH, _, marked, speaking
from distill_core.rows import RunRow
from pages.ui import address, words
from pages.ui.rivals import rival_names, rival_of

Picture = Literal["svg", "png"]


def theme() -> Theme:
    """The theme the browser shows, for figures that Python draws."""
    return "dark" if st.context.theme.type == "dark" else "light"


def picture() -> Picture:
    """The format in which the camera above a chart saves it; one choice for all charts of a page."""
    chosen: Picture = st.segmented_control(
        _("Save pictures as"), ["svg", "png"], default="svg", required=True, key="picture", format_func=str.upper,
        help=_("The camera above each chart saves it in this format: SVG for papers, PNG for slides."),
    )
    return chosen


def measured_with(conditions: Sequence[tuple[int, int]], *, key: str) -> tuple[int, int]:
    """Batch size and threads of the latencies to show; asked only where there is a choice, which is in the address."""
    if len(conditions) < 2:
        return conditions[0] if conditions else (1, 1)
    return choose_condition(
        conditions, key=key, label=_("Measured with"),
        help_text=_("Batch size and threads of the latency measurement."),
    )


def condition(one: tuple[int, int]) -> str:
    """Batch size and threads of a latency measurement in words."""
    return _("batch {batch}, {threads}").format(batch=one[0], threads=words.threads(one[1]))


def choose_condition(
    conditions: Sequence[tuple[int, int]], *, key: str, label: str, help_text: str
) -> tuple[int, int]:
    """Batch size and threads, at first the first; the address has them in English words."""
    with speaking(ENGLISH):
        by_name = {condition(one): one for one in conditions}
    first = address.chosen(key, list(by_name))
    chosen = st.selectbox(
        label, list(by_name), key=key, width=220, format_func=lambda one: condition(by_name[one]), help=help_text,
    )
    address.write(key, [chosen], default=[first])
    return by_name[chosen]


def show_chart(figure: go.Figure, *, key: str, file_name: str, alt: str, image: Picture = "svg") -> None:
    """A figure in the house style, its caption below, where it has the page's width, and its numbers as a table."""
    st.plotly_chart(retold(figure), theme=None, key=key, config=plot_config(file_name, image=image), alt=alt)
    if caption := caption_of(figure):
        st.caption(markdown_text(caption))
    show_numbers(lambda: tabled(figure), key=key, alt=alt)


def show_numbers(numbers: Callable[[], pd.DataFrame], *, key: str, alt: str) -> None:
    """What a chart shows, as a table behind a press; it is made when somebody looks."""
    behind = st.expander(
        _("As a table"), type="compact", icon=":material/table:", key=f"{key}-numbers", on_change="rerun"
    )
    if behind.open:
        with behind:
            table = numbers()
            if table.empty:
                st.caption(_("There are no numbers yet."))
            else:
                st.dataframe(table, hide_index=True, key=f"{key}-table", alt=alt)


def show_per_class(runs: Sequence[RunRow], class_names: Sequence[str], *, key: str) -> None:
    """Accuracy on each class, teacher, alone and distilled side by side."""
    image = picture()
    show_chart(
        per_class(runs, class_names, theme=theme()), key=f"{key}-classes", file_name="per-class", image=image,
        alt=_("Share of each class recognised, by variant"),
    )


def show_confusion(runs: Sequence[RunRow], class_names: Sequence[str], *, key: str) -> None:
    """One run's confusion matrix, or the sum over the seeds of a variant; the choice is in the address."""
    tested = [run for run in runs if run.confusion]
    if not tested:
        st.info(_("No run has been tested yet."), icon=":material/hourglass:")
        return
    names = rival_names(tested)
    rivals = list(names)
    start = next((i for i, (_of, role, _name) in enumerate(rivals) if role == "student"), 0)
    with st.container(horizontal=True):
        rival = st.selectbox(
            _("Variant"), rivals, index=start, key="mistakes", width=320, bind="query-params",
            format_func=lambda one: names[one], help=_("Whose mistakes to show."),
        )
        mine = [run for run in tested if rival_of(run) == rival]
        # By their English names, which the address has.
        each = {f"seed {run.seed}": [run] for run in mine}
        seeds = {marked("all seeds"): mine} | each if len(mine) > 1 else each
        first = address.chosen("mistakes-seed", list(seeds))
        seed = st.selectbox(
            _("Seed"), list(seeds), key="mistakes-seed", width=180, format_func=_seed_name,
            help=_("One run, or the sum over all seeds."),
        )
        address.write("mistakes-seed", [seed], default=[first])
        image = picture()
    figure = confusion(
        total_confusion(seeds[seed]), class_names, theme=theme(), title=f"{names[rival]} · {_seed_name(seed)}",
        noun=_("steps") if mine[0].task == "tagging" else _("samples"),
    )
    show_chart(
        figure, key=f"{key}-confusion", file_name="confusion", image=image,
        alt=_("Confusion matrix: true class by predicted class"),
    )


def _seed_name(name: str) -> str:
    """"all seeds" or "seed 3" in the reader's language."""
    return _("seed {seed}").format(seed=name.removeprefix("seed ")) if name.startswith("seed ") else _(name)
