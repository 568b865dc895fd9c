"""The tables of the index, as SQLAlchemy Core sees them; `migrations` creates them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, MetaData, Table, UniqueConstraint, text

from distill_core.store.column_types import Json, LongWords, Number, Whole, Words

metadata = MetaData()

experiments = Table(
    "experiments",
    metadata,
    Column("experiment_id", Words, primary_key=True),
    Column("idempotency_key", Words, unique=True),
    Column("created_at", Float, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("deleted_at", Float),
    Column("owner", Words, nullable=False),
    # Of the spec, what the list shows and searches.
    Column("spec", Json, nullable=False),
    Column("name", Words, nullable=False),
    Column("dataset", Words, nullable=False),
    Column("teacher", Words, nullable=False),
    Column("students", Json, nullable=False),
    Column("seeds", Whole, nullable=False),
    Column("wanted_device", Words, nullable=False),
    # Of the journal: see transitions.moved.
    Column("state", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("attempt", Whole, nullable=False),
    Column("queued_at", Float),
    Column("started_at", Float),
    Column("finished_at", Float),
    Column("busy_seconds", Float, nullable=False),
    Column("failure", Words, nullable=False),
    Column("token", Words, nullable=False),
    # Place in the queue, lowest first; NULL: since queued_at.
    Column("rank", Float),
    # Of the events.
    Column("class_names", Json, nullable=False),
    Column("task", Words, nullable=False),
    Column("input_kind", Words, nullable=False),
    # Bytes of the folder's files that these rows already tell.
    Column("journal_offset", Whole, nullable=False),
    Column("events_offset", Whole, nullable=False),
    Index("experiments_by_time", "deleted", "created_at"),
    Index("experiments_by_state", "state"),
)

steps = Table(
    "steps",
    metadata,
    Column("number", Whole, primary_key=True),
    Column("experiment_id", Words, nullable=False),
    Column("step", Words, nullable=False),
    Column("title", Words, nullable=False),
    Column("state", Words, nullable=False),
    Column("done", Whole, nullable=False),
    Column("total", Whole, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
    Column("expected_seconds", Float),
    UniqueConstraint("experiment_id", "step", name="one_row_a_step"),
    sqlite_autoincrement=True,
)

runs = Table(
    "runs",
    metadata,
    Column("number", Whole, primary_key=True),
    Column("experiment_id", Words, nullable=False),
    Column("run_id", Words, nullable=False),
    Column("role", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("seed", Whole, nullable=False),
    Column("state", Words, nullable=False),
    Column("architecture", Words, nullable=False),
    Column("parameters", Whole, nullable=False),
    Column("macs", Whole, nullable=False),
    Column("size_bytes", Whole, nullable=False),
    Column("epochs", Whole, nullable=False),
    Column("samples_seen", Words, nullable=False),
    Column("teacher_terms", Json, nullable=False),
    Column("reused_from", Words, nullable=False),
    Column("best_epoch", Whole),
    Column("stopped_epoch", Whole),
    Column("stop_rule", Words, nullable=False),
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
    Column("onnx_path", Words),
    Column("onnx_size_bytes", Whole),
    Column("max_abs_diff", Number),
    Column("same_class", Whole),
    Column("test_total", Whole),
    Column("latency", Json, nullable=False),
    Column("latency_shared_from", Words, nullable=False),
    Column("parent", Words, nullable=False),
    Column("compression_step", Words, nullable=False),
    Column("strength", Number),
    Column("zipped_bytes", Whole),
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
    Column("cursor", Whole, primary_key=True),
    Column("experiment_id", Words, nullable=False),
    Column("run_id", Words, nullable=False),
    Column("epoch", Whole, nullable=False),
    Column("step", Whole, nullable=False),
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
    Column("gradient_norms", Json, nullable=False),
    UniqueConstraint("experiment_id", "run_id", "epoch", name="one_point_an_epoch"),
    Index("epochs_by_cursor", "experiment_id", "cursor"),
    # A run in training may have had thousands of epochs since its best one, and every page that shows it asks for that.
    Index(
        "best_epochs", "experiment_id", "run_id", "epoch", sqlite_where=text("best = 1"), postgresql_where=text("best")
    ),
    sqlite_autoincrement=True,
)

notes = Table(
    "notes",
    metadata,
    Column("number", Whole, primary_key=True),
    Column("experiment_id", Words, nullable=False),
    Column("at", Float, nullable=False),
    Column("level", Words, nullable=False),
    Column("text", LongWords, nullable=False),
    Index("notes_by_experiment", "experiment_id", "at"),
    sqlite_autoincrement=True,
)

workers = Table(
    "workers",
    metadata,
    Column("experiment_id", Words, primary_key=True),
    Column("pid", Whole, nullable=False),
    Column("device", Words, nullable=False),
    Column("device_name", Words, nullable=False),
    Column("threads", Whole, nullable=False),
    Column("machine", Words, nullable=False),
    Column("versions", Json, nullable=False),
    Column("memory_bytes", Whole, nullable=False),
    Column("gpu_memory_bytes", Whole, nullable=False),
    Column("cpu_percent", Number, nullable=False),
    # Where in events.jsonl the latest worker's first and last words end: tells one attempt from the next.
    Column("started_offset", Whole, nullable=False),
    Column("ended_offset", Whole, nullable=False),
    Column("outcome", Words),
    Column("outcome_reason", Words, nullable=False),
    Column("outcome_failure", Words, nullable=False),
    Column("token", Words, nullable=False),
)

# Every table but `experiments` holds what the folder's files tell, by this column.
DETAILS = (steps, runs, epochs, notes, workers)

sweeps = Table(
    "sweeps",
    metadata,
    Column("sweep_id", Words, primary_key=True),
    Column("idempotency_key", Words, unique=True),
    Column("created_at", Float, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("deleted_at", Float),
    Column("owner", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("spec", Json, nullable=False),
    # Parameters and file size by student network, where limits need them before training.
    Column("networks", Json, nullable=False),
    # Of the journal.
    Column("state", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("finished_at", Float),
    # [batch, seeds] that the pruner has judged.
    Column("judged", Json, nullable=False),
    # Bytes of the folder's files that these rows already tell.
    Column("journal_offset", Whole, nullable=False),
    Column("trials_offset", Whole, nullable=False),
    Index("sweeps_by_time", "deleted", "created_at"),
    Index("sweeps_by_state", "state"),
)

trials = Table(
    "trials",
    metadata,
    Column("sweep_id", Words, primary_key=True),
    Column("number", Whole, primary_key=True),
    Column("name", Words, nullable=False),
    Column("chosen", Json, nullable=False),
    Column("twins", Json, nullable=False),
    Column("epochs", Whole, nullable=False),
    Column("batch", Whole, nullable=False),
    Column("refused", Words, nullable=False),
    Column("pruned", Words, nullable=False),
    # What Optuna's sampler keeps with a trial.
    Column("attrs", Json, nullable=False),
)

rounds = Table(
    "rounds",
    metadata,
    Column("sweep_id", Words, primary_key=True),
    Column("number", Whole, primary_key=True),
    Column("at", Float, nullable=False),
    Column("experiment_id", Words, nullable=False),
    Column("trials", Json, nullable=False),
    Column("seeds", Json, nullable=False),
    # Empty until the sweep has taken note of its end, and again once it is resumed.
    Column("outcome", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("reopened_at", Float),
    Index("rounds_by_experiment", "experiment_id"),
)

# What a sweep's own row does not hold, by the same column.
SWEEP_DETAILS = (trials, rounds)
