"""How far a sweep is: trials, runs, what was reused, the time."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import suppress

import streamlit as st

from distill_core.charts.sweep_figures import state_counts
from distill_core.errors import NotFound
from distill_core.language import _, counted
from distill_core.progress import sweep_progress
from distill_core.rows import ExperimentView, NoteRow
from distill_core.sweep_rows import SweepResults, SweepRow
from pages.sweeps import states
from pages.ui import places, words
from pages.ui.progress import show_note
from pages.ui.session import watched

_MOST_LINKS, _MOST_NOTES = 6, 6
_FIGURES = re.compile(r"\b\d[\d.,e-]*")


def show_numbers(results: SweepResults) -> None:
    """Counts and times; while it goes on, a bar."""
    row = results.row
    rounds = _experiments(row)
    done, total, reused = (
        sum(getattr(view.row, name) for view in rounds) for name in ("runs_done", "runs_total", "runs_reused")
    )
    progress = sweep_progress(
        row.trials_ended, states.planned(row), [(view.row, view.steps) for view in rounds], now=time.time()
    )
    with st.container(horizontal=True, gap="medium", key="sweep-numbers"):
        st.metric(
            _("Trials"), _("{done} of {total}").format(done=row.trials_ended, total=states.planned(row)),
            width="content", help=_(
                "Combinations that are trained, pruned or refused, or have failed: {states}."
            ).format(states=state_counts(results.counts) or "–"),
        )
        st.metric(
            _("Runs done"), _("{done} of {total}").format(done=done, total=total), width="content",
            help=_("Trials by seeds, with the teacher and the student alone, of the experiments begun so far."),
        )
        st.metric(
            _("Reused"), f"{reused / total:.0%}" if total else "–", width="content",
            help=counted(
                "{number} run was trained before and only taken over.",
                "{number} runs were trained before and only taken over.", reused,
            ),
        )
        st.metric(
            _("Time at work"), words.duration(progress.elapsed_seconds), width="content",
            help=_("Of its experiments, without waiting in the queue."),
        )
        if row.going:
            left = progress.remaining_seconds
            st.metric(
                _("Time left"), _("measuring") if left is None else words.duration(left), width="content",
                help=_("From the steps of its experiment, or from the pace of the trials so far."),
            )
    if row.going:
        st.progress(progress.share, text=state_counts(results.counts) or _("It begins."))
    _notes(rounds)


def _notes(rounds: Sequence[ExperimentView]) -> None:
    """What its experiments tell, such as why students train one by one; what several tell once, the newest last."""
    newest: dict[str, NoteRow] = {}
    for note in (note for view in rounds for note in view.notes):
        # Rounds tell the same with other figures.
        said = _FIGURES.sub("", note.text)
        newest.pop(said, None)
        newest[said] = note
    if newest:
        with st.container(gap="xsmall", key="sweep-notes"):
            for note in list(newest.values())[-_MOST_NOTES:]:
                show_note(note)


def _experiments(row: SweepRow) -> list[ExperimentView]:
    """Those that are there: the newest may be about to be made, and others purged."""
    found = []
    for one in row.experiment_ids:
        with suppress(NotFound):
            found.append(watched(one))
    return found


def show_rounds(results: SweepResults) -> None:
    """The experiments that train its trials."""
    ids = results.row.experiment_ids
    if not ids:
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="rounds"):
        for number, one in list(enumerate(ids, start=1))[-_MOST_LINKS:]:
            label = _("Its experiment") if len(ids) == 1 else _("Experiment {number}").format(number=number)
            places.link(
                places.EXPERIMENT, label, icon=":material/science:", id=one,
                help=_("Live curves, verdicts, files and log of these runs."),
            )
        if len(ids) > _MOST_LINKS:
            st.caption(_("The last {shown} of {total} experiments.").format(shown=_MOST_LINKS, total=len(ids)))
