"""The steps of an experiment, and its time, device and memory in numbers."""

from __future__ import annotations

import time

import streamlit as st

from distill_core.charts.names import markdown_text, plain_name
from distill_core.progress import progress_of, step_share
from distill_core.rows import ExperimentView, StepRow
from pages.ui import words

HELP = (
    "The teacher is trained first, or reused. Then all rivals of a seed train in one pass: same initial weights, "
    "same batches, same views. Exported files are compared with torch on the whole test set; latency is measured "
    "last, when nothing else runs."
)


def show_steps(view: ExperimentView) -> None:
    """The steps, one line each; only the one under way has a bar."""
    if not view.steps:
        active = "It waits. Its steps" if view.row.state == "queued" else "The worker is starting. Its steps"
        st.caption(f"{active} appear here." if view.row.state in words.ACTIVE else "No step was begun.")
        return
    now = time.time()
    for step in view.steps:
        took = _took(step, now=now)
        label = f"{words.STEP_ICONS[step.state]} {markdown_text(plain_name(step.title))}"
        if step.state == "running" and step.total:
            st.progress(step_share(step), text=f"{label} · {step.done:,} of {step.total:,}")
        else:
            st.markdown(f"{label}{f' · :gray[{took}]' if took else ''}")


def _took(step: StepRow, *, now: float) -> str:
    if step.started_at is None or step.state == "waiting":
        return ""
    return words.duration((step.finished_at or now) - step.started_at)


def show_numbers(view: ExperimentView) -> None:
    """Elapsed, time left, device and memory."""
    progress = progress_of(view.row, view.steps, now=time.time())
    with st.container(horizontal=True, gap="medium"):
        st.metric("Elapsed", words.duration(progress.elapsed_seconds), width="content",
                  help="Since the worker started, from stored times.")
        if view.row.state in ("running", "stopping", "starting"):
            left = words.duration(progress.remaining_seconds) if progress.remaining_seconds is not None else "measuring"
            st.metric("Time left", left, width="content",
                      help="From a few timed steps at the start, then from how long this experiment's own steps take.")
        st.metric("Runs done", f"{view.row.runs_done} of {view.row.runs_total}", width="content",
                  help="Runs that need no further work, reused ones included.")
    if view.worker:
        worker = view.worker
        facts = [markdown_text(plain_name(worker.device_name, 60)), words.plural(worker.threads, "thread")]
        facts += [f"{words.size(worker.memory_bytes)} memory"] if worker.memory_bytes else []
        facts += [f"{words.size(worker.gpu_memory_bytes)} GPU memory"] if worker.gpu_memory_bytes else []
        st.caption(" · ".join(facts), help=f"Worker process {worker.pid} on {markdown_text(worker.machine)}.")
