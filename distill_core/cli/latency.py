"""The command that measures exported runs, takes in what other machines told, and lists the results."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from distill_core.charts.latency import provider_title
from distill_core.cli.finding import find_run
from distill_core.cli.terminal import print_json, print_table, say
from distill_core.deployment.latency_report import LARGEST_BYTES, ReportProblem
from distill_core.errors import Conflict
from distill_core.evaluation.latency import comparison
from distill_core.jobs.latency_rows import Measurement
from distill_core.services import Lab

_POLL_SECONDS = 0.2
_MOST_EXPERIMENTS = 10_000
_INTERRUPTED = 130
_COLUMNS = ("model", "batch", "threads", "p50 ms", "p95 ms", "p99 ms", "samples/s", "start ms", "peak MB")


def latency(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Exported runs to measure; none: list the results.")
    ] = None,
    batch: Annotated[list[int] | None, typer.Option(help="Samples in one call; give it again for more sizes.")] = None,
    threads: Annotated[list[int] | None, typer.Option(help="0 means all cores; give it again for more.")] = None,
    repeats: Annotated[int, typer.Option(help="Timed calls a model and condition.")] = 1000,
    warmup: Annotated[int, typer.Option(help="Calls before those that are timed.")] = 10,
    provider: Annotated[str, typer.Option(help="As ONNX Runtime calls it.")] = "CPUExecutionProvider",
    io_binding: Annotated[bool, typer.Option("--io-binding", help="Leave out copies to a GPU's memory.")] = False,
    add: Annotated[Path | None, typer.Option(metavar="FILE", help="Take in what a bundle's measure.py wrote.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False,
) -> None:
    """Measure exported runs side by side; waits while something of ours trains there."""
    lab = Lab()
    if add is not None:
        found = lab.latency.get(lab.latency.take_in(_read(add), _experiments(lab)))
    elif runs:
        conditions = {
            "provider": provider, "batches": batch or [1], "threads": threads or [1], "repeats": repeats,
            "warmup": warmup, "io_binding": io_binding,
        }
        found = _wait(lab, lab.latency.begin([_exported(lab, run) for run in runs], conditions))
    else:
        _list(lab.latency.all(), as_json)
        return
    if as_json:
        print_json({"id": found.id, "report": found.report.model_dump(mode="json") if found.report else None})
        return
    _show(found)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise ReportProblem(f"{path} cannot be read ({error.strerror}); give a file on this machine.") from error


def _exported(lab: Lab, text: str) -> tuple[str, str]:
    """A run that several experiments share counts where it is exported; `begin` refuses one that is so nowhere."""
    experiment_id, run_id = find_run(lab, text)
    for place in [experiment_id] if "/" in text else [experiment_id, *_experiments(lab)]:
        if any(run.run_id == run_id for run in lab.latency.exported([place])):
            return place, run_id
    return experiment_id, run_id


def _experiments(lab: Lab) -> list[str]:
    return [row.experiment_id for row in lab.experiments(limit=_MOST_EXPERIMENTS)]


def _wait(lab: Lab, measurement_id: str) -> Measurement:
    """Until it has ended; one without a result is a sentence. Raises Conflict."""
    told = ""
    try:
        while (found := lab.latency.get(measurement_id)).state == "measuring":
            if found.doing != told:
                told = found.doing
                say(f"{found.share:4.0%} {told}")
            time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        lab.latency.stop(measurement_id)
        say("Stopped; nothing half measured is kept.")
        raise typer.Exit(_INTERRUPTED) from None
    if found.state != "ready":
        raise Conflict(found.reason)
    return found


def _show(found: Measurement) -> None:
    rows = found.rows
    first = rows[0]
    where = f"{first.machine}; computed on: {provider_title(first.provider)}; {len(first.samples_ms)} repeats"
    print_table(f"Latency {found.id}: {where}", _COLUMNS, (
        (row.model, row.batch, row.threads, float(f"{row.p50:.4g}"), float(f"{row.p95:.4g}"), float(f"{row.p99:.4g}"),
         round(row.samples_per_second), row.start_ms, _megabytes(row.memory_bytes))
        for row in rows
    ))
    shown = [row for row in rows if (row.batch, row.threads) == (first.batch, first.threads)]
    for sentence in comparison(shown):
        print(sentence)


def _list(results: Iterable[Measurement], as_json: bool) -> None:
    if as_json:
        print_json([_in_short(one) for one in results])
        return
    found = list(results)
    if not found:
        say("Nothing is measured yet. `latency RUN RUN` measures exported runs side by side; `show ID` lists runs.")
        return
    print_table("Latency results", ("id", "machine", "source", "models", "measured"), (
        (one.id, one.machine, one.source, len(one.runs), _when(one.created_at)) for one in found
    ))


def _in_short(one: Measurement) -> dict[str, Any]:
    runs = [f"{run.experiment_id}/{run.run_id}" for run in one.runs]
    return {"id": one.id, "machine": one.machine, "source": one.source, "created_at": one.created_at, "runs": runs}


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _megabytes(size_bytes: int | None) -> float | None:
    return None if size_bytes is None else round(size_bytes / 1e6, 1)
