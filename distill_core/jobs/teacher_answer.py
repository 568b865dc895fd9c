"""The preview's answer to how fit the teacher is, where it is known before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import nn

from distill_core.folders import RunFolder
from distill_core.jobs.remembering import forget_oldest
from distill_core.planned import PlannedRun, digest
from distill_core.training.assembly import load_network
from distill_core.training.fitness import alone_before, measure_fitness
from distill_core.training.preparation import Checked
from distill_core.training.teachers import as_one


class TeacherAnswer:
    """Remembers what it measured: a slider that is none of the teacher's business asks the teacher nothing again."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Any] | None] = {}

    def answer(self, checked: Checked, trained: Mapping[str, str]) -> dict[str, Any]:
        """{"waiting", "count", "fitness", "alone"}: names of teachers that this experiment must train first, how many
        teach together, TeacherFitness.to_json or None, and what `training.fitness.alone_before` tells.

        `trained` maps run ids to run folders. A teacher is there if it was trained to its end, or if it comes with its
        own weights and is not trained here. Nothing is measured while one waits, and of a regression.
        """
        runs, spec = checked.plan.teachers, checked.spec
        waiting = [run.name for run in runs if not _is_there(run, trained)]
        told: dict[str, Any] = {"waiting": waiting, "count": len(runs), "fitness": None, "alone": None}
        if waiting:
            return told
        kinds = sorted({one.transfer for one in spec.students if checked.catalogue.needs_teacher(one)})
        key = digest([
            [[run.run_id, one.weight] for run, one in zip(runs, spec.teachers, strict=True)],
            spec.data.model_dump(mode="json"), checked.here.fingerprint, spec.seeds[0], kinds,
        ])
        if key not in self._known:
            networks = [_network(checked, run, trained) for run in runs]
            teacher = as_one(networks, [one.weight for one in spec.teachers]).eval()
            found = measure_fitness(checked, teacher)
            self._known[key] = None if found is None else found.to_json()
        told |= {"fitness": self._known[key], "alone": alone_before(checked, trained)}
        forget_oldest(self._known)
        return told


def _is_there(run: PlannedRun, trained: Mapping[str, str]) -> bool:
    """Whether its weights are: kept by a run that is finished, or its own, which nothing here changes."""
    kept = run.run_id in trained and RunFolder(Path(trained[run.run_id])).model.exists()
    return kept or (run.teacher is not None and not run.teacher.train)


def _network(checked: Checked, run: PlannedRun, trained: Mapping[str, str]) -> nn.Module:
    place = RunFolder(Path(trained[run.run_id])) if run.run_id in trained else None
    if place is not None and place.model.exists():
        return load_network(checked, run, load_file(place.model))
    return checked.network_of(run).to(checked.device).eval()
