"""Plug-ins: what makes variants of samples for a transfer set, one file each."""

from distill_core.entries import GeneratorEntry, discover

REGISTRY = discover("generator", __name__, __path__, GeneratorEntry)
