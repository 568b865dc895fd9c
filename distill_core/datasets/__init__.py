"""Plug-ins: datasets, one file each."""

from distill_core.catalog import DatasetEntry, discover

REGISTRY = discover("dataset", __name__, __path__, DatasetEntry)
