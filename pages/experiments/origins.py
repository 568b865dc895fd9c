"""What an experiment shows, what people noted on it, and who in it learned from which samples."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.names import markdown_text, plain_name
from distill_core.language import _, told
from distill_core.rows import ExperimentView
from pages.ui import feedback_panel, notes_panel, places


def about(view: ExperimentView) -> None:
    """What the experiment shows, what people noted, and who learned from which samples."""
    notes_panel.show_notes(view)
    feedback_panel.show_origin(view)
    if view.spec.shows:
        st.markdown(markdown_text(told(view.spec.shows)))
    if lines := who_sees_what(view):
        st.caption(_("Who learns from what: {groups}.").format(groups="; ".join(lines)))
    reused = [run for run in view.runs if run.reused_from]
    if reused:
        sources = sorted({run.reused_from for run in reused})
        new = [run for run in view.runs if not run.reused_from]
        trained = list(dict.fromkeys(run.name for run in new if run.role != "compressed"))
        names = ", ".join(f"“{plain_name(name)}”" for name in trained)
        compressed = len(new) > sum(run.name in trained for run in new)
        text = {
            (True, False): _("{reused} of {runs} runs are reused from {sources}; only {names} had to be trained."),
            (True, True): _(
                "{reused} of {runs} runs are reused from {sources}; only {names} had to be trained, the rest is made "
                "by compression."
            ),
            (False, False): _("{reused} of {runs} runs are reused from {sources}; nothing had to be trained."),
            (False, True): _(
                "{reused} of {runs} runs are reused from {sources}; nothing had to be trained, the rest is made by "
                "compression."
            ),
        }[bool(trained), compressed]
        st.info(
            markdown_text(text.format(
                reused=len(reused), runs=len(view.runs), sources=", ".join(sources), names=names,
            )),
            icon=":material/recycling:",
        )
        with st.container(horizontal=True):
            for source in sources[:4]:
                places.link(
                    places.EXPERIMENT, _("Open {source}").format(source=source), icon=":material/open_in_new:",
                    id=source,
                )


def who_sees_what(view: ExperimentView) -> list[str]:
    """One part of a sentence for each set of samples; those of a kind are named only where they differ."""
    groups: dict[bool, set[str]] = {
        is_teacher: {
            run.name for run in view.runs if run.role != "compressed" and (run.role == "teacher") == is_teacher
        }
        for is_teacher in (True, False)
    }
    everybody = {True: _("the teacher") if len(groups[True]) == 1 else _("all teachers"), False: _("all students")}
    seen: dict[str, dict[tuple[bool, str], None]] = {}
    for run in view.runs:
        if run.samples_seen:
            seen.setdefault(run.samples_seen, {})[run.role == "teacher", run.name] = None
    lines = []
    for what, learners in seen.items():
        parts = []
        for is_teacher, group in groups.items():
            some = [name for of_teacher, name in learners if of_teacher == is_teacher]
            if some:
                parts += [everybody[is_teacher]] if set(some) == group else [f"“{plain_name(name)}”" for name in some]
        text = _("{learners} from {samples}")
        lines.append(markdown_text(text.format(learners=_(" and ").join(parts), samples=plain_name(told(what), 160))))
    return lines
