"""What a spec asks for that this machine lacks, as far as it can be told at once and without torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from distill_core.catalog import Catalogue
from distill_core.errors import Problem
from distill_core.executors.devices import list_devices, resolve_device
from distill_core.spec import ExperimentSpec


def absent_here(spec: ExperimentSpec, catalogue: Catalogue) -> Iterator[Problem]:
    """A missing device, folder or file; the spec must have been checked against the catalogue."""
    if spec.device not in ("auto", "cpu"):
        devices = [device.name for device in list_devices()]
        if resolve_device(spec.device) not in devices:
            yield Problem("device", spec.device, ", ".join(["auto", *devices]), "This machine has no other device.")
    dataset = spec.data.dataset
    wanted = {"folder": Path.is_dir, "file": Path.is_file}
    kinds = [kind for kind in wanted if kind in catalogue.datasets[dataset.name].traits]
    if kinds:
        allowed = f"a {' or '.join(kinds)} on this machine"
        for name in ("path", "test_path"):
            given = str(dataset.params.get(name) or "")
            # A dataset without a test file of its own keeps some of its samples for testing.
            if name not in dataset.params or (name == "test_path" and not given):
                continue
            if not any(wanted[kind](Path(given).expanduser()) for kind in kinds):
                yield Problem(f"data.dataset.params.{name}", given, allowed, "Check how it is spelled.")
