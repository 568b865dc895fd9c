"""Sweeps, their trials and their rounds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from distill_core.store.migrations.kinds import WHOLE

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sweeps",
        sa.Column("sweep_id", sa.String(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("deleted_at", sa.Float(), nullable=True),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("networks", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("finished_at", sa.Float(), nullable=True),
        sa.Column("judged", sa.Text(), nullable=False),
        sa.Column("journal_offset", WHOLE, nullable=False),
        sa.Column("trials_offset", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("sweep_id"),
        sa.UniqueConstraint("idempotency_key"),
    )
    op.create_index("sweeps_by_time", "sweeps", ["deleted", "created_at"])
    op.create_index("sweeps_by_state", "sweeps", ["state"])
    op.create_table(
        "trials",
        sa.Column("sweep_id", sa.String(), nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("chosen", sa.Text(), nullable=False),
        sa.Column("twins", sa.Text(), nullable=False),
        sa.Column("epochs", WHOLE, nullable=False),
        sa.Column("batch", WHOLE, nullable=False),
        sa.Column("refused", sa.String(), nullable=False),
        sa.Column("pruned", sa.String(), nullable=False),
        sa.Column("attrs", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sweep_id", "number"),
    )
    op.create_table(
        "rounds",
        sa.Column("sweep_id", sa.String(), nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("experiment_id", sa.String(), nullable=False),
        sa.Column("trials", sa.Text(), nullable=False),
        sa.Column("seeds", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("reopened_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("sweep_id", "number"),
    )
    op.create_index("rounds_by_experiment", "rounds", ["experiment_id"])


def downgrade() -> None:
    for name in ("rounds", "trials", "sweeps"):
        op.drop_table(name)
