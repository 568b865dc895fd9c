"""The task of an experiment, and the figures of a regression."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from distill_core.store.migrations.kinds import REAL

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_FIGURES = {"runs": ("r2", "mse", "teacher_mse"), "epochs": ("validation_r2", "validation_mse")}
# What every experiment was before there were others.
_BEFORE = {"task": "classification", "input_kind": "image"}


def upgrade() -> None:
    for name, value in _BEFORE.items():
        op.add_column("experiments", sa.Column(name, sa.String(), nullable=False, server_default=value))
    for table, names in _FIGURES.items():
        for name in names:
            op.add_column(table, sa.Column(name, REAL, nullable=True))


def downgrade() -> None:
    for table, names in _FIGURES.items():
        for name in reversed(names):
            op.drop_column(table, name)
    for name in reversed(_BEFORE):
        op.drop_column("experiments", name)
