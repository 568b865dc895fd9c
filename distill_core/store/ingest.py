"""Turns events into rows: each event once, in the order they were written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from distill_core.events import (
    AnyEvent,
    DataLoaded,
    EpochEnded,
    LatencyMeasured,
    Noted,
    OnnxExported,
    QueueRanked,
    Resources,
    RunChanged,
    RunCompressed,
    RunDeclared,
    RunFinished,
    StateChanged,
    StepChanged,
    ThreadsChosen,
    WorkerEnded,
    WorkerStarted,
)
from distill_core.store.schema import epochs, experiments, notes, runs, steps, workers
from distill_core.store.transitions import moved

# SQLite refuses expressions deeper than 1,000.
_POINTS_A_STATEMENT = 200


def apply_journal(
    connection: Connection, row: Mapping[str, Any], lines: Iterable[tuple[AnyEvent | None, int]]
) -> dict[str, Any]:
    """The columns that a journal's lines give an experiment's row; notes what a reader should know."""
    changes: dict[str, Any] = {}
    for event, offset in lines:
        if isinstance(event, StateChanged):
            changes |= moved({**row, **changes}, event)
            if event.state == "lost":
                _note(connection, row["experiment_id"], at=event.at, level="warning", text=event.reason)
        elif isinstance(event, QueueRanked):
            changes["rank"] = event.rank
        elif isinstance(event, Noted):
            _note(connection, row["experiment_id"], at=event.at, level=event.level, text=event.text)
        else:
            at = {**row, **changes}["queued_at"] or row["created_at"]
            _note(connection, row["experiment_id"], at=at, level="error", text=_skipped("journal.jsonl", offset))
        changes["journal_offset"] = offset
    return changes


class EventBatch:
    """Applies some of an experiment's events inside one transaction. Call `add` for each, then `flush`.

    A damaged line is as old as the event before it: `last_at` is that of the event before the first one added.
    """

    def __init__(self, connection: Connection, experiment_id: str, *, last_at: float = 0.0) -> None:
        self._connection, self._id = connection, experiment_id
        self._points: dict[tuple[str, int], EpochEnded] = {}
        self._steps: dict[str, dict[str, Any]] | None = None
        self._resources: Resources | None = None
        self._last_at = last_at

    def add(self, event: AnyEvent | None, offset: int) -> None:
        if event is None:
            _note(self._connection, self._id, at=self._last_at, level="error", text=_skipped("events.jsonl", offset))
            return
        self._last_at = event.at
        match event:
            case EpochEnded():
                # Popped first, so that a repeated epoch comes last, as it was written.
                self._points.pop((event.run_id, event.epoch), None)
                self._points[event.run_id, event.epoch] = event
            case StepChanged():
                known = self._known_steps()
                known[event.step] = step_after(known.get(event.step), event)
            case Resources():
                self._resources = event
            case RunDeclared():
                self._declare(event)
            case RunChanged():
                self._update_run(event.run_id, state=event.state, reused_from=event.reused_from)
            case RunFinished():
                figures = event.model_dump(exclude={"at", "kind", "run_id"})
                self._update_run(event.run_id, **figures)
            case RunCompressed():
                figures = event.model_dump(exclude={"at", "kind", "run_id", "notes"})
                self._update_run(event.run_id, **figures, compression_notes=event.notes)
            case OnnxExported():
                self._update_run(
                    event.run_id, onnx_path=event.path, onnx_size_bytes=event.size_bytes,
                    max_abs_diff=event.max_abs_diff, same_class=event.same_class, test_total=event.total,
                )
            case LatencyMeasured():
                rows = [row.model_dump() for row in event.rows]
                self._update_run(event.run_id, latency=rows, latency_shared_from=event.shared_from)
            case Noted():
                _note(self._connection, self._id, at=event.at, level=event.level, text=event.text)
            case DataLoaded():
                self._connection.execute(
                    update(experiments)
                    .where(experiments.c.experiment_id == self._id)
                    .values(class_names=event.class_names, task=event.task, input_kind=event.input_kind)
                )
            case WorkerStarted():
                self._replace_worker(event, offset)
            case ThreadsChosen():
                self._update_worker(threads=event.threads)
            case WorkerEnded():
                # The last word of a predecessor, who woke when another was at work, ends nobody.
                self._update_worker(
                    workers.c.token == event.token, ended_offset=offset, outcome=event.outcome,
                    outcome_reason=event.reason, outcome_failure=event.failure,
                )
            case StateChanged() | QueueRanked():
                # These belong to the journal; a worker's file must not move the experiment.
                pass

    def flush(self) -> None:
        if self._points:
            self._store_points(list(self._points.values()))
        if self._steps:
            changed = [row for row in self._steps.values() if row.pop("changed", False)]
            if changed:
                statement = self._upsert(steps)
                fields = ("title", "state", "done", "total", "started_at", "finished_at", "expected_seconds")
                new = {name: statement.excluded[name] for name in fields}
                self._connection.execute(
                    statement.on_conflict_do_update(index_elements=["experiment_id", "step"], set_=new),
                    [row | {"experiment_id": self._id} for row in changed],
                )
        if self._resources is not None:
            self._update_worker(**self._resources.model_dump(exclude={"at", "kind"}))

    def _store_points(self, points: list[EpochEnded]) -> None:
        """A repeated epoch is removed and written anew, so that its cursor is new to every reader."""
        for start in range(0, len(points), _POINTS_A_STATEMENT):
            some = points[start : start + _POINTS_A_STATEMENT]
            same = or_(*(and_(epochs.c.run_id == point.run_id, epochs.c.epoch == point.epoch) for point in some))
            self._connection.execute(delete(epochs).where(epochs.c.experiment_id == self._id, same))
        rows = [point.model_dump(exclude={"at", "kind"}) | {"experiment_id": self._id} for point in points]
        self._connection.execute(insert(epochs), rows)

    def _upsert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """Both databases have the clause, each in its own class."""
        return (postgresql if self._connection.dialect.name == "postgresql" else sqlite).insert(table)

    def _known_steps(self) -> dict[str, dict[str, Any]]:
        if self._steps is None:
            found = self._connection.execute(
                select(steps).where(steps.c.experiment_id == self._id).order_by(steps.c.number)
            ).mappings()
            self._steps = {row["step"]: {k: v for k, v in row.items() if k != "number"} for row in found}
        return self._steps

    def _declare(self, event: RunDeclared) -> None:
        """A resumed worker declares its runs again; what they have reached so far stays."""
        declared = event.model_dump(exclude={"at", "kind"})
        statement = self._upsert(runs).values(
            experiment_id=self._id, **declared, state="waiting", reused_from="", stop_rule="", per_class=(),
            confusion=(), latency=(), latency_shared_from="", layers=(), compression_notes=(),
        )
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["experiment_id", "run_id"],
                set_={name: statement.excluded[name] for name in declared if name != "run_id"},
            )
        )

    def _update_run(self, run_id: str, **values: Any) -> None:
        self._connection.execute(
            update(runs).where(runs.c.experiment_id == self._id, runs.c.run_id == run_id).values(**values)
        )

    def _replace_worker(self, event: WorkerStarted, offset: int) -> None:
        self._connection.execute(delete(workers).where(workers.c.experiment_id == self._id))
        self._connection.execute(
            insert(workers).values(
                experiment_id=self._id, **event.model_dump(exclude={"at", "kind"}), memory_bytes=0,
                gpu_memory_bytes=0, cpu_percent=0.0, started_offset=offset, ended_offset=0, outcome=None,
                outcome_reason="", outcome_failure="",
            )
        )
        self._resources = None

    def _update_worker(self, *conditions: ColumnElement[bool], **values: Any) -> None:
        self._connection.execute(
            update(workers).where(workers.c.experiment_id == self._id, *conditions).values(**values)
        )


def step_after(row: Mapping[str, Any] | None, event: StepChanged) -> dict[str, Any]:
    """A step's row after an event. A finished step that a resumed worker passes again keeps its times."""
    before = row or dict.fromkeys(("started_at", "finished_at", "expected_seconds")) | {
        "state": "waiting", "done": 0, "total": 0,
    }
    expected = before["expected_seconds"] if event.expected_seconds is None else event.expected_seconds
    after = {
        "step": event.step, "title": event.title, "state": event.state,
        "done": event.done if event.total else before["done"], "total": event.total or before["total"],
        "started_at": before["started_at"], "finished_at": before["finished_at"],
        "expected_seconds": expected, "changed": True,
    }
    if event.state == "running" and before["state"] != "running":
        after |= {"started_at": event.at, "finished_at": None}
    elif event.state in ("finished", "skipped") and before["finished_at"] is None:
        after |= {"started_at": before["started_at"] or event.at, "finished_at": event.at}
    return after


def _note(connection: Connection, experiment_id: str, *, at: float, level: str, text: str) -> None:
    connection.execute(insert(notes).values(experiment_id=experiment_id, at=at, level=level, text=text))


def _skipped(name: str, offset: int) -> str:
    return f"A line of {name} that ends at byte {offset} cannot be read and was skipped."
