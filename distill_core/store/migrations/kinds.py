"""Kinds of columns that the two databases name differently."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

# PostgreSQL's REAL has 24 bits, its INTEGER 32; SQLite's have 53 and 64 by the same names.
REAL: sa.types.TypeEngine[Any] = sa.REAL().with_variant(sa.Double(), "postgresql")
WHOLE: sa.types.TypeEngine[Any] = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
