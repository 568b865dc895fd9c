"""Compressed runs: what they were made from, by which step, and what it left."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from distill_core.store.migrations.kinds import REAL, WHOLE

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Empty for every run there was before.
_WORDS = {"parent": "", "compression_step": ""}
_LISTS = ("layers", "compression_notes")


def upgrade() -> None:
    for name, value in _WORDS.items():
        op.add_column("runs", sa.Column(name, sa.String(), nullable=False, server_default=value))
    for name in _LISTS:
        op.add_column("runs", sa.Column(name, sa.Text(), nullable=False, server_default="[]"))
    op.add_column("runs", sa.Column("strength", REAL, nullable=True))
    op.add_column("runs", sa.Column("zipped_bytes", WHOLE, nullable=True))


def downgrade() -> None:
    for name in ("zipped_bytes", "strength", *reversed(_LISTS), *reversed(_WORDS)):
        op.drop_column("runs", name)
