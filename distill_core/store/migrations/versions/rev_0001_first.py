"""The first schema: experiments, steps, runs, epochs, notes, workers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from distill_core.store.migrations.kinds import REAL, WHOLE

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "epochs",
        sa.Column("cursor", WHOLE, nullable=False),
        sa.Column("experiment_id", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("epoch", WHOLE, nullable=False),
        sa.Column("step", WHOLE, nullable=False),
        sa.Column("learning_rate", REAL, nullable=False),
        sa.Column("train_loss", REAL, nullable=False),
        sa.Column("validation_accuracy", REAL, nullable=False),
        sa.Column("validation_nll", REAL, nullable=False),
        sa.Column("raw_terms", sa.Text(), nullable=False),
        sa.Column("weighted_terms", sa.Text(), nullable=False),
        sa.Column("raw_kl", REAL, nullable=True),
        sa.Column("best", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("cursor"),
        sa.UniqueConstraint("experiment_id", "run_id", "epoch", name="one_point_an_epoch"),
        sqlite_autoincrement=True,
    )
    op.create_index("epochs_by_cursor", "epochs", ["experiment_id", "cursor"])
    op.create_table(
        "experiments",
        sa.Column("experiment_id", sa.String(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("teacher", sa.String(), nullable=False),
        sa.Column("students", sa.Text(), nullable=False),
        sa.Column("seeds", WHOLE, nullable=False),
        sa.Column("wanted_device", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("attempt", WHOLE, nullable=False),
        sa.Column("queued_at", sa.Float(), nullable=True),
        sa.Column("started_at", sa.Float(), nullable=True),
        sa.Column("finished_at", sa.Float(), nullable=True),
        sa.Column("busy_seconds", sa.Float(), nullable=False),
        sa.Column("class_names", sa.Text(), nullable=False),
        sa.Column("journal_offset", WHOLE, nullable=False),
        sa.Column("events_offset", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("experiment_id"),
        sa.UniqueConstraint("idempotency_key"),
    )
    op.create_index("experiments_by_state", "experiments", ["state"])
    op.create_index("experiments_by_time", "experiments", ["deleted", "created_at"])
    op.create_table(
        "notes",
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("experiment_id", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    op.create_index("notes_by_experiment", "notes", ["experiment_id", "at"])
    op.create_table(
        "runs",
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("experiment_id", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("seed", WHOLE, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("architecture", sa.String(), nullable=False),
        sa.Column("parameters", WHOLE, nullable=False),
        sa.Column("macs", WHOLE, nullable=False),
        sa.Column("size_bytes", WHOLE, nullable=False),
        sa.Column("epochs", WHOLE, nullable=False),
        sa.Column("samples_seen", sa.String(), nullable=False),
        sa.Column("teacher_terms", sa.Text(), nullable=False),
        sa.Column("reused_from", sa.String(), nullable=False),
        sa.Column("best_epoch", WHOLE, nullable=True),
        sa.Column("stopped_epoch", WHOLE, nullable=True),
        sa.Column("stop_rule", sa.String(), nullable=False),
        sa.Column("seconds", REAL, nullable=True),
        sa.Column("accuracy", REAL, nullable=True),
        sa.Column("nll", REAL, nullable=True),
        sa.Column("ece", REAL, nullable=True),
        sa.Column("agreement", REAL, nullable=True),
        sa.Column("teacher_kl", REAL, nullable=True),
        sa.Column("per_class", sa.Text(), nullable=False),
        sa.Column("confusion", sa.Text(), nullable=False),
        sa.Column("onnx_path", sa.String(), nullable=True),
        sa.Column("onnx_size_bytes", WHOLE, nullable=True),
        sa.Column("max_abs_diff", REAL, nullable=True),
        sa.Column("same_class", WHOLE, nullable=True),
        sa.Column("test_total", WHOLE, nullable=True),
        sa.Column("latency", sa.Text(), nullable=False),
        sa.Column("latency_shared_from", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("experiment_id", "run_id", name="one_row_a_run"),
        sqlite_autoincrement=True,
    )
    op.create_index("runs_by_id", "runs", ["run_id"])
    op.create_index("runs_by_state", "runs", ["state"])
    op.create_table(
        "steps",
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("experiment_id", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("done", WHOLE, nullable=False),
        sa.Column("total", WHOLE, nullable=False),
        sa.Column("started_at", sa.Float(), nullable=True),
        sa.Column("finished_at", sa.Float(), nullable=True),
        sa.Column("expected_seconds", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("experiment_id", "step", name="one_row_a_step"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "workers",
        sa.Column("experiment_id", sa.String(), nullable=False),
        sa.Column("pid", WHOLE, nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("device_name", sa.String(), nullable=False),
        sa.Column("threads", WHOLE, nullable=False),
        sa.Column("machine", sa.String(), nullable=False),
        sa.Column("versions", sa.Text(), nullable=False),
        sa.Column("memory_bytes", WHOLE, nullable=False),
        sa.Column("gpu_memory_bytes", WHOLE, nullable=False),
        sa.Column("cpu_percent", REAL, nullable=False),
        sa.Column("started_offset", WHOLE, nullable=False),
        sa.Column("ended_offset", WHOLE, nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("outcome_reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("experiment_id"),
    )


def downgrade() -> None:
    op.drop_table("workers")
    op.drop_table("steps")
    op.drop_table("runs")
    op.drop_table("notes")
    op.drop_table("experiments")
    op.drop_table("epochs")
