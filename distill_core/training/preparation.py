"""The deep check of a spec: loads the data, builds every network, and refuses what cannot be trained."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from distill_core import architectures, datasets, executors, losses
from distill_core.catalog import Catalogue
from distill_core.datasets.image_data import ImageData
from distill_core.errors import DataError, DeviceError, Problem, SpecError
from distill_core.plan import Origin, Plan, PlannedRun, code_of, make_plan, with_baselines
from distill_core.spec import Choice, ExperimentSpec, Training, Views
from distill_core.training.split import Split, TransferSet, split_data, transfer_set

LARGEST_VIEWS_BYTES = 4 * 2**30


def installed_catalogue() -> Catalogue:
    """Every entry of this installation, with what builds it."""
    return Catalogue(
        architectures=architectures.REGISTRY,
        datasets=datasets.REGISTRY,
        losses=losses.REGISTRY,
        executors=executors.REGISTRY,
    )


@dataclass(frozen=True)
class Checked:
    """A spec that will run here: defaults filled in, data in memory, runs planned."""

    spec: ExperimentSpec
    data: ImageData
    split: Split
    device: torch.device
    catalogue: Catalogue
    here: Origin
    """Of what would be trained now."""
    origin: Origin
    """Of the experiment when it began."""
    plan: Plan

    @property
    def device_kind(self) -> str:
        return self.device.type

    def transfer(self, *, seed: int, kind: str) -> TransferSet:
        return transfer_set(self.data, self.split, self.spec.data, seed=seed, kind=kind)

    @property
    def counts(self) -> dict[str, int]:
        """How many samples each rival may learn from, for the first seed."""
        labelled = self.transfer(seed=self.spec.seeds[0], kind="labelled")
        everything = self.transfer(seed=self.spec.seeds[0], kind="all")
        return {
            "train": len(self.data.train_labels),
            "validation": len(self.split.validation),
            "test": len(self.data.test_labels),
            "teacher_labels": len(self.split.teacher),
            "student_labels": labelled.labelled,
            "student_unlabelled": len(everything.indices) - labelled.labelled,
        }

    def samples_seen(self, run: PlannedRun) -> str:
        """In words: what a run may learn from."""
        if run.role == "teacher":
            return f"{len(self.split.teacher):,} labelled images"
        transfer = self.transfer(seed=run.seed, kind=run.transfer)
        unlabelled = len(transfer.indices) - transfer.labelled
        words = f"{transfer.labelled:,} labelled images" + (f" and {unlabelled:,} unlabelled" if unlabelled else "")
        withheld = ", ".join(self.data.class_names[label] for label in self.split.withheld)
        return words + (f", none of class {withheld}" if withheld else "")

    def network(self, choice: Choice, *, seed: int) -> nn.Module:
        """A network with the initial weights of a seed; the global random state is put back."""
        entry, params = self.catalogue.architectures.resolve(choice)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return entry.build(params, self.data.shape, self.data.classes)


def deep_check(spec: ExperimentSpec, *, cache: Path, origin: Origin | None = None) -> Checked:
    """Check what only data and torch can tell; raises SpecError, DataError or DeviceError, one sentence each.

    `origin` is that of an experiment that goes on; its runs keep the names they began with.
    """
    catalogue = installed_catalogue()
    spec = catalogue.check(spec)
    device = find_device(spec.device)
    entry, params = catalogue.datasets.resolve(spec.data.dataset)
    cache.mkdir(parents=True, exist_ok=True)
    data = entry.load(params, cache)
    split = split_data(data, spec.data)
    fingerprint = entry.fingerprint(params)
    here = Origin(
        torch=torch.__version__, device_kind=device.type, fingerprint=fingerprint, code=code_of(spec, catalogue)
    )
    if origin is not None and origin.fingerprint != fingerprint:
        raise DataError(
            "The images are no longer those this experiment began with, so it cannot go on; put them back, or start a "
            "new experiment from its settings."
        )
    checked = Checked(
        spec=spec, data=data, split=split, device=device, catalogue=catalogue, here=here,
        origin=origin or here, plan=make_plan(spec, catalogue, origin=origin or here),
    )
    problems = [*_batch_problems(checked), *_network_problems(checked), *_twin_problems(checked)]
    if problems:
        raise SpecError(problems)
    return checked


def find_device(name: str) -> torch.device:
    """The device of a spec's `device`; raises DeviceError where this machine lacks it."""
    available = torch.cuda.is_available()
    if name == "auto":
        return torch.device("cuda", 0) if available else torch.device("cpu")
    if name == "cpu":
        return torch.device("cpu")
    if not available:
        raise DeviceError(
            f"device is {name!r}; allowed: cpu or auto. This machine has no CUDA device that torch can use."
        )
    device = torch.device(name if ":" in name else "cuda:0")
    if (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            f"device is {name!r}; allowed: cuda:0 to cuda:{torch.cuda.device_count() - 1}, cpu or auto. Choose one."
        )
    return device


def _batch_problems(checked: Checked) -> Iterator[Problem]:
    def look(field: str, training: Training, views: Views, samples: int) -> Iterator[Problem]:
        rows = samples * (views.fixed_views or 1)
        if training.batch_size > rows:
            yield Problem(
                f"{field}.batch_size",
                training.batch_size,
                f"at most {rows}",
                f"There are only {samples} training samples; lower the batch size.",
            )
        size = math.prod(checked.data.shape) * rows
        if views.fixed_views and size > LARGEST_VIEWS_BYTES:
            yield Problem(
                f"{field.replace('training', 'views')}.fixed_views",
                views.fixed_views,
                f"at most {max(views.fixed_views * LARGEST_VIEWS_BYTES // size, 1)}",
                "More would not fit in memory; draw fresh views at each step instead.",
            )

    spec = checked.spec
    yield from look("teacher.training", spec.teacher.training, spec.teacher.views, len(checked.split.teacher))
    kinds = {student.transfer for student in with_baselines(spec, checked.catalogue)}
    smallest = min(len(checked.transfer(seed=spec.seeds[0], kind=kind).indices) for kind in kinds)
    yield from look("student_training", spec.student_training, spec.student_views, smallest)


def _network_problems(checked: Checked) -> Iterator[Problem]:
    spec = checked.spec
    places = [("teacher.architecture", spec.teacher.architecture)]
    places += [(f"students.{index}.architecture", student.architecture) for index, student in enumerate(spec.students)]
    tried: set[str] = set()
    for field, choice in places:
        if choice.model_dump_json() in tried:
            continue
        tried.add(choice.model_dump_json())
        shape = checked.data.shape
        try:
            network = checked.network(choice, seed=0).eval()
            with torch.no_grad():
                answer = network(torch.zeros(2, *shape))
            fits = answer.shape == (2, checked.data.classes)
        # Layers complain about small images in many ways; the user needs only to know that it does not fit.
        except (RuntimeError, ValueError, IndexError, ZeroDivisionError):
            fits = False
        if not fits:
            size = "x".join(str(side) for side in shape)
            yield Problem(
                field,
                choice.name,
                f"an architecture that accepts images of {size}",
                "Choose another one, or larger images.",
            )


def _twin_problems(checked: Checked) -> Iterator[Problem]:
    """Two students that differ in name alone are one run: its second name would have no figures."""
    seen: dict[str, str] = {}
    names = [student.name for student in checked.spec.students]
    for run in checked.plan.cohorts[0].runs:
        if run.run_id in seen:
            field = f"students.{names.index(run.name)}" if run.name in names else "students"
            yield Problem(
                field, run.name, f"something other than {seen[run.run_id]!r} does", "Change or remove one of the two."
            )
        seen[run.run_id] = run.name
