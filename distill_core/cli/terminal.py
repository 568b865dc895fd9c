"""What the command line shows: tables on standard output, progress and sentences on standard error."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from distill_core.charts.descent import lines_of
from distill_core.charts.staircase_words import summary
from distill_core.evaluation.verdict import Verdict
from distill_core.progress import progress_of
from distill_core.rows import ExperimentRow, ExperimentView, RunRow
from distill_core.signature import Task
from distill_core.store.transitions import ACTIVE

_POLL_SECONDS = 0.3
# Of staircases told in a sentence; the table has them all.
_MOST_LINES = 8
# The figures shown of a run: a column's title, and the field of RunRow.
_FIGURES: dict[Task, dict[str, str]] = {
    "classification": {"accuracy": "accuracy", "NLL": "nll", "ECE": "ece"},
    "tagging": {"accuracy per step": "accuracy", "NLL": "nll", "ECE": "ece"},
    "regression": {"R²": "r2", "squared error": "mse"},
}


def say(sentence: str) -> None:
    """One line on standard error, as it is: names may hold what rich would take for markup."""
    print(sentence, file=sys.stderr, flush=True)


def print_json(data: Any) -> None:
    print(json.dumps(data, indent=2, allow_nan=False), flush=True)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Numbers to the right, and the whole text even where the output is no terminal."""
    console = Console() if sys.stdout.isatty() else Console(width=200)
    table = Table(title=escape(title), title_justify="left")
    rows = [list(row) for row in rows]
    for number, column in enumerate(columns):
        right = bool(rows) and all(isinstance(row[number], (int, float, type(None))) for row in rows)
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
    console.print(table)


def print_experiments(rows: Sequence[ExperimentRow]) -> None:
    print_table(
        "Experiments", ("id", "name", "state", "runs", "created", "device", "reason"),
        (
            (row.experiment_id, row.name, row.state, f"{row.runs_done}/{row.runs_total}", _when(row.created_at),
             row.device, row.reason)
            for row in rows
        ),
    )


def print_experiment(view: ExperimentView, verdicts: Sequence[Verdict]) -> None:
    row = view.row
    print(f"{row.experiment_id}  {row.name}: {row.state}{f' ({row.reason})' if row.reason else ''}")
    for verdict in verdicts:
        print(verdict.sentence())
    for line in lines_of(view.runs)[:_MOST_LINES]:
        measured = [row for tread in line.treads for run in tread.runs for row in run.latency]
        batch, threads = min(((row.batch, row.threads) for row in measured), default=(1, 1))
        print(f"{line.leaf.name}: {summary(line, batch=batch, threads_used=threads)}")
    if row.runs_reused:
        print(f"{row.runs_reused} of {row.runs_total} runs were taken over from earlier experiments.")
    for note in view.notes:
        print(f"{note.level}: {note.text}")
    if not view.runs:
        return
    figures = _FIGURES[view.task]
    columns = ("run", "role", "name", "seed", "state", *figures, "parameters", "file kB", "p50 ms", "p95 ms")
    print_table("Runs", columns, (_run_cells(run, figures.values()) for run in view.runs))


def wait_until_done(
    look: Callable[[], ExperimentView], *, sleep: Callable[[float], None] = time.sleep
) -> ExperimentView:
    """Show progress on standard error until the experiment is at rest."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return _wait_in_lines(look, sleep)
    title, percentage = TextColumn("{task.description}", markup=False), TextColumn("{task.percentage:>3.0f}%")
    columns = (title, BarColumn(), percentage, TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("queued", total=1.0)
        while True:
            view = look()
            share = progress_of(view.row, view.steps, now=time.time()).share
            progress.update(task, description=_doing(view), completed=share)
            if view.row.state not in ACTIVE:
                return view
            sleep(_POLL_SECONDS)


def _wait_in_lines(look: Callable[[], ExperimentView], sleep: Callable[[float], None]) -> ExperimentView:
    """For a log file: one line for every state and every step, also for a step that passed between two looks."""
    state, told = "", set[tuple[str, float | None]]()
    while True:
        view = look()
        running = view.row.state in ACTIVE
        if running and view.row.state != state:
            say(view.row.state)
        for step in view.steps:
            # Steps taken over from before this look keep their start; a step that begins anew has a new one.
            if step.state in ("running", "finished") and (step.step, step.started_at) not in told:
                told.add((step.step, step.started_at))
                say(step.title)
        if not running:
            say(view.row.state)
            return view
        state = view.row.state
        sleep(_POLL_SECONDS)


def _doing(view: ExperimentView) -> str:
    running = next((step.title for step in view.steps if step.state == "running"), "")
    return running if view.row.state == "running" and running else view.row.state


def _run_cells(run: RunRow, figures: Iterable[str]) -> tuple[object, ...]:
    first = run.latency[0] if run.latency else None
    p50, p95 = (first.p50, first.p95) if first else (None, None)
    return (
        run.run_id, run.role, run.name, run.seed, run.state,
        *(_percent(run.accuracy) if name == "accuracy" else _rounded(getattr(run, name)) for name in figures),
        run.parameters, "" if run.onnx_size_bytes is None else f"{run.onnx_size_bytes / 1000:.1f}", _rounded(p50),
        _rounded(p95),
    )


def _percent(value: float | None) -> str:
    return "" if value is None else "not a number" if math.isnan(value) else f"{value:.2%}"


def _rounded(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _when(at: float) -> str:
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")
