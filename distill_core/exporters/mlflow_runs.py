"""Writes runs into the MLflow that MLFLOW_TRACKING_URI names: settings, curves, results and the ONNX model."""

from __future__ import annotations

import logging
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from distill_core.entries import ExporterEntry, Params
from distill_core.exporters.exporter import command, not_installed, without_password
from distill_core.exporters.story import Curves, ExperimentOver, ModelFile, Record, Results, RunOver, ToldRun
from distill_core.folders import ExperimentFolder
from distill_core.language import sayable

_ADDRESS = "MLFLOW_TRACKING_URI"
_EXPERIMENT = "distill-lab"
_KEY = "distill_lab.id"
# What one request of MLflow's REST interface may hold.
_MOST_METRICS, _MOST_PARAMS, _LONGEST_VALUE = 1000, 100, 500
_STATUS = {"finished": "FINISHED", "reused": "FINISHED", "stopped": "KILLED", "diverged": "FAILED",
           "refused": "FAILED"}  # fmt: skip
_OUTCOME = {"succeeded": "FINISHED", "failed": "FAILED", "cancelled": "KILLED"}
# Who has set these knows better. The exporter tries again by itself, and nobody is told that it is used.
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"
}

log = logging.getLogger("distill_lab.exporting")
T = TypeVar("T")


class MlflowParams(Params):
    """Nothing to choose: MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME tell where to."""


class MlflowRuns:
    """One MLflow run a trained network, below a parent run for our experiment; all found again by their tags.

    No position is needed: MLflow keeps one metric of each name, step, time and value, however often it is sent.
    """

    def __init__(self, home: Path) -> None:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        from mlflow.tracking import MlflowClient

        self._home = home
        self._client: Any = MlflowClient(tracking_uri=os.environ[_ADDRESS])
        self._experiment_id = self._experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME") or _EXPERIMENT)
        self._runs: dict[str, str] = {}
        self._metrics: defaultdict[str, list[Any]] = defaultdict(list)

    def write(self, record: Record) -> None:
        from mlflow.entities import Metric

        at_ms = round(record.at * 1000)
        match record:
            case Curves() | Results():
                self._metrics[self._run(record.run, at_ms)] += [
                    Metric(name, value, at_ms, record.step) for name, value in record.values.items()
                ]
            case ModelFile():
                self._ship(self._run(record.run, at_ms), record.path)
            case RunOver():
                self._client.set_terminated(self._run(record.run, at_ms), _STATUS.get(record.state, "FINISHED"), at_ms)
            case ExperimentOver():
                if parent := self._found(record.experiment_id):
                    self._client.set_terminated(parent.info.run_id, _OUTCOME[record.outcome], at_ms)

    def flush(self) -> Mapping[str, int]:
        for run_id, metrics in self._metrics.items():
            for some in _batches(metrics, _MOST_METRICS):
                self._client.log_batch(run_id, metrics=some)
        self._metrics.clear()
        return {}

    def close(self) -> None:
        self._metrics.clear()

    def _experiment(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self._client.create_experiment(name, artifact_location=self._models_at()))
            except MlflowException:
                # Another experiment's exporter was quicker; if not, the error is told below.
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        return str(found.experiment_id)

    def _models_at(self) -> str | None:
        """Beside a database without a server MLflow would put models into whatever folder this process stands in."""
        served = os.environ[_ADDRESS].startswith(("http:", "https:", "databricks", "uc:"))
        return None if served else (self._home / "mlflow-models").as_uri()

    def _run(self, run: ToldRun, at_ms: int) -> str:
        """The MLflow run of one of ours, made if there is none."""
        key = f"{run.experiment_id}/{run.run_id}"
        if key not in self._runs:
            parent = self._found_or_made(run.experiment_id, run.experiment, at_ms, tags={}, settings={})
            tags = {"mlflow.parentRunId": parent}
            name = f"{run.variant}, seed {run.seed}"
            self._runs[key] = self._found_or_made(key, name, at_ms, tags=tags, settings=run.settings)
        return self._runs[key]

    def _found(self, key: str) -> Any:
        """The MLflow run that was made under a key; None if there is none."""
        found = self._client.search_runs([self._experiment_id], filter_string=f"tags.`{_KEY}` = '{key}'")
        return found[0] if found else None

    def _found_or_made(
        self, key: str, name: str, at_ms: int, *, tags: Mapping[str, str], settings: Mapping[str, object]
    ) -> str:
        from mlflow.entities import Param

        run = self._found(key) or self._client.create_run(
            self._experiment_id, start_time=at_ms, tags={**tags, _KEY: key}, run_name=name
        )
        # Also of one that was found: who made it may have died before it could write them. What is there stays:
        # MLflow refuses a second value.
        missing = {name: value for name, value in settings.items() if name not in run.data.params}
        params = [Param(name, str(value)[:_LONGEST_VALUE]) for name, value in missing.items()]
        for some in _batches(params, _MOST_PARAMS):
            self._client.log_batch(run.info.run_id, params=some)
        return str(run.info.run_id)

    def _ship(self, run_id: str, path: Path) -> None:
        """The graph as an MLflow model, which its serving commands can load.

        A store of models that cannot be used must not keep the figures back; the run then tells.
        """
        import mlflow.onnx
        import onnx

        try:
            with tempfile.TemporaryDirectory() as folder:
                place = Path(folder) / "model"
                needs = [f"{name}=={version(name)}" for name in ("onnxruntime", "numpy")]
                mlflow.onnx.save_model(onnx.load(path), str(place), pip_requirements=needs)
                self._client.log_artifacts(run_id, str(place), "model")
        except Exception as error:
            log.warning("MLflow did not take %s: %s", path, error)
            reason = without_password(f"not uploaded: {error}")[:_LONGEST_VALUE]
            self._client.set_tag(run_id, "distill_lab.model", reason)


def _batches(items: Iterable[T], most: int) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, most)):
        yield some


def why_off() -> str | None:
    if not os.environ.get(_ADDRESS):
        return sayable(f"Off; to switch it on, set {_ADDRESS} to the address of your server, or to sqlite:///FILE.")
    return not_installed("mlflow")


def look(home: Path) -> str:
    """A server is an address to open; a local store needs a server started."""
    address = without_password(os.environ.get(_ADDRESS, ""))
    return address if address.startswith("http") else command("mlflow", "ui", "--backend-store-uri", address)


def build(params: MlflowParams, folder: ExperimentFolder, position: Mapping[str, int]) -> MlflowRuns:
    return MlflowRuns(folder.home.path)


ENTRY = ExporterEntry(
    name="mlflow",
    title="MLflow",
    summary="Settings, curves, results and the ONNX model of each run, where MLFLOW_TRACKING_URI points.",
    source="https://mlflow.org/docs/latest",
    params=MlflowParams,
    build=build,
    why_off=why_off,
    look=look,
)
