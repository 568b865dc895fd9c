"""The deep check of a spec: loads the data, builds every network, and refuses what cannot be trained."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import nn

from distill_core import architectures, compression, datasets, executors, exporters, generators, losses
from distill_core.catalog import Catalogue
from distill_core.correction_sets import CorrectionSet
from distill_core.datasets.samples import Samples
from distill_core.entries import Tell, silent
from distill_core.errors import DataError, DeviceError, SpecError
from distill_core.folders import Home
from distill_core.language import sayable
from distill_core.plan import code_of, make_plan
from distill_core.planned import Origin, Plan, PlannedRun
from distill_core.signature import Signature
from distill_core.spec import Choice, ExperimentSpec, Student
from distill_core.training.corrected import find_set, with_corrections
from distill_core.training.own_weights import load_own_weights
from distill_core.training.precision import chosen_precision
from distill_core.training.problems import find_problems
from distill_core.training.split import Split, TransferSet, split_data, transfer_set


def installed_catalogue() -> Catalogue:
    """Every entry of this installation, with what builds it."""
    return Catalogue(
        architectures=architectures.REGISTRY,
        datasets=datasets.REGISTRY,
        losses=losses.REGISTRY,
        generators=generators.REGISTRY,
        compression=compression.REGISTRY,
        executors=executors.REGISTRY,
        exporters=exporters.REGISTRY,
    )


@dataclass(frozen=True)
class Checked:
    """A spec that will run here: defaults filled in, data in memory, runs planned."""

    spec: ExperimentSpec
    data: Samples
    split: Split
    device: torch.device
    catalogue: Catalogue
    home: Home
    here: Origin
    """Of what would be trained now."""
    origin: Origin
    """Of the experiment when it began."""
    plan: Plan
    corrections: CorrectionSet | None = None
    """What of it is learnt stands at the end of the training split."""

    @property
    def device_kind(self) -> str:
        return self.device.type

    @property
    def signature(self) -> Signature:
        """What every network of the experiment must fit; architectures cut from the teacher find it here."""
        whole = self.spec.teacher.architecture
        return replace(self.data.signature, teacher=lambda: self._build(whole, self.data.signature))

    def transfer(self, *, seed: int, kind: str) -> TransferSet:
        return transfer_set(self.data, self.split, self.spec.data, seed=seed, kind=kind)

    @property
    def counts(self) -> dict[str, int]:
        """How many samples each rival may learn from, for the first seed."""
        labelled = self.transfer(seed=self.spec.seeds[0], kind="labelled")
        everything = self.transfer(seed=self.spec.seeds[0], kind="all")
        return {
            "train": len(self.data.train_labels) - self.data.corrected,
            "validation": len(self.split.validation),
            "test": len(self.data.test_labels),
            "teacher_labels": len(self.split.teacher),
            "student_labels": labelled.labelled,
            "student_unlabelled": len(everything.indices) - labelled.labelled,
        }

    def samples_seen(self, run: PlannedRun) -> str:
        """In words: what a run may learn from."""
        noun = self.data.signature.noun
        if run.student is None:
            if run.teacher is not None and not run.teacher.train:
                return sayable("nothing here: it came trained")
            return _labelled(len(self.split.teacher), noun, corrected=self.data.corrected)
        transfer = self.transfer(seed=run.seed, kind=run.transfer)
        unlabelled = len(transfer.indices) - transfer.labelled
        corrected = int((transfer.indices >= len(self.data.train_labels) - self.data.corrected).sum())
        seen = _labelled(transfer.labelled, noun, corrected=corrected)
        seen = sayable(f"{seen} and {unlabelled:,} unlabelled") if unlabelled else seen
        withheld = ", ".join(self.data.class_names[label] for label in self.split.withheld)
        seen = sayable(f"{seen}, none of class {withheld}") if withheld else seen
        return self._made_of_them(seen, run.student)

    def _made_of_them(self, seen: str, student: Student) -> str:
        if student.coreset is not None:
            size, rule = student.coreset.size, student.coreset.rule
            seen = sayable(f"{seen}, of which {size:,} chosen by the rule {rule}")
        if student.generator is not None:
            title = self.catalogue.generators[student.generator.name].title
            seen = sayable(f"{seen}, {student.generated_share:.0%} of each batch as variants ({title})")
        return seen

    def network(self, choice: Choice, *, seed: int, weights: str = "") -> nn.Module:
        """A network with the initial weights of a seed, or own ones; the global random state is put back.

        Raises ValueError, in one sentence, if the architecture cannot fit the data, and WeightsMismatch.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = self._build(choice, self.signature)
        if weights:
            load_own_weights(network, self.home.weights(weights))
        return network

    def _build(self, choice: Choice, signature: Signature) -> nn.Module:
        entry, params = self.catalogue.architectures.resolve(choice)
        built: nn.Module = entry.build(params, signature)
        return built

    def network_of(self, run: PlannedRun) -> nn.Module:
        """A run's network before its training."""
        return self.network(run.architecture, seed=run.seed, weights=run.weights)


def _labelled(count: int, noun: str, *, corrected: int) -> str:
    seen = sayable(f"{count:,} labelled {noun}")
    return sayable(f"{seen} ({corrected:,} of them corrected)") if corrected else seen


def deep_check(
    spec: ExperimentSpec, *, home: Home, origin: Origin | None = None, tell: Tell = silent
) -> Checked:
    """Check what only data and torch can tell; raises SpecError, DataError or DeviceError, one sentence each.

    `origin` is that of an experiment that goes on; its runs keep the names they began with. Data that take their time
    `tell` how far they are.
    """
    catalogue = installed_catalogue()
    spec = catalogue.check(spec)
    device = find_device(spec.device)
    entry, params = catalogue.datasets.resolve(spec.data.dataset)
    corrections = find_set(home, spec.data.corrections)
    home.cache.mkdir(parents=True, exist_ok=True)
    data, corrections = with_corrections(entry.load(params, home.cache, tell), corrections)
    split = split_data(data, spec.data)
    fingerprint = entry.fingerprint(params)
    here = Origin(
        torch=torch.__version__, device_kind=device.type, fingerprint=fingerprint, code=code_of(spec, catalogue),
        precision=chosen_precision(spec.precision, device, processes=spec.processes),
    )
    if origin is not None and origin.fingerprint != fingerprint:
        raise DataError(
            f"The {data.signature.noun} are no longer those this experiment began with, so it cannot go on; put them "
            "back, or start a new experiment from its settings."
        )
    checked = Checked(
        spec=spec, data=data, split=split, device=device, catalogue=catalogue, home=home, here=here,
        origin=origin or here, plan=make_plan(spec, catalogue, origin=origin or here), corrections=corrections,
    )
    if problems := list(find_problems(checked)):
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
            f"device is {name!r}; allowed: cpu or auto. This machine has no CUDA device that torch can use: choose one "
            "of these, or update the GPU's driver."
        )
    device = torch.device(name if ":" in name else "cuda:0")
    if (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            f"device is {name!r}; allowed: cuda:0 to cuda:{torch.cuda.device_count() - 1}, cpu or auto. Choose one."
        )
    return device
