"""Plug-ins: datasets, one file each."""

from distill_core.entries import DatasetEntry, discover

REGISTRY = discover("dataset", __name__, __path__, DatasetEntry)
