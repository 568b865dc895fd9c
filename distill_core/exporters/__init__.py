"""Plug-ins that write curves, results and models into other tools: one file each; some are on only when asked for."""

from distill_core.entries import ExporterEntry, discover

REGISTRY = discover("exporter", __name__, __path__, ExporterEntry)


def switched_on() -> list[ExporterEntry]:
    """Those that this process's environment asks for and that are installed."""
    return [entry for entry in REGISTRY if entry.why_off() is None]
