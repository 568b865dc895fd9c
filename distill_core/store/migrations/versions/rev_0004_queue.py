"""Owners, places in the queue, fencing tokens and classes of failure; when an experiment was deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Empty for every experiment there was before.
_WORDS = ("owner", "failure", "token")
_TIMES = ("rank", "deleted_at")
_OF_WORKERS = ("outcome_failure", "token")


def upgrade() -> None:
    for name in _WORDS:
        op.add_column("experiments", sa.Column(name, sa.String(), nullable=False, server_default=""))
    for name in _TIMES:
        op.add_column("experiments", sa.Column(name, sa.Float(), nullable=True))
    for name in _OF_WORKERS:
        op.add_column("workers", sa.Column(name, sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    for name in reversed(_OF_WORKERS):
        op.drop_column("workers", name)
    for name in (*reversed(_TIMES), *reversed(_WORDS)):
        op.drop_column("experiments", name)
