"""What is said of an index that cannot be used, now or at all."""

from __future__ import annotations

from distill_core.errors import LabError


class DamagedIndex(LabError):
    """The database cannot be used; the experiments' folders still hold everything."""


class IndexUnavailable(LabError):
    """The database is busy or cannot be reached now; trying again later is all that is needed."""


class DatabaseRefused(LabError):
    """`DISTILL_DATABASE_URL` names no database that can be used; the sentence never shows its password."""
