"""`python -m distill_core.jobs.measure_latency HOME ID`: measures what a record of the latency lab asks for."""

from __future__ import annotations

import secrets
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from distill_core.deployment.latency_report import LatencyReport
from distill_core.deployment.machine import machine_name
from distill_core.deployment.measuring import CannotMeasure, measure_models, report
from distill_core.deployment.session import open_session
from distill_core.errors import LabError, NotFound
from distill_core.folders import Home, RunFolder, write_json
from distill_core.jobs.latency_record import LatencyFiles, LatencyRecord, read_record, write_record
from distill_core.jobs.occupied import gpu_busy, gpu_lock, on_gpu, processor_busy
from distill_core.jobs.worker import StopWish
from distill_core.processes import lock_held

_NEARLY = "Begins in a moment."
LONGEST_SECONDS = 5.0
"""After so many seconds a cell of one model is content with the repeats it has, if they are 20."""


def main(arguments: list[str]) -> int:
    """0: the record has its outcome, whatever that is."""
    home = Home(Path(arguments[0]).resolve())
    files = LatencyFiles(home, arguments[1])
    should_stop = StopWish(files.stop_request)
    signal.signal(signal.SIGTERM, should_stop.on_signal)
    record = read_record(files)
    write_record(files, _outcome(home, files, record, should_stop))
    files.progress.unlink(missing_ok=True)
    return 0


def _outcome(
    home: Home, files: LatencyFiles, record: LatencyRecord, should_stop: Callable[[], bool]
) -> LatencyRecord:
    """The record as it ends; whatever happens becomes its last word, and nothing half measured is kept."""
    try:
        found = _measured(home, files, record, should_stop)
    except (LabError, CannotMeasure) as error:
        return record.model_copy(update={"state": "failed", "reason": str(error)})
    except Exception as error:
        error_id = secrets.token_hex(4)
        print(f"error id {error_id}", file=sys.stderr)
        traceback.print_exc()
        short = " ".join(str(error).split())[:200].rstrip(".")
        reason = f"{short or type(error).__name__}. See {files.log}, error id {error_id}."
        return record.model_copy(update={"state": "failed", "reason": reason})
    if found is None:
        return record.model_copy(update={"state": "stopped", "reason": "Stopped before all was measured."})
    return record.model_copy(update={"state": "ready", "report": found})


def _measured(
    home: Home, files: LatencyFiles, record: LatencyRecord, should_stop: Callable[[], bool]
) -> LatencyReport | None:
    """The report, made once all it needs is quiet; None if it was stopped."""
    conditions = record.conditions
    assert conditions is not None, "only what is measured here comes here"
    graphs = {run.digest: home.path / run.graph for run in record.runs}
    samples = {digest: RunFolder(graph.parent).test_samples for digest, graph in graphs.items()}
    if missing := [path for path in samples.values() if not path.is_file()]:
        raise NotFound(f"{missing[0]} is gone, and with it what to measure with; export the run again.")

    def tell(done: int, total: int, what: str) -> None:
        write_json(files.progress, {"done": done, "total": total, "what": what})

    def tell_wait(why: Callable[[], str]) -> None:
        write_json(files.progress, {"done": 0, "total": 0, "what": why(), "waits": True})

    with ExitStack() as held:
        # In the order in which a worker takes them: the GPU, on which it trains, then the processor, to measure there.
        # Each is asked about before it is ours: to look at a lock of one's own lets go of it.
        whys: dict[Path, Callable[[], str]] = {
            home.processor_lock: lambda: processor_busy(home) or _NEARLY,
            # Held for the few steps of an untrained network that the preview times.
            home.measuring_lock: lambda: _NEARLY,
        }
        if on_gpu(conditions.provider):
            whys = {gpu_lock(home): lambda: gpu_busy(home, conditions.provider) or _NEARLY} | whys
        for lock, why in whys.items():
            if not held.enter_context(lock_held(lock, should_stop=should_stop, on_wait=partial(tell_wait, why))):
                return None
        cells = measure_models(
            graphs, samples, provider=conditions.provider, batches=conditions.batches, threads=conditions.threads,
            io_binding=conditions.io_binding, warmup=conditions.warmup, repeats=conditions.repeats,
            longest_seconds=LONGEST_SECONDS, open_session=open_session, should_stop=should_stop, on_progress=tell,
        )
        if cells is None:
            return None
        told = report(cells, graphs, machine=machine_name(), warmup=conditions.warmup)
        return LatencyReport.model_validate(told)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
