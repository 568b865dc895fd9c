"""What a spec asks for that this machine lacks, as far as it can be told at once and without torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from distill_core.catalog import Catalogue
from distill_core.errors import Problem
from distill_core.jobs.devices import list_devices, resolve_device
from distill_core.spec import ExperimentSpec


def absent_here(spec: ExperimentSpec, catalogue: Catalogue) -> Iterator[Problem]:
    """A missing device and a missing folder; the spec must have been checked against the catalogue."""
    if spec.device not in ("auto", "cpu"):
        devices = [device.name for device in list_devices()]
        if resolve_device(spec.device) not in devices:
            yield Problem("device", spec.device, ", ".join(["auto", *devices]), "This machine has no other device.")
    dataset = spec.data.dataset
    if "folder" in catalogue.datasets[dataset.name].traits:
        folder = str(dataset.params["path"])
        if not Path(folder).expanduser().is_dir():
            yield Problem("data.dataset.params.path", folder, "a folder on this machine", "Check how it is spelled.")
