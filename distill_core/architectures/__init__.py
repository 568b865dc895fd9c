"""Plug-ins: network architectures, one file each."""

from distill_core.entries import ArchitectureEntry, discover

REGISTRY = discover("architecture", __name__, __path__, ArchitectureEntry)
