"""Experiments as large as a map of temperatures and weights: a student alone and a variant for every cell."""

from __future__ import annotations

import math

from distill_core.folders import Home
from distill_core.spec import ExperimentSpec, parse_spec
from tests.fixtures import ALONE_LEVEL, STARTED, FakeWorker, create_experiment, preset_spec

TEMPERATURES = (1.0, 2.0, 4.0, 8.0, 16.0)
TEACHERS_SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)


def map_spec(*, seeds: int = 5, epochs: int = 20) -> ExperimentSpec:
    """25 cells of temperature by the teacher's share of the loss, and the same student alone."""
    data = preset_spec("digits", seeds=seeds).to_json()
    alone, *_others, distilled = data["students"]
    labels = alone["terms"][0]
    cells = [
        distilled | {"name": cell_name(temperature, share), "terms": [
            labels | {"weight": round(1 - share, 1)},
            {"loss": {"name": "kd", "params": {"temperature": temperature}}, "weight": share},
        ]}
        for temperature in TEMPERATURES for share in TEACHERS_SHARES
    ]
    data |= {"name": "Digits: temperature by weight", "students": [alone, *cells]}
    data["student_training"] |= {"epochs": epochs}
    return parse_spec(data)


def cell_name(temperature: float, share: float) -> str:
    return f"T={temperature:g}, teacher {share:.0%}"


def cell_level(temperature: float, share: float) -> float:
    """A ridge: best at a temperature of 4 and seven tenths from the teacher, at the edges worse than alone."""
    return ALONE_LEVEL + 0.045 * math.exp(-((math.log2(temperature) - 2) ** 2) / 3 - 6 * (share - 0.7) ** 2) - 0.012


def create_map_experiment(
    home: Home, *, seeds: int = 5, epochs: int = 20, experiment_id: str = "", created_at: float = STARTED
) -> FakeWorker:
    """A queued one, with the pen that writes on; its networks have the levels of their cells."""
    worker = create_experiment(
        home, spec=map_spec(seeds=seeds, epochs=epochs), experiment_id=experiment_id, created_at=created_at
    )
    levels = {cell_name(t, share): cell_level(t, share) for t in TEMPERATURES for share in TEACHERS_SHARES}
    for run in worker.runs:
        run.level = levels.get(run.name, run.level)
    return worker


def build_map_experiment(
    home: Home, *, seeds: int = 5, epochs: int = 20, experiment_id: str = "", created_at: float = STARTED
) -> str:
    """A succeeded one with all its figures; returns its id."""
    worker = create_map_experiment(
        home, seeds=seeds, epochs=epochs, experiment_id=experiment_id, created_at=created_at
    )
    worker.complete()
    return worker.experiment_id
