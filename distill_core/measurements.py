"""The latency lab: has exported runs measured, keeps the results, takes in those of other machines."""

from __future__ import annotations

import hashlib
import re
import secrets
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from distill_core.access import Acting, needs
from distill_core.deployment.latency_report import MOST_MODELS, ReportProblem, parse_report
from distill_core.deployment.measuring import digest_of, providers_here
from distill_core.errors import Conflict, NotFound, Problem, SpecError
from distill_core.folders import Home, read_json, write_json
from distill_core.jobs.latency_record import (
    LatencyConditions,
    LatencyFiles,
    LatencyRecord,
    MeasuredRun,
    read_record,
    write_record,
)
from distill_core.jobs.latency_rows import Measurement
from distill_core.jobs.measuring import start_measuring
from distill_core.jobs.occupied import gpu_busy, processor_busy
from distill_core.processes import is_alive, read_stamp
from distill_core.processor import available_cores
from distill_core.rows import MeasuredRow, RunRow
from distill_core.spec_problems import problems_of
from distill_core.store.store import Store

__all__ = ["LatencyConditions", "Measurement", "Measurements"]

_ID = re.compile(r"[0-9a-f]{12}")
_ID_BYTES = 6
# From the record to the stamp of the process that measures.
_SECONDS_TO_START = 10.0
_SECONDS_OF_A_DAY = 86_400


class Measurements(Acting):
    """The results of one home. Thread-safe; loads no torch; every method returns soon."""

    def __init__(
        self, home: Home, store: Callable[[], Store], *, clock: Callable[[], float] = time.time,
        token: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        self._home, self._store, self._clock, self._token = home, store, clock, token
        self._lock = threading.RLock()
        self._started: list[subprocess.Popen[bytes]] = []

    # Begin and end ---------------------------------------------------------------------------

    @needs("viewer")
    def providers(self) -> list[str]:
        """What can compute here, the processor first, as ONNX Runtime calls them."""
        return providers_here()

    @needs("viewer")
    def cores(self) -> int:
        """How many threads can work at once here."""
        return available_cores()

    @needs("viewer")
    def exported(self, experiment_ids: Sequence[str]) -> list[RunRow]:
        """The runs of these experiments that have an ONNX graph on the disk."""
        runs = self._store().runs(experiment_ids=list(experiment_ids)) if experiment_ids else []
        return [run for run in runs if run.onnx_path and (self._graph(run)).is_file()]

    @needs("operator")
    def begin(self, picked: Iterable[tuple[str, str]], conditions: dict[str, Any] | LatencyConditions) -> str:
        """Start to measure runs (experiment id, run id) side by side; returns the measurement's id.

        It waits until the device is quiet. Raises SpecError for conditions that cannot be, NotFound for what is not
        exported, and Conflict if another measurement is under way.
        """
        checked = self._checked(conditions)
        runs = self._picked(list(picked))
        with self._lock, self._home.usable():
            if self.active() is not None:
                raise Conflict("A measurement is under way already; wait for its end or stop it, then measure again.")
            self._home.measurements.mkdir(exist_ok=True)
            self._sweep()
            record = LatencyRecord(
                id=self._token(_ID_BYTES), created_at=self._clock(), source="here", state="measuring",
                conditions=checked, runs=tuple(runs), owner=self.actor.name,
            )
            write_record(self._files(record.id), record)
            # poll reaps: an ended child would stay a zombie for as long as a web server runs.
            self._started = [process for process in self._started if process.poll() is None]
            self._started.append(start_measuring(self._files(record.id), now=self._clock()))
        return record.id

    @needs("viewer")
    def obstacle(self, provider: str) -> str:
        """What a measurement would wait for now, in one sentence; empty if it could begin at once."""
        return processor_busy(self._home) or gpu_busy(self._home, provider)

    @needs("operator")
    def stop(self, measurement_id: str) -> None:
        """Ask for its end; nothing of it is kept. Raises NotFound, Conflict."""
        if self._own(measurement_id).state != "measuring":
            raise Conflict(f"Measurement {measurement_id} has ended already.")
        self._files(measurement_id).stop_request.touch()

    @needs("operator")
    def take_in(self, content: bytes, experiment_ids: Sequence[str]) -> str:
        """Keep what a bundle's measure.py wrote elsewhere; returns the result's id, the same for the same file.

        Raises ReportProblem for a file that is none, or of a model that none of these experiments exported.
        """
        report = parse_report(content)
        known = {_digest(self._graph(run)): run for run in self.exported(experiment_ids)}
        ours = [_measured_run(self._home, known[m.digest], m.digest) for m in report.models if m.digest in known]
        if len(ours) < len(report.models):
            raise ReportProblem(
                "The file measured another model; allowed: the exported models of the chosen experiments, as they are "
                "now. Choose the experiment that the bundle came from, or download its bundle again and measure that."
            )
        record = LatencyRecord(
            id=hashlib.sha256(content).hexdigest()[: 2 * _ID_BYTES], created_at=self._clock(), source="upload",
            state="ready", runs=tuple(ours), report=report, owner=self.actor.name,
        )
        files = self._files(record.id)
        with self._lock, self._home.usable():
            self._home.measurements.mkdir(exist_ok=True)
            if files.removed.exists():
                self._own(record.id)
            files.removed.unlink(missing_ok=True)
            if not files.record.exists():
                write_record(files, record)
        return record.id

    # Look ------------------------------------------------------------------------------------

    @needs("viewer")
    def active(self) -> Measurement | None:
        """The measurement under way, whoever began it."""
        return next((found for found in self._every() if found.state == "measuring"), None)

    @needs("viewer")
    def all(self, *, experiment_ids: Collection[str] = (), include_removed: bool = False) -> list[Measurement]:
        """Results, newest first; of these experiments, or all."""
        return [
            found for found in self._every()
            if found.state == "ready" and (include_removed or not found.removed)
            and (not experiment_ids or any(run.experiment_id in experiment_ids for run in found.runs))
        ]

    @needs("viewer")
    def get(self, measurement_id: str) -> Measurement:
        """Also one that gave no result, or was removed. Raises NotFound."""
        if not _ID.fullmatch(measurement_id):
            raise NotFound(f"There is no latency result {measurement_id[:40]!r}; choose one from the list.")
        files = self._files(measurement_id)
        # Locked, so that a process just being started is not taken for one that died.
        with self._lock:
            record = read_record(files)
            state, reason = record.state, record.reason
            if state == "measuring" and not self._is_at_work(record):
                # Its last word may have come between the two looks.
                record = read_record(files)
                state, reason = record.state, record.reason
                if state == "measuring":
                    state, reason = "failed", "The measuring process ended without a last word; measure again."
        share, doing, waits = self._progress(record) if state == "measuring" else (1.0, "", False)
        return Measurement(
            id=record.id, created_at=record.created_at, source=record.source, state=state, reason=reason,
            runs=record.runs, conditions=record.conditions, report=record.report, share=share, doing=doing,
            waits=waits, removed=files.removed.exists(), owner=record.owner,
        )

    @needs("viewer")
    def rows(self, measurement_ids: Iterable[str]) -> list[MeasuredRow]:
        """Every cell of these results. Raises NotFound."""
        return [row for one in measurement_ids for row in self.get(one).rows]

    # Change ----------------------------------------------------------------------------------

    @needs("operator")
    def remove(self, measurement_id: str) -> None:
        """Hide a result; nothing is taken from the disk, so that `restore` can undo it. Raises NotFound, Conflict."""
        if self._own(measurement_id).state == "measuring":
            raise Conflict(f"Measurement {measurement_id} is under way; stop it before deleting it.")
        write_json(self._files(measurement_id).removed, {"at": self._clock()})

    @needs("operator")
    def restore(self, measurement_id: str) -> None:
        """Raises NotFound."""
        self._own(measurement_id)
        self._files(measurement_id).removed.unlink(missing_ok=True)

    # Within ----------------------------------------------------------------------------------

    def _own(self, measurement_id: str) -> Measurement:
        found = self.get(measurement_id)
        self.actor.require_own(found.owner)
        return found

    def _checked(self, conditions: dict[str, Any] | LatencyConditions) -> LatencyConditions:
        if isinstance(conditions, dict):
            try:
                conditions = LatencyConditions.model_validate(conditions)
            except ValidationError as error:
                raise SpecError(problems_of(error)) from None
        present = self.providers()
        if conditions.provider not in present:
            remedy = "Install another ONNX Runtime for more."
            raise SpecError([Problem("provider", conditions.provider, ", ".join(present), remedy)])
        return conditions

    def _picked(self, picked: list[tuple[str, str]]) -> list[MeasuredRun]:
        exported = {(run.experiment_id, run.run_id): run for run in self.exported([one for one, _ in picked])}
        if missing := [run_id for one, run_id in picked if (one, run_id) not in exported]:
            raise NotFound(f"Run {missing[0][:40]} is not exported; export it on its experiment's page, then measure.")
        found: dict[str, MeasuredRun] = {}
        for key in picked:
            digest = _digest(self._graph(exported[key]))
            found.setdefault(digest, _measured_run(self._home, exported[key], digest))
        if not 1 <= len(found) <= MOST_MODELS:
            raise SpecError([Problem("models", len(found), f"1 to {MOST_MODELS} exported runs", "Choose others.")])
        return list(found.values())

    def _files(self, measurement_id: str) -> LatencyFiles:
        return LatencyFiles(self._home, measurement_id)

    def _graph(self, run: RunRow) -> Path:
        return self._home.experiment(run.experiment_id).path / str(run.onnx_path)

    def _every(self) -> list[Measurement]:
        found = []
        for path in self._home.measurements.glob("*.json"):
            # One damaged record hides no other; `get` tells of it.
            with suppress(NotFound):
                found.append(self.get(path.stem))
        return sorted(found, key=lambda one: (one.created_at, one.id), reverse=True)

    def _is_at_work(self, record: LatencyRecord) -> bool:
        stamp = read_stamp(self._files(record.id).stamp)
        if stamp is None:
            return self._clock() - record.created_at < _SECONDS_TO_START
        return is_alive(stamp)

    def _progress(self, record: LatencyRecord) -> tuple[float, str, bool]:
        try:
            told = read_json(self._files(record.id).progress)
            return told["done"] / max(told["total"], 1), str(told["what"]), bool(told.get("waits"))
        # It has not begun to tell, or has just ended.
        except (OSError, ValueError, KeyError):
            return 0.0, "starting", False

    def _sweep(self) -> None:
        """Delete what never became a result, a day later."""
        for one in self._every():
            if one.state not in ("ready", "measuring") and self._clock() - one.created_at > _SECONDS_OF_A_DAY:
                self._files(one.id).delete()


def _measured_run(home: Home, run: RunRow, digest: str) -> MeasuredRun:
    graph = home.experiment(run.experiment_id).path / str(run.onnx_path)
    return MeasuredRun(
        digest=digest, experiment_id=run.experiment_id, experiment_name=run.experiment_name, run_id=run.run_id,
        name=run.label, role=run.role, graph=str(graph.relative_to(home.path)),
    )


def _digest(graph: Path) -> str:
    status = graph.stat()
    return _digest_of(graph, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=512)
def _digest_of(graph: Path, modified_ns: int, size_bytes: int) -> str:
    return digest_of(graph)
