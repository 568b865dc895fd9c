"""The verdict, first and large: what distillation did, in colour, icon and words."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.evaluation.verdict import Verdict

HELP = (
    "Both networks have the same shape and were trained with the same budget, seeds, batches and initial weights; only the "
    "targets differ. The interval is a 95% t interval over the paired differences of the seeds."
)


def show_verdict(verdict: Verdict) -> None:
    """One verdict as a coloured box; the alone figure always stands beside the distilled one."""
    body = f"**{markdown_text(verdict.sentence())}**  \n{markdown_text(verdict.because())}"
    if verdict.verdict == "helped":
        st.success(body, icon=":material/trending_up:", title="Distillation helped")
    elif verdict.verdict == "did not help":
        st.error(body, icon=":material/trending_flat:", title="Distillation did not help")
    else:
        st.warning(body, icon=":material/help:", title="Inconclusive")


def show_verdicts(verdicts: Iterable[Verdict]) -> None:
    """All accuracy verdicts, the largest gain first; other metrics follow in one fold."""
    every = sorted(verdicts, key=lambda verdict: -verdict.delta_mean)
    accuracy = [verdict for verdict in every if verdict.metric == "accuracy"]
    others = [verdict for verdict in every if verdict.metric != "accuracy"]
    for verdict in accuracy:
        show_verdict(verdict)
    if accuracy:
        st.caption("How this is judged", help=HELP)
    if others:
        with st.expander("The same comparison by other measures"):
            for verdict in others:
                st.markdown(f"{markdown_text(verdict.sentence())} {markdown_text(verdict.because())}")
