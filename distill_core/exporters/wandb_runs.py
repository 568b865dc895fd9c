"""Writes Weights & Biases runs into the experiment's folder, offline unless WANDB_MODE says otherwise."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distill_core.entries import ExporterEntry, Params
from distill_core.exporters.exporter import command, not_installed
from distill_core.exporters.story import Curves, Record, Results, RunOver, ToldRun
from distill_core.folders import ExperimentFolder
from distill_core.language import sayable

_SWITCH = "DISTILL_WANDB"
_OFF = ("", "0", "false", "off", "no")


class WandbParams(Params):
    """Nothing to choose: WANDB_MODE, WANDB_PROJECT and WANDB_ENTITY mean what they always mean."""


class WandbRuns:
    """One W&B run a trained network, grouped by our experiment.

    W&B makes its own folder `wandb` in the given one. A run keeps its id, so that what a resumed experiment adds in a
    second offline folder is synced to the same run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs: dict[str, Any] = {}

    def write(self, record: Record) -> None:
        match record:
            case Curves():
                self._run(record.run).log(dict(record.values), step=record.step)
            case Results():
                # What a table of runs shows; not a point of a curve.
                self._run(record.run).summary.update(dict(record.values))
            case RunOver():
                self._run(record.run).summary.update({"state": record.state})
            case _:
                # The model stays in the experiment's folder: a copy of each, made offline, would only fill the disk.
                pass

    def flush(self) -> Mapping[str, int]:
        """Its own background process has taken all, and goes on writing should this one die."""
        return {}

    def close(self) -> None:
        """Waits for W&B's background process, which writes the last lines of a finished run at its own leisure."""
        import wandb

        for run in self._runs.values():
            run.finish()
        self._runs.clear()
        wandb.teardown()

    def _run(self, run: ToldRun) -> Any:
        import wandb

        if run.run_id not in self._runs:
            offline = not os.environ.get("WANDB_MODE")
            self._runs[run.run_id] = wandb.init(
                project=os.environ.get("WANDB_PROJECT") or "distill-lab",
                group=f"{run.experiment} {run.experiment_id}", name=f"{run.variant}, seed {run.seed}",
                id=f"{run.experiment_id}-{run.run_id}", dir=self._folder, config=dict(run.settings),
                mode="offline" if offline else None, resume=None if offline else "allow", reinit="create_new",
                # Only what is told here: not this process's output, code or use of the machine.
                settings=wandb.Settings(
                    console="off", disable_git=True, save_code=False, silent=True, x_disable_stats=True
                ),
            )
        return self._runs[run.run_id]


def why_off() -> str | None:
    if os.environ.get(_SWITCH, "").lower() in _OFF:
        return sayable(
            f"Off; to switch it on, set {_SWITCH}=1. It writes to this disk alone unless you set WANDB_MODE."
        )
    return not_installed("wandb")


def look(home: Path) -> str:
    return f"wandb sync {command(home / 'experiments')}/*/wandb/offline-run-*"


def build(params: WandbParams, folder: ExperimentFolder, position: Mapping[str, int]) -> WandbRuns:
    return WandbRuns(folder.path)


ENTRY = ExporterEntry(
    name="wandb",
    title="Weights & Biases",
    summary="Settings, curves and results of each run as offline runs, which `wandb sync` uploads. DISTILL_WANDB=1.",
    source="https://docs.wandb.ai",
    params=WandbParams,
    build=build,
    why_off=why_off,
    look=look,
)
