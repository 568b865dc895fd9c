"""Revisions of the index's schema, run by Alembic when a database is older than the code."""
