"""The whole way through the product: from a click on Start to the verdicts, with ONNX files and latency."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from distill_core.folders import Home
from distill_core.results import verdicts_of
from distill_core.rows import ExperimentView
from distill_core.services import Lab
from distill_core.spec import ExperimentSpec
from distill_core.store.transitions import ENDED

POLL_SECONDS, LONGEST_SECONDS = 0.25, 3600.0


def product(spec: ExperimentSpec, folder: Path) -> tuple[str, list[dict[str, Any]]]:
    """What was done in words, and the rows: the whole, then its steps. Raises RuntimeError if it does not succeed."""
    home = Home(folder / "home")
    lab = Lab(home)
    # An installation reads its catalogue once, before anybody can click on anything.
    catalogue = lab.catalogue()
    start = time.time()
    experiment_id = lab.launch(spec)
    try:
        view, most = _ended(lab, experiment_id, until=start + LONGEST_SECONDS)
    finally:
        _end_dispatcher(home)
    if view.row.state != "succeeded":
        raise RuntimeError(f"the experiment ended as {view.row.state}: {view.row.reason}")
    verdicts = verdicts_of(view, catalogue)
    seconds = time.time() - start
    students = [run for run in view.runs if run.role in ("baseline", "student")]
    rows = [{
        "what": "launch to verdicts", "seconds": round(seconds, 1), "students": len(students),
        "verdicts": len(verdicts), "threads": view.worker.threads if view.worker else "",
        "memory MB": round(most / 1e6),
    }]
    for step in view.steps:
        if step.started_at is not None and step.finished_at is not None:
            rows.append({"what": step.title, "seconds": round(step.finished_at - step.started_at, 1)})
    told = sum(float(row["seconds"]) for row in rows[1:])  # type: ignore[arg-type]
    rows.append({"what": "starting, calibrating, keeping and between", "seconds": round(seconds - told, 1)})
    about = (
        f"The experiment of {len(spec.students)} variants and {len(spec.seeds)} seeds, launched as the form does: "
        "queued, trained by a worker, evaluated on the test set, exported to ONNX with parity, its latency measured, "
        "taken into the index and judged. The clock starts with the launch and ends when the verdicts are there."
    )
    return about, [{column: row.get(column, "") for column in rows[0]} for row in rows]


def _ended(lab: Lab, experiment_id: str, *, until: float) -> tuple[ExperimentView, int]:
    """The experiment at rest, and the most memory its worker had; ends the dispatcher if it takes too long."""
    most = 0
    while True:
        view = lab.experiment(experiment_id)
        if view.worker is not None:
            with suppress(psutil.Error):
                most = max(most, psutil.Process(view.worker.pid).memory_info().rss)
        if view.row.state in ENDED:
            return view, most
        if time.time() > until:
            if view.worker is not None:
                with suppress(ProcessLookupError):
                    os.kill(view.worker.pid, signal.SIGTERM)
            raise RuntimeError(f"after {LONGEST_SECONDS:.0f} s the experiment is {view.row.state}")
        time.sleep(POLL_SECONDS)


def _end_dispatcher(home: Home) -> None:
    """It would wait for more to do in a home that is about to be removed."""
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "distill_core.jobs.dispatcher" in command and str(home.path) in command:
            with suppress(psutil.Error):
                process.terminate()
                process.wait(20)
