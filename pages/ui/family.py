"""The trade-off of a whole family: a cost of choice, limits in words, the winner, and what is slower here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from distill_core.charts.family import Family, Limits, family_of, passing, verdict_on
from distill_core.charts.limit_steps import cost_steps, score_steps
from distill_core.charts.names import markdown_text
from distill_core.charts.staircase_words import all_slower
from distill_core.charts.tradeoff import Cost, latency_conditions, tradeoff
from distill_core.evaluation.metrics import METRICS, heading, metric_title, primary_metric
from distill_core.language import _, marked, told
from distill_core.rows import RunRow
from distill_core.signature import Task
from pages.ui import address, words
from pages.ui.results import measured_with, picture, show_chart, theme
from pages.ui.session import lab

COSTS: dict[Cost, str] = {
    "latency": marked("ONNX latency"), "parameters": marked("Parameters"), "macs": "MACs",
    "size": marked("File size"),
}
ANY = marked("any")
MOST_TOLD = 3


def show_tradeoff(runs: Sequence[RunRow], *, key: str) -> None:
    """Accuracy or R² against a cost of choice; the choice and the limits are in the address."""
    tasks = {run.task for run in runs}
    if len(tasks) > 1:
        st.info(
            _(
                "These runs have different tasks, so their figures cannot share an axis. Choose experiments of one "
                "task."
            ),
            icon=":material/info:",
        )
        return
    task = runs[0].task if runs else "classification"
    main = primary_metric(task)
    conditions = latency_conditions(runs)
    with st.container(horizontal=True):
        by_title = {title: name for name, title in COSTS.items()}
        first = address.chosen("cost", list(by_title), default=COSTS["latency" if conditions else "parameters"])
        chosen = str(st.segmented_control(
            _("Cost"), list(by_title), format_func=_, required=True, key="cost",
            help=_("What the horizontal axis shows."),
        ))
        address.write("cost", [chosen], default=[first])
        cost = by_title[chosen]
        batch, threads = measured_with(conditions, key="measured")
        image = picture()
    family = family_of(runs, theme=theme(), batch=batch, threads_used=threads)
    limits = _limits(family, task) if len(family.members) > 1 else Limits()
    show_chart(
        tradeoff(
            runs, x=cost, theme=theme(), batch=batch, threads=threads, limits=limits,
            step_titles={entry.name: told(entry.title) for entry in lab().catalogue().compression},
        ),
        key=f"{key}-tradeoff", file_name=f"{main}-against-cost", image=image,
        alt=_("{heading} against {cost}, one dot a variant").format(
            heading=told(heading(main, task)), cost=_(COSTS[cost]),
        ),
    )
    slower = all_slower(runs, batch=batch, threads_used=threads)
    for sentence in slower[:MOST_TOLD]:
        st.caption(f":material/speed: {markdown_text(sentence)}")
    if len(slower) > MOST_TOLD:
        st.caption(_(
            "{count} more compressed networks are slower here than what they were made of."
        ).format(count=len(slower) - MOST_TOLD))


def _limits(family: Family, task: Task) -> Limits:
    """Three sliders that say what is asked for, and the sentence that names who keeps to it."""
    metric = METRICS[primary_metric(task)]
    sizes = cost_steps(size for member in family.members if (size := member.costs["size"]))
    times = cost_steps(time for member in family.members if (time := member.costs["latency"]))
    scores = score_steps((member.score.mean for member in family.members), share=metric.is_share)
    left, middle, right = st.columns(3, gap="medium")
    with left:
        most_bytes = _slider(
            "most-bytes", _("File"), sizes, lambda one: _("at most {size}").format(size=words.size(one)), last=True,
            help_text=_("The ONNX file; of a network without one, its weights."),
        )
    with middle:
        most_ms = _slider(
            "most-ms", _("Latency p50"), times,
            lambda one: _("at most {latency}").format(latency=words.milliseconds(one)), last=True,
            help_text=_("Under the conditions chosen above; what was not measured does not keep to a limit."),
        )
    with right:
        least = _slider(
            "least", told(heading(primary_metric(task), task)), scores,
            lambda one: _("at least {score}").format(score=f"{100 * one:g}%" if metric.is_share else f"{one:g}"),
            last=False,
            help_text=_(
                "Mean test {metric} over the seeds."
            ).format(metric=told(metric_title(primary_metric(task), task))),
        )
    limits = Limits(most_bytes, most_ms, least)
    if not limits:
        st.caption(
            _(":material/filter_alt: Set a limit, and the most accurate network that keeps to it is named here.")
        )
    elif passing(family, limits, metric=primary_metric(task)):
        st.success(markdown_text(verdict_on(family, limits)), icon=":material/emoji_events:")
    else:
        st.warning(markdown_text(verdict_on(family, limits)), icon=":material/filter_alt_off:")
    return limits


def _slider(
    key: str, label: str, steps: Sequence[float], say: Callable[[float], str], *, last: bool, help_text: str
) -> float | None:
    """A limit kept in the address, or None; `last`: no limit is at the right end."""
    if not steps:
        return None
    asked = [number for number in map(_number, st.query_params.get_all(key)) if number is not None]
    values = [f"{step:g}" for step in sorted({*steps, *asked[:1]})]
    options = [*values, ANY] if last else [ANY, *values]
    address.read(key, default=[ANY], allowed=options, single=True)
    if st.session_state[key] not in options:
        # Another choice of runs has other steps.
        st.session_state[key] = ANY
    chosen = st.select_slider(
        label, options, key=key, help=help_text,
        format_func=lambda one: _(ANY) if one == ANY else say(float(one)),
    )
    address.write(key, [str(chosen)], default=[ANY])
    return None if chosen == ANY else float(str(chosen))


def _number(text: str) -> float | None:
    """A limit somebody wrote into an address, if it is one."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < 1e15 else None
