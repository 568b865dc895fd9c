"""How far an experiment is, from stored times only, so that a reloaded or hidden tab tells the same."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from distill_core.charts.names import markdown_text, plain_name
from distill_core.rows import ExperimentRow, ExperimentView, StepRow
from pages.ui import words

COHORT = "cohort:"
HELP = (
    "The teacher is trained first, or reused. Then all rivals of a seed train in one pass: same initial weights, "
    "same batches, "
    "same views. Exported files are compared with torch on the whole test set; latency is measured last, when "
    "nothing else runs."
)


@dataclass(frozen=True)
class Progress:
    """Seconds since the start and to the end; None where nothing is known yet."""

    elapsed_seconds: float | None
    remaining_seconds: float | None


def progress_of(row: ExperimentRow, steps: Sequence[StepRow], *, now: float) -> Progress:
    """Elapsed from the stored start. Remaining from how long this experiment's own steps took: no cohort, no figure."""
    if row.started_at is None:
        return Progress(None, None)
    elapsed = max(0.0, (row.finished_at or now) - row.started_at)
    if row.state not in ("running", "stopping"):
        return Progress(elapsed, None)
    cohorts = [step for step in steps if step.step.startswith(COHORT)]
    known = [seconds for step in cohorts if (seconds := _whole_step_seconds(step, now=now)) is not None]
    if not known:
        return Progress(elapsed, None)
    one = sum(known) / len(known)
    remaining = sum(one * (1 - share(step)) for step in cohorts if step.state in ("waiting", "running"))
    return Progress(elapsed, remaining)


def _whole_step_seconds(step: StepRow, *, now: float) -> float | None:
    """What the step took or, once it is well under way, will have taken; None for reused and waiting ones."""
    if step.started_at is None:
        return None
    if step.state == "finished" and step.finished_at is not None and step.finished_at > step.started_at:
        return step.finished_at - step.started_at
    if step.state == "running" and share(step) > 0.05:
        return (now - step.started_at) / share(step)
    return None


def share(step: StepRow) -> float:
    """Done of the step, 0..1."""
    if step.state in ("finished", "skipped"):
        return 1.0
    return min(1.0, step.done / step.total) if step.total else 0.0


def overall(steps: Sequence[StepRow]) -> float:
    """Done of the experiment, 0..1, each step counting the same."""
    return sum(share(step) for step in steps) / len(steps) if steps else 0.0


def show_steps(view: ExperimentView) -> None:
    """The steps, one line each; only the one under way has a bar."""
    if not view.steps:
        st.caption(
            "The worker is starting. Its steps appear here." if view.row.state in words.ACTIVE else "No step was begun."
        )
        return
    now = time.time()
    for step in view.steps:
        took = _took(step, now=now)
        label = f"{words.STEP_ICONS[step.state]} {markdown_text(plain_name(step.title))}"
        if step.state == "running" and step.total:
            st.progress(share(step), text=f"{label} · {step.done:,} of {step.total:,}")
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
                      help=(
                          "From how long this experiment's cohorts take, without export and latency; known once one "
                          "is under way."
                      ))
        st.metric("Runs done", f"{view.row.runs_done} of {view.row.runs_total}", width="content",
                  help="Runs that need no further work, reused ones included.")
    if view.worker:
        worker = view.worker
        facts = [markdown_text(plain_name(worker.device_name, 60)), words.plural(worker.threads, "thread")]
        facts += [f"{words.size(worker.memory_bytes)} memory"] if worker.memory_bytes else []
        facts += [f"{words.size(worker.gpu_memory_bytes)} GPU memory"] if worker.gpu_memory_bytes else []
        st.caption(" · ".join(facts), help=f"Worker process {worker.pid} on {markdown_text(worker.machine)}.")
