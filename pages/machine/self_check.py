"""The lab checks itself: its losses and intervals against values that were computed elsewhere."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.errors import LabError
from distill_core.language import _, told
from pages.ui import places
from pages.ui.session import lab

ANSWER = "self-check answer"


def settings_of(one: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {value:g}" for name, value in one["settings"].items())


def table(comparisons: list[dict[str, Any]]) -> pd.DataFrame:
    """One row a value; digits as they are compared."""
    return pd.DataFrame([
        {
            "agrees": _("agrees") if one["agrees"] else _("differs"), "what": told(one["what"]),
            "settings": settings_of(one), "expected": one["expected"], "found": one["found"],
            "difference": one["difference"], "source": one["source"],
        }
        for one in comparisons
    ])


def verdict(answer: dict[str, Any]) -> None:
    """All in one sentence."""
    comparisons, bound = answer["comparisons"], f"{answer['tolerance']:g}"
    wrong = [one for one in comparisons if not one["agrees"]]
    if not wrong:
        st.success(
            _("All {count} values agree to within {bound}.").format(count=len(comparisons), bound=bound),
            icon=":material/check_circle:",
        )
        return
    st.error(
        _("{wrong} of {count} values differ by more than {bound}; trust no result that was made with these until the "
          "installation is mended.").format(wrong=len(wrong), count=len(comparisons), bound=bound),
        icon=":material/error:",
    )


def outcome(answer: dict[str, Any]) -> None:
    verdict(answer)
    Column = st.column_config
    st.dataframe(
        table(answer["comparisons"]), key="self-check", hide_index=True, width="stretch", height="content",
        alt=_("Reference values, ours and their differences"),
        column_config={
            "agrees": Column.TextColumn(_("Outcome"), help=_("Whether both are within the tolerance."), width="small"),
            "what": Column.TextColumn(_("What"), help=_("The loss as the reference names it, or a statistic.")),
            "settings": Column.TextColumn(_("Settings"), help=_("As the paper or its code names them.")),
            "expected": Column.NumberColumn(
                _("Reference"), format="%.10f", help=_("Computed with the published implementation, in float64.")
            ),
            "found": Column.NumberColumn(_("Ours"), format="%.10f", help=_("Computed just now, on this machine.")),
            "difference": Column.NumberColumn(
                _("Difference"), format="%.1e", help=_("Absolute; the reference has ten digits after the point.")
            ),
            "source": Column.TextColumn(
                _("Source"), help=_("Whose code or formula gave the reference; empty where no code is on record.")
            ),
        },
    )
    st.caption(_("PyTorch {version}, float64, on the CPU.").format(version=markdown_text(answer["torch"])))


def show() -> None:
    places.link(places.MACHINE, _("Machine"), icon=":material/arrow_back:")
    st.title(_("Self-check"), anchor=False)
    st.markdown(_(
        "Computes every loss that has a published reference value, and the interval behind the verdicts where it has "
        "a closed form, on inputs without any randomness, and compares them with values computed elsewhere."
    ))
    if st.button(_("Check now"), key="check", type="primary", icon=":material/fact_check:",
                 help=_("Takes a moment; the first time the helper process has to load PyTorch.")):
        try:
            with st.spinner(_("Computing …"), show_time=True):
                st.session_state[ANSWER] = lab().previews.self_check()
        except LabError as error:
            st.session_state.pop(ANSWER, None)
            st.error(markdown_text(told(error.sentence)), icon=":material/error:")
    if answer := st.session_state.get(ANSWER):
        outcome(answer)
    else:
        st.info(_("Nothing was computed yet. Press the button to check."), icon=":material/fact_check:")
    st.caption(_(
        "What a pass does not prove: that a training is right, that a figure on a page is, or that distillation helps. "
        "It says that these formulas give the published numbers on these few inputs."
    ))


show()
