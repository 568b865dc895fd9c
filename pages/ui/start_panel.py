"""Beside a form: what the experiment costs, what is wrong with it or worth a thought, and the button that starts it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.errors import Problem
from distill_core.fitting import low_bit_warnings
from distill_core.language import _, counted, told
from distill_core.spec import ExperimentSpec
from pages.ui import account, starting
from pages.ui.preview_panel import show_preview
from pages.ui.session import lab
from pages.ui.variants_panel import variants_panel


def start_panel(spec: ExperimentSpec | None, problems: Sequence[Problem], *, purpose: str, **address: str) -> None:
    """`spec` is None where there are problems, or nothing to start yet; `address`: of the page it leads to."""
    with st.container(border=True, key="start-panel"):
        if spec is None and not problems:
            st.caption(_("There is nothing to start yet."))
        else:
            show_preview(spec, of_teacher=purpose == "form")
        if spec is not None:
            _variants(spec)
            for warning in low_bit_warnings(spec, lab().catalogue()):
                st.warning(markdown_text(told(warning)), icon=":material/warning:")
        st.divider()
        if problems:
            lines = "\n".join(f"- {markdown_text(told(str(problem)))}" for problem in problems)
            st.error(lines, icon=":material/error:", title=counted(
                "{number} field to mend", "{number} fields to mend", len(problems),
            ))
        if st.button(_("Start"), key="start", type="primary", icon=":material/play_arrow:", width="stretch",
            disabled=spec is None or not account.may_launch(),
            help=_("Runs in the background; closing this tab does not stop it.") if account.may_launch()
            else account.why_not()) and spec is not None:
            starting.launch(spec, purpose=purpose, **address)
        if not account.may_launch():
            # A help on a button that is off is never seen on a phone.
            st.caption(f":material/visibility: {account.why_not()}")


def _variants(spec: ExperimentSpec) -> None:
    """What each generator of the form makes, on real samples."""
    seen: set[str] = set()
    for student in spec.students:
        made = student.generator
        if made is None or made.model_dump_json() in seen:
            continue
        seen.add(made.model_dump_json())
        title = lab().catalogue().generators[made.name].title
        temperatures = [term.loss.params.get("temperature") for term in student.terms]
        warm = next((float(str(one)) for one in temperatures if one is not None), 4.0)
        with st.expander(_("Variants: {title}").format(title=told(title)), icon=":material/auto_awesome_motion:"):
            variants_panel(spec, made, key=f"variants-{len(seen)}", temperature=warm)
