"""What an experiment made, as files to download, named by ids and a kind and never by a path; loads no torch."""

from __future__ import annotations

import csv
import io
import json
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from distill_core.access import Acting, needs
from distill_core.bundles import Bundles
from distill_core.errors import NotFound
from distill_core.folders import ExperimentFolder, Home
from distill_core.results import result_json, run_of
from distill_core.rows import ExperimentView
from distill_core.spreadsheet import harmless_cell
from distill_core.store.store import Store

Kind = Literal["model.onnx", "model.safetensors", "bundle.zip", "result.json", "runs.csv", "worker.log"]
KINDS: tuple[Kind, ...] = get_args(Kind)
WHOLE = "all"
"""Stands for a run's id where a kind is of the whole experiment."""
_OF_A_RUN: tuple[Kind, ...] = ("model.onnx", "model.safetensors", "bundle.zip")
_TYPES: dict[Kind, str] = {
    "model.onnx": "application/octet-stream", "model.safetensors": "application/octet-stream",
    "bundle.zip": "application/zip", "result.json": "application/json", "runs.csv": "text/csv; charset=utf-8",
    "worker.log": "text/plain; charset=utf-8",
}
_ID = re.compile(r"[a-z0-9-]{1,64}")
_STALE_SECONDS = 3600.0


@dataclass(frozen=True)
class Artifact:
    """A file to send under a name made of ids; a `temporary` one is to be deleted afterwards."""

    path: Path
    name: str
    media_type: str
    temporary: bool = False


class Artifacts(Acting):
    """Thread-safe; every method returns soon, but for the packing of a bundle."""

    def __init__(
        self, home: Home, store: Callable[[], Store], bundles: Bundles, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._home, self._store, self._bundles, self._clock = home, store, bundles, clock

    @needs("viewer")
    def file(self, experiment_id: str, run_id: str, kind: str) -> Artifact:
        """`run_id` is `WHOLE` for what is of the whole experiment. Raises NotFound, HomeUnusable."""
        known = next((one for one in KINDS if one == kind), None)
        if known is None or not _ID.fullmatch(experiment_id) or not _ID.fullmatch(run_id):
            raise NotFound(f"There is no such file. Allowed: {', '.join(KINDS)} of a known experiment and run.")
        if (run_id == WHOLE) is (known in _OF_A_RUN):
            raise NotFound(f"There is no {kind} of {'a whole experiment' if run_id == WHOLE else 'a single run'}.")
        view = self._store().experiment(experiment_id)
        stem = experiment_id if run_id == WHOLE else f"{experiment_id}-{run_id}"
        suffix = known if run_id == WHOLE else known.removeprefix("bundle").removeprefix("model")
        name = f"{stem}-{suffix}" if run_id == WHOLE else f"{stem}{suffix}"
        path, temporary = self._found(view, run_id, known)
        return Artifact(path, name, _TYPES[known], temporary)

    def _found(self, view: ExperimentView, run_id: str, kind: Kind) -> tuple[Path, bool]:
        """The file, and whether it was made for this request alone."""
        folder = self._home.experiment(view.row.experiment_id)
        if kind == "worker.log":
            return self._inside(folder, folder.worker_log), False
        if kind == "result.json":
            # Relative paths: where the home lies is nobody's business.
            told = result_json(view, self._bundles.verdicts(view), folder=Path(), now=self._clock())
            return self._made(json.dumps(told, indent=1, allow_nan=False).encode()), True
        if kind == "runs.csv":
            told = result_json(view, [], folder=Path(), now=self._clock())
            return self._made(_csv(told["runs"])), True
        run = run_of(view, run_id)
        if run.onnx_path is None:
            raise NotFound(f"Run {run_id} has no ONNX graph yet; ask for its export on the experiment's page.")
        # The bundle is made of both, so that neither may lead out of the experiment's folder.
        graph = self._inside(folder, folder.path / run.onnx_path)
        if kind == "model.onnx":
            return graph, False
        weights = graph.with_name(folder.run(run_id).model.name)
        if kind == "model.safetensors":
            return self._inside(folder, weights), False
        if weights.exists():
            self._inside(folder, weights)
        target = self._temporary()
        try:
            with self._home.usable(), target.open("wb") as out:
                self._bundles.pack(view.row.experiment_id, run_id, out)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return target, True

    def _inside(self, folder: ExperimentFolder, path: Path) -> Path:
        """The path if it is a plain file of this experiment, reached over no symbolic link. Raises NotFound."""
        direct = folder.path.resolve() / path.relative_to(folder.path) if path.is_relative_to(folder.path) else None
        if path.resolve() != direct or not path.is_file():
            raise NotFound(f"The file {path.name} of experiment {folder.path.name} is not there.")
        return path

    def _made(self, content: bytes) -> Path:
        target = self._temporary()
        with self._home.usable():
            target.write_bytes(content)
        return target

    def _temporary(self) -> Path:
        """A new name for a file that lives as long as its download; forgotten ones are deleted after an hour."""
        folder = self._home.cache / "downloads"
        with self._home.usable():
            folder.mkdir(parents=True, exist_ok=True)
            for left in folder.iterdir():
                try:
                    if self._clock() - left.stat().st_mtime > _STALE_SECONDS:
                        left.unlink()
                except FileNotFoundError:
                    # Its own download, or another sweep, was quicker.
                    continue
        return folder / secrets.token_hex(8)


_PLAIN = (
    "role", "name", "seed", "state", "parent", "step", "strength", "parameters", "macs", "size_bytes",
    "onnx_size_bytes", "zipped_bytes", "accuracy", "nll", "ece", "agreement", "r2", "mse", "teacher_mse",
)
_LATENCY = ("batch", "threads", "provider", "p50", "p95", "p99")


def _csv(runs: list[dict[str, Any]]) -> bytes:
    """A row a run and measured condition; latencies in milliseconds; empty cells were not measured."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["run_id", *_PLAIN, *(f"latency_{name}" for name in _LATENCY)])
    for run in runs:
        for row in run["latency_ms"] or [{}]:
            cells = [run["run_id"], *(run[name] for name in _PLAIN), *(row.get(name) for name in _LATENCY)]
            writer.writerow([harmless_cell(cell) if isinstance(cell, str) else cell for cell in cells])
    return text.getvalue().encode("utf-8-sig")
