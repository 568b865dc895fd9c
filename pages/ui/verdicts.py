"""The verdict, first and large: what distillation did, in colour, icon and words."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

import streamlit as st

from distill_core.charts.names import markdown_name, markdown_text
from distill_core.charts.style import MOST_SERIES
from distill_core.charts.variants import validation_means
from distill_core.evaluation.seeds_needed import seeds_needed
from distill_core.evaluation.verdict import Judgement, Verdict
from distill_core.language import _, counted, marked, told
from distill_core.rows import ExperimentRow, RunRow

HELP = marked(
    "Both networks have the same shape and were trained with the same budget, seeds, batches and initial weights; "
    "they differ only in what they learn from. The interval is a 95% t interval over the paired differences of the "
    "seeds."
)
BADGES: dict[Judgement, str] = {
    "helped": marked(":green-badge[:material/trending_up: helped]"),
    "did not help": marked(":red-badge[:material/trending_flat: did not help]"),
    "inconclusive": marked(":orange-badge[:material/help: inconclusive]"),
}
CONTROL = marked(":gray-badge[:material/science: control]")
CONTROL_HELP = marked(
    "A student that learns from changed labels but from no teacher. If it gains as much as the distilled one, "
    "the gain does not come from the teacher."
)


# Of many, so many have a box of their own.
FIRST = 3


def show_verdict(verdict: Verdict) -> None:
    """One verdict as a coloured box; the alone figure always stands beside the distilled one."""
    name, sentence = markdown_name(verdict.student, 60), markdown_text(told(verdict.sentence()))
    needed = seeds_needed(verdict)
    body = f"**{sentence}** {markdown_text(told(verdict.because()))}"
    body += f" {markdown_text(told(needed.sentence()))}" if needed else ""
    if verdict.verdict == "helped":
        st.success(body, icon=":material/trending_up:", title=_("{name}: distillation helped").format(name=name))
    elif verdict.verdict == "did not help":
        st.error(body, icon=":material/trending_flat:", title=_(
            "{name}: distillation did not help"
        ).format(name=name))
    else:
        st.warning(body, icon=":material/help:", title=_("{name}: inconclusive").format(name=name))


def show_verdicts(found: Iterable[Verdict], runs: Iterable[RunRow]) -> None:
    """Every distilled student, the largest gain first; then the controls that had no teacher, in plain words."""
    runs = list(runs)
    distilled = {run.name for run in runs if run.role == "student"}
    every = sorted(found, key=lambda verdict: -verdict.delta_mean)
    judged = [verdict for verdict in every if verdict.student in distilled]
    if len(judged) > MOST_SERIES:
        show_many(judged, validation_means(runs))
    else:
        for verdict in judged:
            show_verdict(verdict)
    controls = [verdict for verdict in every if verdict.student not in distilled]
    for verdict in controls:
        st.caption(
            _(
                ":material/science: Control without a teacher: {sentence}"
            ).format(sentence=markdown_text(told(verdict.sentence()))), help=_(CONTROL_HELP),
        )


def show_many(judged: Sequence[Verdict], validation: Mapping[str, float]) -> None:
    """The count, the first few as boxes and all others folded; the order is that of the validation data."""
    ordered = sorted(judged, key=lambda verdict: -validation.get(verdict.student, -math.inf))
    counts = {word: sum(verdict.verdict == word for verdict in judged) for word in BADGES}
    st.markdown(
        " ".join([
            "**" + counted("{number} student judged:", "{number} students judged:", len(judged)) + "**",
            *(f"**{counts[word]}** {_(badge)}" for word, badge in BADGES.items()),
        ]),
        help=_(
            "Each is judged by itself, at 95%: of many that do nothing, about one in forty seems to help by chance "
            "alone. The order below is that of the validation data, which judge nothing, so that the first was not "
            "chosen by the figures that are told of it."
        ),
    )
    for verdict in ordered[:FIRST]:
        show_verdict(verdict)
    rest = ordered[FIRST:]
    folded = st.expander(
        counted("{number} more verdict", "{number} more verdicts", len(rest)), icon=":material/balance:",
        key="more-verdicts", on_change="rerun",
    )
    if folded.open:
        with folded:
            st.markdown("  \n".join(_line(verdict, BADGES[verdict.verdict]) for verdict in rest))


def _line(verdict: Verdict, badge: str) -> str:
    return f"{_(badge)} {markdown_text(told(verdict.sentence()))}"


def show_lines(found: Iterable[tuple[ExperimentRow, Sequence[Verdict]]], runs: Collection[RunRow]) -> None:
    """One line a verdict, by experiment, for the variants among the runs; a badge says which way it went."""
    for experiment, verdicts in found:
        mine = [run for run in runs if run.experiment_id == experiment.experiment_id]
        shown, distilled = {run.name for run in mine}, {run.name for run in mine if run.role == "student"}
        lines = [
            _line(verdict, BADGES[verdict.verdict] if verdict.student in distilled else CONTROL)
            for verdict in sorted(verdicts, key=lambda verdict: (verdict.student not in distilled, -verdict.delta_mean))
            if verdict.student in shown
        ]
        if lines:
            st.markdown(f"**{markdown_name(experiment.name, 60)}**", help=_(HELP))
            st.markdown("  \n".join(lines))
