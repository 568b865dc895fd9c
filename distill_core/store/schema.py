"""The tables of the index, as SQLAlchemy Core sees them; `migrations` creates them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.types import UserDefinedType


class Number(UserDefinedType[float]):
    """A float that keeps NaN: SQLite would store it as NULL, which means `not measured` here.

    SQLAlchemy's own Float turns every parameter into a float, so it cannot be decorated to do this.
    """

    cache_ok = True

    def get_col_spec(self, **kw: Any) -> str:
        return "REAL"

    def bind_processor(self, dialect: Dialect) -> Callable[[float | None], Any]:
        return lambda value: value if value is None or math.isfinite(value) else repr(float(value))

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], float | None]:
        return lambda value: None if value is None else float(value)


class Json(TypeDecorator[Any]):
    """A JSON value as text; NaN and infinity survive as Python's json writes them."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


metadata = MetaData()

experiments = Table(
    "experiments",
    metadata,
    Column("experiment_id", String, primary_key=True),
    Column("idempotency_key", String, unique=True),
    Column("created_at", Float, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("deleted_at", Float),
    Column("owner", String, nullable=False),
    # Of the spec, what the list shows and searches.
    Column("spec", Json, nullable=False),
    Column("name", String, nullable=False),
    Column("dataset", String, nullable=False),
    Column("teacher", String, nullable=False),
    Column("students", Json, nullable=False),
    Column("seeds", Integer, nullable=False),
    Column("wanted_device", String, nullable=False),
    # Of the journal: see transitions.moved.
    Column("state", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("queued_at", Float),
    Column("started_at", Float),
    Column("finished_at", Float),
    Column("busy_seconds", Float, nullable=False),
    Column("failure", String, nullable=False),
    Column("token", String, nullable=False),
    # Place in the queue, lowest first; NULL: since queued_at.
    Column("rank", Float),
    # Of the events.
    Column("class_names", Json, nullable=False),
    Column("task", String, nullable=False),
    Column("input_kind", String, nullable=False),
    # Bytes of the folder's files that these rows already tell.
    Column("journal_offset", Integer, nullable=False),
    Column("events_offset", Integer, nullable=False),
    Index("experiments_by_time", "deleted", "created_at"),
    Index("experiments_by_state", "state"),
)

steps = Table(
    "steps",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("experiment_id", String, nullable=False),
    Column("step", String, nullable=False),
    Column("title", String, nullable=False),
    Column("state", String, nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
    Column("expected_seconds", Float),
    UniqueConstraint("experiment_id", "step", name="one_row_a_step"),
    sqlite_autoincrement=True,
)

runs = Table(
    "runs",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("experiment_id", String, nullable=False),
    Column("run_id", String, nullable=False),
    Column("role", String, nullable=False),
    Column("name", String, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("architecture", String, nullable=False),
    Column("parameters", Integer, nullable=False),
    Column("macs", Integer, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("epochs", Integer, nullable=False),
    Column("samples_seen", String, nullable=False),
    Column("teacher_terms", Json, nullable=False),
    Column("reused_from", String, nullable=False),
    Column("best_epoch", Integer),
    Column("stopped_epoch", Integer),
    Column("stop_rule", String, nullable=False),
    Column("seconds", Number),
    Column("accuracy", Number),
    Column("nll", Number),
    Column("ece", Number),
    Column("agreement", Number),
    Column("teacher_kl", Number),
    Column("r2", Number),
    Column("mse", Number),
    Column("teacher_mse", Number),
    Column("per_class", Json, nullable=False),
    Column("confusion", Json, nullable=False),
    Column("onnx_path", String),
    Column("onnx_size_bytes", Integer),
    Column("max_abs_diff", Number),
    Column("same_class", Integer),
    Column("test_total", Integer),
    Column("latency", Json, nullable=False),
    Column("latency_shared_from", String, nullable=False),
    Column("parent", String, nullable=False),
    Column("compression_step", String, nullable=False),
    Column("strength", Number),
    Column("zipped_bytes", Integer),
    Column("layers", Json, nullable=False),
    Column("compression_notes", Json, nullable=False),
    UniqueConstraint("experiment_id", "run_id", name="one_row_a_run"),
    Index("runs_by_state", "state"),
    Index("runs_by_id", "run_id"),
    sqlite_autoincrement=True,
)

epochs = Table(
    "epochs",
    metadata,
    # Never reused, so that who has seen cursor N needs only what is above N.
    Column("cursor", Integer, primary_key=True),
    Column("experiment_id", String, nullable=False),
    Column("run_id", String, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("learning_rate", Number, nullable=False),
    Column("train_loss", Number, nullable=False),
    Column("validation_accuracy", Number, nullable=False),
    Column("validation_nll", Number, nullable=False),
    Column("raw_terms", Json, nullable=False),
    Column("weighted_terms", Json, nullable=False),
    Column("raw_kl", Number),
    Column("best", Boolean, nullable=False),
    Column("validation_r2", Number),
    Column("validation_mse", Number),
    UniqueConstraint("experiment_id", "run_id", "epoch", name="one_point_an_epoch"),
    Index("epochs_by_cursor", "experiment_id", "cursor"),
    sqlite_autoincrement=True,
)

notes = Table(
    "notes",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("experiment_id", String, nullable=False),
    Column("at", Float, nullable=False),
    Column("level", String, nullable=False),
    Column("text", Text, nullable=False),
    Index("notes_by_experiment", "experiment_id", "at"),
    sqlite_autoincrement=True,
)

workers = Table(
    "workers",
    metadata,
    Column("experiment_id", String, primary_key=True),
    Column("pid", Integer, nullable=False),
    Column("device", String, nullable=False),
    Column("device_name", String, nullable=False),
    Column("threads", Integer, nullable=False),
    Column("machine", String, nullable=False),
    Column("versions", Json, nullable=False),
    Column("memory_bytes", Integer, nullable=False),
    Column("gpu_memory_bytes", Integer, nullable=False),
    Column("cpu_percent", Number, nullable=False),
    # Where in events.jsonl the latest worker's first and last words end: tells one attempt from the next.
    Column("started_offset", Integer, nullable=False),
    Column("ended_offset", Integer, nullable=False),
    Column("outcome", String),
    Column("outcome_reason", String, nullable=False),
    Column("outcome_failure", String, nullable=False),
    Column("token", String, nullable=False),
)

# Every table but `experiments` holds what the folder's files tell, by this column.
DETAILS = (steps, runs, epochs, notes, workers)
