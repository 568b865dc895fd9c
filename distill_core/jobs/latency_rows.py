"""A measurement of the latency lab as it stands, and its cells as rows named like our runs."""

from __future__ import annotations

from dataclasses import dataclass

from distill_core.charts.names import plain_name
from distill_core.deployment.latency_report import LatencyReport
from distill_core.jobs.latency_record import LatencyConditions, MeasuredRun, RecordState
from distill_core.rows import MeasuredRow


@dataclass(frozen=True)
class Measurement:
    """One result, or one on its way. `reason` says why there is none; `share` 0 to 1 and `doing` while it is made."""

    id: str
    created_at: float
    source: str
    state: RecordState
    reason: str
    runs: tuple[MeasuredRun, ...]
    conditions: LatencyConditions | None
    report: LatencyReport | None
    share: float = 0.0
    doing: str = ""
    waits: bool = False
    """It has not begun: `doing` says what it waits for."""
    removed: bool = False
    owner: str = ""

    @property
    def machine(self) -> str:
        return self.report.machine if self.report else ""

    @property
    def rows(self) -> list[MeasuredRow]:
        """A row a cell, named as our runs are named; none before it is ready."""
        if self.report is None:
            return []
        runs, sizes = {run.digest: run for run in self.runs}, {m.digest: m.size_bytes for m in self.report.models}
        several = len({run.experiment_id for run in self.runs}) > 1
        return [
            MeasuredRow(
                result_id=self.id, measured_at=self.report.measured_at, machine=self.report.machine,
                experiment_id=run.experiment_id, run_id=run.run_id, role=run.role, size_bytes=sizes[run.digest],
                model=f"{run.name} · {plain_name(run.experiment_name, 28)}" if several else run.name,
                provider=cell.provider, batch=cell.batch, threads=cell.threads, io_binding=cell.io_binding,
                p50=cell.p50_ms, p95=cell.p95_ms, p99=cell.p99_ms, samples_per_second=cell.samples_per_second,
                samples_ms=tuple(cell.samples_ms), start_ms=cell.start_ms, first_ms=cell.first_ms,
                memory_bytes=cell.memory_bytes, runtime_bytes=cell.runtime_bytes,
                versions=", ".join(f"{name} {number}" for name, number in self.report.versions.items()),
            )
            for cell in self.report.cells
            if (run := runs.get(cell.model)) is not None
        ]
