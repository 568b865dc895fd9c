"""What corrections did to an experiment that learnt from them: a sentence, a table, the held-back samples."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import pandas as pd
import streamlit as st

from distill_core.charts.names import lineage_name, markdown_text, plain_name
from distill_core.errors import LabError
from distill_core.evaluation.feedback import FEW, Feedback, RunEffect, judged, share
from distill_core.language import _, counted, marked, told
from distill_core.rows import ExperimentView
from pages.ui import places, words
from pages.ui.corrections_panel import ROW_PX, data_url
from pages.ui.guard import tell
from pages.ui.session import lab

Column = st.column_config
LONGEST_NAME = 64
HELP = marked(
    "Every network is compared with the one of the same name and seed in the experiment whose answers were corrected. "
    "Held-back corrections were learnt by none of them."
)
LUCK = marked(
    "Held-back corrections were chosen because an answer was wrong, so a network trained anew gets some of them right "
    "by luck alone; the test set tells whether it is better in general."
)


def show_origin(view: ExperimentView) -> None:
    """For an experiment that learns from corrections: which, and of whom."""
    digest = view.spec.data.corrections
    if not digest:
        return
    try:
        facts = lab().corrections.frozen(digest)
    except LabError as error:
        st.warning(markdown_text(told(error.sentence)), icon=":material/warning:")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            _(
                ":material/rate_review: Learns from {corrections} too, {held_back:,} more held back to check."
            ).format(corrections=words.corrections(facts.learnt), held_back=facts.held_back), width="content",
        )
        places.link(
            places.EXPERIMENT, _("Where they come from"), icon=":material/open_in_new:", id=facts.experiment_id,
            help=_("The experiment whose answers were corrected."),
        )


def show_feedback(view: ExperimentView) -> None:
    """The result, once the worker has told it."""
    if not view.spec.data.corrections:
        return
    try:
        found = lab().corrections.feedback(view.row.experiment_id)
    except LabError as error:
        tell(error)
        return
    if found is None:
        return
    st.header(_("What the corrections did"), anchor=False, help=_(HELP))
    headline = found.headline
    verdict = judged(found.of(*headline)) if headline is not None else ""
    st.info(
        f"**{markdown_text(told(found.sentence()))}** {markdown_text(told(verdict))}", icon=":material/rate_review:",
    )
    _table(found)
    if found.held_back:
        few = _("{number} are few: no percentage is given below {least}.").format(
            number=len(found.held_back), least=FEW,
        )
        st.caption(f"{few} {_(LUCK)}" if len(found.held_back) < FEW else _(LUCK))
    if not all(run.only_corrections for run in found.runs if run.before_run_id):
        st.caption(
            _(
                ":material/warning: Marked variants differ from those before in more than the corrections: in their "
                "settings, or in the code or machine that trained them."
            )
        )
    for note in found.notes[:4]:
        st.caption(f":material/info: {markdown_text(told(note))}")
    if found.held_back:
        _held_back(found)


def _table(found: Feedback) -> None:
    """A row a variant, means over its seeds."""
    rows = [_row(found, role, found.of(role, name)) for role, name in found.variants]
    several = any(row["seeds"] > 1 for row in rows)
    mean = _(", mean over the seeds") if several else ""
    st.dataframe(
        pd.DataFrame(rows), key="feedback", hide_index=True, width="stretch", height="content",
        alt=_("Accuracy on the test set and right answers on corrections, before and after, by variant"),
        column_order=[name for name in rows[0] if name != "seeds" or several] if rows else [],
        column_config={
            "name": Column.TextColumn(_("Variant"), help=_("The same name and seed before and after.")),
            "role": Column.TextColumn(_("Role"), help=_("Who was trained, and from what.")),
            "seeds": Column.NumberColumn(_("Seeds"), format="%d", help=_("So many runs were compared.")),
            "before": Column.NumberColumn(
                _("Test before %"), format="%.1f", help=_(
                    "Accuracy on the test set without the corrections{mean}."
                ).format(mean=mean),
            ),
            "after": Column.NumberColumn(
                _("Test after %"), format="%.1f", help=_(
                    "Accuracy on the same test set with them{mean}."
                ).format(mean=mean),
            ),
            "change": Column.NumberColumn(_("Change"), format="%+.1f", help=_("In points of accuracy.")),
            "fixed": Column.NumberColumn(
                _("Became right"), format="%d", help=_("Test samples that were wrong before, over all seeds."),
            ),
            "broken": Column.NumberColumn(
                _("Became wrong"), format="%d", help=_("Test samples that were right before, over all seeds."),
            ),
            "held_before": Column.TextColumn(
                _("Held back before"), help=_(
                    "Right answers on corrections that nobody learnt{mean}."
                ).format(mean=mean),
            ),
            "held_after": Column.TextColumn(_("Held back after"), help=_(
                "The same after learning the others{mean}."
            ).format(mean=mean)),
            "learnt_after": Column.TextColumn(
                _("Learnt"), help=_(
                    "Right answers after training on the corrections that were learnt{mean}."
                ).format(mean=mean),
            ),
        },
    )


def _row(found: Feedback, role: str, runs: Sequence[RunEffect]) -> dict[str, Any]:
    paired = [run for run in runs if run.test_before is not None]
    asked = [run.held_before for run in runs if run.held_before is not None]
    before = 100 * fmean((run.test_before or 0) / run.test_total for run in paired) if paired else None
    after = 100 * fmean(run.test_after / run.test_total for run in paired or runs)
    total, marked = len(found.held_back), any(run.before_run_id and not run.only_corrections for run in runs)
    return {
        "name": lineage_name(runs[0].name, LONGEST_NAME) + (" ⚠" if marked else ""),
        "role": _(words.ROLES[runs[0].role]), "seeds": len(runs), "before": before, "after": after,
        "change": None if before is None else after - before,
        "fixed": sum(run.fixed or 0 for run in paired) if paired else None,
        "broken": sum(run.broken or 0 for run in paired) if paired else None,
        "held_before": share(fmean(asked), total) if asked and total else "–",
        "held_after": share(fmean(run.held_after for run in runs), total) if total else "–",
        "learnt_after": share(fmean(run.learnt_after for run in runs), found.learnt) if found.learnt else "–",
    }


def _held_back(found: Feedback) -> None:
    """Each held-back correction with the answers of one run before and after."""
    with st.expander(
        counted("The {number} correction held back", "The {number} corrections held back", len(found.held_back)),
        icon=":material/visibility:",
    ):
        start = next((i for i, run in enumerate(found.runs) if (run.role, run.name) == found.headline), 0)
        number = st.selectbox(
            _("Run"), range(len(found.runs)), index=start, key="feedback-run", width=320,
            format_func=lambda i: " · ".join([
                lineage_name(found.runs[i].name, LONGEST_NAME), _("seed {seed}").format(seed=found.runs[i].seed),
            ]),
            help=_("Whose answers to show."),
        )
        run = found.runs[number]
        try:
            samples = lab().corrections.held_back(found)
        except LabError as error:
            tell(error)
            return
        of_test = any(one.test_index is not None for one in found.held_back)
        rows = [
            {
                **({"picture": data_url(png)} if png is not None else {}),
                **({"text": plain_name(text, 200)} if text else {}),
                "label": plain_name(one.label, 60),
                "before": "–" if run.answers_before is None else _mark(run.answers_before[place], one.label),
                "after": _mark(run.answers_after[place], one.label),
                **(
                    {
                        "test": "" if one.test_index is None else _("row {row:,}").format(row=one.test_index)
                    } if of_test else {}
                ),
            }
            for place, (one, (png, text)) in enumerate(zip(found.held_back, samples, strict=True))
        ]
        st.dataframe(
            pd.DataFrame(rows), key="held-back", hide_index=True, width="stretch", row_height=ROW_PX,
            height=min(ROW_PX * len(rows) + 40, 480), alt=_("Held-back corrections with the answers before and after"),
            column_config={
                "picture": Column.ImageColumn(_("Sample"), help=_("As the networks see it."), width="small"),
                "text": Column.TextColumn(_("Text"), help=_("What was read."), width="medium"),
                "label": Column.TextColumn(_("Right class"), help=_("What someone said it is.")),
                "before": Column.TextColumn(_("Answer before"), help=_("Of the network that knew no correction.")),
                "after": Column.TextColumn(_("Answer after"), help=_("Of the network that learnt the others.")),
                "test": Column.TextColumn(_("Test set"), help=_("Its row there; test samples are never learnt.")),
            },
        )


def _mark(answer: str, label: str) -> str:
    return f"{'✓' if answer == label else '✗'} {plain_name(answer, 60)}"
