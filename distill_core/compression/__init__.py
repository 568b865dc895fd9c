"""Plug-ins: steps that make a trained network smaller or faster, one file each."""

from distill_core.entries import CompressionEntry, discover

REGISTRY = discover("compression step", __name__, __path__, CompressionEntry)

__all__ = ["REGISTRY"]
