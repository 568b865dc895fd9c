"""The steps of an experiment, and its time, device and memory in numbers."""

from __future__ import annotations

import time

import streamlit as st

from distill_core.charts.names import markdown_text, plain_name
from distill_core.language import _, counted, marked, told
from distill_core.progress import progress_of, step_share
from distill_core.rows import ExperimentView, NoteRow, StepRow
from pages.ui import words

HELP = marked(
    "The teacher is trained first, or reused. Then all rivals of a seed train in one pass: same initial weights, "
    "same batches, same views. Exported files are compared with torch on the whole test set; latency is measured "
    "last, when nothing else runs."
)


def show_steps(view: ExperimentView) -> None:
    """The steps, one line each; only the one under way has a bar."""
    if not view.steps:
        if view.row.state not in words.ACTIVE:
            st.caption(_("No step was begun."))
        else:
            queued = view.row.state == "queued"
            st.caption(
                _("It waits. Its steps appear here.") if queued
                else _("The worker is starting. Its steps appear here.")
            )
        return
    now = time.time()
    for step in view.steps:
        took = _took(step, now=now)
        label = f"{words.STEP_ICONS[step.state]} {markdown_text(plain_name(told(step.title)))}"
        if step.state == "running" and step.total:
            st.progress(step_share(step), text=_(
                "{label} · {done:,} of {total:,}"
            ).format(label=label, done=step.done, total=step.total))
        else:
            st.markdown(f"{label}{f' · :gray[{took}]' if took else ''}")


def show_note(note: NoteRow) -> None:
    """What the worker has told of an experiment, such as why students train one by one."""
    icon = ":material/warning:" if note.level != "info" else ":material/info:"
    st.caption(f"{icon} {markdown_text(told(note.text))}")


def _took(step: StepRow, *, now: float) -> str:
    if step.started_at is None or step.state == "waiting":
        return ""
    return words.duration((step.finished_at or now) - step.started_at)


def show_numbers(view: ExperimentView) -> None:
    """Elapsed, time left, device and memory."""
    progress = progress_of(view.row, view.steps, now=time.time())
    with st.container(horizontal=True, gap="medium"):
        st.metric(_("Elapsed"), words.duration(progress.elapsed_seconds), width="content",
                  help=_("Since the worker started, from stored times."))
        if view.row.state in ("running", "stopping", "starting"):
            left = words.duration(progress.remaining_seconds) if progress.remaining_seconds is not None else _(
                "measuring"
            )
            st.metric(_("Time left"), left, width="content",
                      help=_(
                          "From a few timed steps at the start, then from how long this experiment's own steps take."
                      ))
        st.metric(_("Runs done"), _(
            "{done} of {total}"
        ).format(done=view.row.runs_done, total=view.row.runs_total), width="content",
                  help=_("Runs that need no further work, reused ones included."))
    if view.worker:
        worker = view.worker
        facts = [
            markdown_text(plain_name(worker.device_name, 60)),
            counted("{number} thread", "{number} threads", worker.threads),
        ]
        facts += [_("{size} memory").format(size=words.size(worker.memory_bytes))] if worker.memory_bytes else []
        facts += [
            _("{size} GPU memory").format(size=words.size(worker.gpu_memory_bytes))
        ] if worker.gpu_memory_bytes else []
        st.caption(" · ".join(facts), help=_(
            "Worker process {pid} on {machine}."
        ).format(pid=worker.pid, machine=markdown_text(worker.machine)))
