"""Shows a run of an experiment as plain PyTorch; loads no torch."""

from __future__ import annotations

from collections.abc import Callable

from distill_core.access import Acting, needs
from distill_core.catalog import Catalogue
from distill_core.errors import NotFound
from distill_core.folders import Home, read_json
from distill_core.plain_code import PlainScript, Shown, plain_script
from distill_core.plain_code.covering import compressed
from distill_core.plan import with_baselines
from distill_core.results import finite, run_of
from distill_core.rows import RunRow
from distill_core.spec import ExperimentSpec
from distill_core.store.store import Store


class Scripts(Acting):
    """Plain code of the runs of one home. Thread-safe; every method returns at once."""

    def __init__(self, home: Home, store: Callable[[], Store], catalogue: Callable[[], Catalogue]) -> None:
        self._home, self._store, self._catalogue = home, store, catalogue

    @needs("viewer")
    def script(self, experiment_id: str, run_id: str) -> PlainScript:
        """One file that repeats a teacher or a variant. Raises NotFound, and NotShown for what it cannot show."""
        store, catalogue = self._store(), self._catalogue()
        view = store.experiment(experiment_id)
        run = run_of(view, run_id)
        spec = catalogue.check(view.spec)
        points, _ = store.live_points(experiment_id)
        losses = [loss for known, epoch, loss, *_ in points if known == run_id and epoch == 1]
        calibration = self._home.experiment(experiment_id).calibration
        return plain_script(
            spec, _shown(run, spec, catalogue), catalogue, first_loss=finite(losses[-1]) if losses else None,
            threads=int(read_json(calibration)["threads"]) if calibration.exists() else 1,
        )


def _shown(run: RunRow, spec: ExperimentSpec, catalogue: Catalogue) -> Shown:
    if run.role == "compressed":
        raise compressed()
    if run.role == "teacher":
        names = ["teacher", *(f"teacher {number}" for number in range(2, len(spec.teachers) + 1))]
        if run.name in names:
            return Shown(run.name, run.seed, number=names.index(run.name))
    student = next((one for one in with_baselines(spec, catalogue) if one.name == run.name), None)
    if student is None:
        experiment_id, name = run.experiment_id, run.name[:60]
        raise NotFound(f"The settings of experiment {experiment_id} have no variant of the name {name!r}.")
    return Shown(run.name, run.seed, student)
