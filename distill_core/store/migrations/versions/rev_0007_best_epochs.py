"""Finds the best epoch of a run at once, however many it has had since."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "best_epochs", "epochs", ["experiment_id", "run_id", "epoch"],
        sqlite_where=sa.text("best = 1"), postgresql_where=sa.text("best"),
    )


def downgrade() -> None:
    op.drop_index("best_epochs", "epochs")
