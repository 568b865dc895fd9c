"""Makes the compressed runs of an experiment, parents first; one that cannot be made is refused in a sentence."""

from __future__ import annotations

import copy
import shutil
import sys
import tempfile
import traceback
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils import parametrize

from distill_core.compression_step import (
    AfterStep,
    Around,
    CompressionRefused,
    FileStep,
    NetworkStep,
    TrainingStep,
)
from distill_core.errors import LabError
from distill_core.events import RunChanged
from distill_core.pipeline.announcing import COMPRESSION_STEP
from distill_core.pipeline.calibrating import calibration
from distill_core.pipeline.compressed import Compressed
from distill_core.pipeline.context import Context
from distill_core.pipeline.keeping import Keeper, surroundings
from distill_core.pipeline.reuse import have
from distill_core.planned import PlannedRun, PlannedStep
from distill_core.training.assembly import compressed_cohort
from distill_core.training.candidate import Candidate
from distill_core.training.normaliser import Normaliser
from distill_core.training.preparation import Checked

_DONE = "Compressed; nothing was trained."
_LONGEST_REASON = 200
_MAKING = "making-"


def compress(checked: Checked, context: Context, keeper: Keeper, teacher: nn.Module) -> None:
    """Make every compressed run that is not there yet, until a stop comes."""
    runs = checked.plan.compressed
    if not runs:
        return
    maker = _Maker(checked, context, keeper, teacher)
    name, title = COMPRESSION_STEP
    for number, run in enumerate(runs):
        if have(run, context.folder, keeper, reuse=context.reuse):
            continue
        if context.should_stop():
            return
        context.step(name, title, "running", done=number, total=len(runs))
        context.emit(RunChanged(at=context.clock(), run_id=run.run_id, state="training"))
        try:
            if not maker.make(run):
                return
        except LabError as error:
            maker.kept.refuse(run, error.sentence)
        except (OSError, MemoryError, torch.OutOfMemoryError):
            # A full disk or GPU is not the step's fault: the experiment goes on from here when there is room again.
            raise
        except Exception as error:
            maker.kept.refuse(run, broken(run.name, error))
    context.step(name, title, "finished", done=len(runs), total=len(runs))


def broken(what: str, error: Exception) -> str:
    """The sentence for a step that fails in a way nobody foresaw; its trace goes to the worker's log."""
    print(f"{what}:", file=sys.stderr)
    traceback.print_exception(error)
    short = " ".join(str(error).split())[:_LONGEST_REASON]
    return (
        f"The step broke off ({type(error).__name__}: {short or 'no message'}), and the log has the details; choose "
        "other settings or leave it out."
    )


class _Maker:
    def __init__(self, checked: Checked, context: Context, keeper: Keeper, teacher: nn.Module) -> None:
        self._checked, self._context, self._keeper, self._teacher = checked, context, keeper, teacher
        self._by_id = {run.run_id: run for run in checked.plan.runs}
        self.kept = Compressed(checked, context, keeper)

    def make(self, run: PlannedRun) -> bool:
        """Whether the run is there now; False if a stop came first. Raises CompressionRefused, ExportError."""
        assert run.compression is not None
        parent = self._by_id[run.compression.parent]
        if self._keeper.logits(parent.run_id) is None:
            raise CompressionRefused(f"There is no {parent.name} (seed {parent.seed}) to make it from.")
        began = self._context.clock()
        step = self._step(run.compression)
        if isinstance(step, NetworkStep):
            notes: list[str] = []
            around = replace(example_around(self._checked), note=notes.append)
            network = step.apply(self._keeper.network(parent), around)
            self.kept.keep_network(run, network, rule=_DONE, seconds=self._context.clock() - began, notes=notes)
        elif isinstance(step, FileStep):
            self._make_file(run, parent, step, began=began)
        else:
            assert isinstance(step, TrainingStep)
            return self._train(run, parent)
        return True

    def _step(self, planned: PlannedStep) -> object:
        entry, params = self._checked.catalogue.compression.resolve(planned.choice)
        return entry.build(params)

    def _train(self, run: PlannedRun, parent: PlannedRun) -> bool:
        """Train the parent's network further; what earlier steps did to it lasts."""
        network = copy.deepcopy(self._keeper.network(parent)).requires_grad_(True)
        holds = hold_earlier(self._checked, run, network)
        around = surroundings(self._context, self._keeper, *COMPRESSION_STEP)
        cohort = compressed_cohort(
            self._checked, run, network, self._teacher,
            # Progress is told in runs, and what is kept is the network without parametrizations.
            replace(around, on_end=self._keep_trained, on_progress=lambda done, total: None),
        )
        cohort.candidates[0].after_step += holds
        cohort.fit()
        return self._keeper.state(run.run_id) != "stopped"

    def _keep_trained(self, candidate: Candidate) -> None:
        stop, run = candidate.progress.stop, candidate.run
        assert stop is not None
        if stop.state == "diverged" and not candidate.best.epoch:
            self.kept.refuse(run, stop.rule)
            return
        settle(candidate.model)
        self.kept.keep_network(
            run, candidate.model, rule=stop.rule, seconds=candidate.progress.seconds, state=stop.state,
            best_epoch=candidate.best.epoch, stopped_epoch=candidate.progress.epoch,
        )

    def _make_file(self, run: PlannedRun, parent: PlannedRun, step: FileStep, *, began: float) -> None:
        place = self._context.folder.run(run.run_id)
        place.path.mkdir(parents=True, exist_ok=True)
        for left in place.path.glob(f"{_MAKING}*"):
            # Of a worker that was killed while it made this file.
            shutil.rmtree(left, ignore_errors=True)
        source = self.kept.float_file(parent)
        with tempfile.TemporaryDirectory(dir=place.path, prefix=_MAKING) as folder:
            target = Path(folder) / "made.onnx"
            notes = step.apply(source, target, calibration(self._checked, run, step.calibrates))
            self._context.fence()
            target.replace(place.onnx)
        self.kept.keep_file(run, parent, source, rule=_DONE, seconds=self._context.clock() - began, notes=notes)


def example_around(checked: Checked) -> Around:
    """What a step may look at: the data's signature and two samples."""
    data, device = checked.data, checked.device
    example = Normaliser(data, device)(data.train_inputs[:2].to(device))
    return Around(signature=checked.signature, example=example)


def hold_earlier(checked: Checked, run: PlannedRun, network: nn.Module) -> list[AfterStep]:
    """Prepare a network for training so that all steps before the run's own last; what to call after each step."""
    assert run.compression is not None
    holds: list[AfterStep] = []
    for choice in run.compression.earlier:
        entry, params = checked.catalogue.compression.resolve(choice)
        step = entry.build(params)
        if isinstance(step, NetworkStep):
            holds += step.hold(network)
    return holds


@torch.no_grad()
def settle(network: nn.Module) -> None:
    """Make parametrizations permanent, in place: what they computed becomes the weight."""
    for module in list(network.modules()):
        if parametrize.is_parametrized(module):
            for name in list(module.parametrizations):  # type: ignore[arg-type]
                parametrize.remove_parametrizations(module, name, leave_parametrized=True)
