"""Turns an experiment's events into what other tools keep: curves, results and models of named runs, each once."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from distill_core.events import (
    AnyEvent,
    EpochEnded,
    LatencyMeasured,
    OnnxExported,
    RunCompressed,
    RunDeclared,
    RunFinished,
    RunState,
    WorkerEnded,
)
from distill_core.exporters.run_settings import Setting, settings_of
from distill_core.folders import ExperimentFolder
from distill_core.spec import ExperimentSpec

# In the four bytes that a letter may take, well below the 255 bytes of a file's name.
_LONGEST_PART = 50


@dataclass(frozen=True)
class ToldRun:
    """One trained network of an experiment, by names that people read.

    `place` names it within all experiments of one name, by parts that are safe as folder names: experiment, variant,
    seed; no two runs of an experiment share it.
    """

    experiment_id: str
    experiment: str
    run_id: str
    variant: str
    seed: int
    place: tuple[str, str, str]
    settings: Mapping[str, Setting]


@dataclass(frozen=True)
class Curves:
    """Figures of one finished epoch, counted from 1. `at`: seconds since 1970."""

    run: ToldRun
    at: float
    step: int
    values: Mapping[str, float]


@dataclass(frozen=True)
class Results:
    """Final figures of a run, as far as they are new; `step` is the epoch whose weights were kept."""

    run: ToldRun
    at: float
    step: int
    values: Mapping[str, float]


@dataclass(frozen=True)
class ModelFile:
    """The run's exported ONNX file, which exists."""

    run: ToldRun
    at: float
    path: Path


@dataclass(frozen=True)
class RunOver:
    """The run has ended its training; results may follow."""

    run: ToldRun
    at: float
    state: RunState


@dataclass(frozen=True)
class ExperimentOver:
    """A worker has said its last word; the experiment may yet be resumed."""

    experiment_id: str
    at: float
    outcome: Literal["succeeded", "failed", "cancelled"]


Record = Curves | Results | ModelFile | RunOver | ExperimentOver


class Story:
    """Keeps what earlier events told, so that each record is whole; always told all events from the first on."""

    def __init__(self, spec: ExperimentSpec, folder: ExperimentFolder) -> None:
        self._spec, self._folder = spec, folder
        self._runs: dict[str, ToldRun] = {}
        self._places: dict[str, str] = {}
        self._epochs: dict[str, int] = {}
        self._best: dict[str, int] = {}
        self._results: dict[str, dict[str, float]] = {}
        self._over: dict[str, RunState] = {}

    def records(self, event: AnyEvent | None) -> Iterator[Record]:
        """What an event brings that was not told before; None stands for a damaged line.

        A resumed worker tells again what it had told. Of an epoch told twice the first telling stays.
        """
        match event:
            case RunDeclared():
                if event.run_id not in self._runs:
                    self._runs[event.run_id] = self._told(event)
                    self._results[event.run_id] = {}
            case EpochEnded() if event.run_id in self._runs:
                if event.epoch > self._epochs.get(event.run_id, 0):
                    self._epochs[event.run_id] = event.epoch
                    yield Curves(self._runs[event.run_id], event.at, event.epoch, curve_values(event))
            case RunFinished() if event.run_id in self._runs:
                self._best[event.run_id] = event.best_epoch
                yield from self._new_results(event.run_id, event.at, final_values(event))
                if self._over.get(event.run_id) != event.state:
                    self._over[event.run_id] = event.state
                    yield RunOver(self._runs[event.run_id], event.at, event.state)
            case OnnxExported() if event.run_id in self._runs:
                values = {"onnx/bytes": float(event.size_bytes), "onnx/largest_difference": event.max_abs_diff}
                yield from self._new_results(event.run_id, event.at, values)
                path = self._folder.path / event.path
                if path.is_file():
                    yield ModelFile(self._runs[event.run_id], event.at, path)
            case RunCompressed() if event.run_id in self._runs:
                yield from self._new_results(event.run_id, event.at, compressed_values(event))
            case LatencyMeasured() if event.run_id in self._runs:
                yield from self._new_results(event.run_id, event.at, latency_values(event))
            case WorkerEnded() if self._runs:
                yield ExperimentOver(self._folder.path.name, event.at, event.outcome)
            case _:
                pass

    def _new_results(self, run_id: str, at: float, values: Mapping[str, float]) -> Iterator[Results]:
        known = self._results[run_id]
        # repr, for NaN is not equal to itself.
        new = {name: value for name, value in values.items() if repr(known.get(name)) != repr(value)}
        known.update(new)
        if new:
            yield Results(self._runs[run_id], at, self._best.get(run_id, 0), new)

    def _told(self, event: RunDeclared) -> ToldRun:
        variant = safe_name(event.name) or event.run_id
        place = (safe_name(self._spec.name) or self._folder.path.name, variant, f"seed-{event.seed}")
        # Some file systems know no capitals.
        if self._places.setdefault("/".join(place).casefold(), event.run_id) != event.run_id:
            place = (place[0], f"{variant} {event.run_id[:8]}", place[2])
        parent = self._runs.get(event.parent)
        settings = {**(parent.settings if parent else {}), **settings_of(self._spec, event)}
        return ToldRun(
            experiment_id=self._folder.path.name, experiment=self._spec.name, run_id=event.run_id, variant=event.name,
            seed=event.seed, place=place, settings=settings,
        )


def safe_name(name: str) -> str:
    """A user's name as the name of a folder: no separators, controls or leading dots; may be empty."""
    plain = re.sub(r"[^\w ,=+()%.-]", "_", re.sub(r"[:;] ", ", ", unicodedata.normalize("NFC", name)))
    return plain[:_LONGEST_PART].strip(" .")


def key_name(name: str) -> str:
    """A part of a figure's name in letters that every tool takes."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)


def curve_values(event: EpochEnded) -> dict[str, float]:
    """Figures of an epoch by names that group them. A regression has R2 and the squared error in place of others."""
    values = {"training/loss": event.train_loss, "training/learning_rate": event.learning_rate}
    if event.validation_r2 is not None or event.validation_mse is not None:
        known = {"validation/r2": event.validation_r2, "validation/squared_error": event.validation_mse}
        values |= {name: value for name, value in known.items() if value is not None}
    else:
        values |= {"validation/accuracy": event.validation_accuracy, "validation/nll": event.validation_nll}
    if event.raw_kl is not None:
        values["validation/kl_to_teacher"] = event.raw_kl
    values |= {f"terms_raw/{key_name(name)}": value for name, value in event.raw_terms.items()}
    return values | {f"terms_weighted/{key_name(name)}": value for name, value in event.weighted_terms.items()}


def final_values(event: RunFinished) -> dict[str, float]:
    """Figures on the test set, and how long the training took."""
    if event.r2 is not None or event.mse is not None:
        figures = {
            "test/r2": event.r2, "test/squared_error": event.mse, "test/squared_error_to_teacher": event.teacher_mse
        }
    else:
        figures = {
            "test/accuracy": event.accuracy, "test/nll": event.nll, "test/calibration_error": event.ece,
            "test/agreement": event.agreement, "test/kl_to_teacher": event.teacher_kl,
        }
    known = {name: value for name, value in figures.items() if value is not None}
    return known | {"training/seconds": event.seconds, "training/best_epoch": float(event.best_epoch)}


def compressed_values(event: RunCompressed) -> dict[str, float]:
    """What a compression step left of the network; the share of zeros is of all its weights, biases left out."""
    weights, zeros = sum(one.weights for one in event.layers), sum(one.zeros for one in event.layers)
    values = {
        "compressed/parameters": float(event.parameters), "compressed/macs": float(event.macs),
        "compressed/weights_bytes": float(event.size_bytes), "compressed/zipped_bytes": float(event.zipped_bytes),
    }
    return values | ({"compressed/zeros": zeros / weights} if weights else {})


def latency_values(event: LatencyMeasured) -> dict[str, float]:
    """Milliseconds a batch; 0 threads are all cores."""
    return {
        f"latency/batch_{row.batch}_threads_{row.threads or 'all'}/{name}_ms": getattr(row, name)
        for row in event.rows
        for name in ("p50", "p95", "p99")
    }
