"""The verdict, first and large: what distillation did, in colour, icon and words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import streamlit as st

from distill_core.charts.names import markdown_name, markdown_text
from distill_core.evaluation.seeds_needed import seeds_needed
from distill_core.evaluation.verdict import Judgement, Verdict
from distill_core.language import _, marked, told
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
    distilled = {run.name for run in runs if run.role == "student"}
    every = sorted(found, key=lambda verdict: -verdict.delta_mean)
    for verdict in every:
        if verdict.student in distilled:
            show_verdict(verdict)
    controls = [verdict for verdict in every if verdict.student not in distilled]
    for verdict in controls:
        st.caption(
            _(
                ":material/science: Control without a teacher: {sentence}"
            ).format(sentence=markdown_text(told(verdict.sentence()))), help=_(CONTROL_HELP),
        )


def show_lines(found: Iterable[tuple[ExperimentRow, Sequence[Verdict]]], runs: Collection[RunRow]) -> None:
    """One line a verdict, by experiment, for the variants among the runs; a badge says which way it went."""
    for experiment, verdicts in found:
        mine = [run for run in runs if run.experiment_id == experiment.experiment_id]
        shown, distilled = {run.name for run in mine}, {run.name for run in mine if run.role == "student"}
        lines = [
            f"{_(BADGES[verdict.verdict] if verdict.student in distilled else CONTROL)} "
            f"{markdown_text(told(verdict.sentence()))}"
            for verdict in sorted(verdicts, key=lambda verdict: (verdict.student not in distilled, -verdict.delta_mean))
            if verdict.student in shown
        ]
        if lines:
            st.markdown(f"**{markdown_name(experiment.name, 60)}**", help=_(HELP))
            st.markdown("  \n".join(lines))
