"""Plug-ins that start and watch workers: one file each."""

from distill_core.catalog import ExecutorEntry, discover

REGISTRY = discover("executor", __name__, __path__, ExecutorEntry)
