"""The gradient norm of each term of a loss, epoch by epoch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not measured in any epoch there was before.
    op.add_column("epochs", sa.Column("gradient_norms", sa.Text(), nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("epochs", "gradient_norms")
