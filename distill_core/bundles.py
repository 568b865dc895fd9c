"""Packs what an experiment shipped: a run's bundle as a download or a folder; loads no torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from distill_core.access import Acting, needs
from distill_core.catalog import Catalogue
from distill_core.deployment.bundle import bundle_zip, write_bundle, write_bundle_zip
from distill_core.evaluation.verdict import Verdict
from distill_core.folders import ExperimentFolder, Home
from distill_core.results import run_of, verdicts_of
from distill_core.rows import ExperimentView, RunRow
from distill_core.store.store import Store


class Bundles(Acting):
    """The bundles of one home. Thread-safe; every method returns at once."""

    def __init__(self, home: Home, store: Callable[[], Store], catalogue: Callable[[], Catalogue]) -> None:
        self._home, self._store, self._catalogue = home, store, catalogue

    @needs("viewer")
    def zip(self, experiment_id: str, run_id: str) -> bytes:
        """An exported run as a zip file for a download. Raises NotFound, also when it is not exported yet."""
        folder, run, view, verdict = self._shipped(experiment_id, run_id)
        return bundle_zip(folder, run, view, verdict=verdict)

    @needs("viewer")
    def pack(self, experiment_id: str, run_id: str, out: BinaryIO) -> None:
        """The same zip file, written without being held in memory. Raises NotFound."""
        folder, run, view, verdict = self._shipped(experiment_id, run_id)
        write_bundle_zip(folder, run, view, out, verdict=verdict)

    @needs("viewer")
    def verdicts(self, view: ExperimentView) -> list[Verdict]:
        """What is told of the variants in the experiment's bundles."""
        return verdicts_of(view, self._catalogue())

    @needs("admin")
    def write(self, experiment_id: str, run_id: str, out: Path) -> Path:
        """Write an exported run's bundle into a new folder. Raises NotFound, Conflict."""
        folder, run, view, verdict = self._shipped(experiment_id, run_id)
        return write_bundle(folder, run, view, out, verdict=verdict)

    def _shipped(self, experiment_id: str, run_id: str) -> tuple[ExperimentFolder, RunRow, ExperimentView, str]:
        view = self._store().experiment(experiment_id)
        run = run_of(view, run_id)
        verdict = next((v for v in verdicts_of(view, self._catalogue()) if v.student == run.name), None)
        return self._home.experiment(experiment_id), run, view, verdict.sentence() if verdict else ""
