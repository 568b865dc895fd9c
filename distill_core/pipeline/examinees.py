"""Chooses which networks of a seed are examined side by side, and opens them."""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from distill_core import __version__
from distill_core.compression_step import CompressionRefused, FileStep
from distill_core.deployment.onnx_export import ReadyGraphs, export_onnx, is_quantized
from distill_core.deployment.parity import as_inputs
from distill_core.deployment.profile import profile
from distill_core.deployment.session import open_session
from distill_core.errors import Conflict, LabError
from distill_core.events import EpochEnded
from distill_core.examination.bench import Bench, Examinee
from distill_core.examined import MOST_NETWORKS, VERSION, Network
from distill_core.folders import ExperimentFolder, RunFolder, read_json
from distill_core.pipeline.calibrating import calibration
from distill_core.pipeline.keeping import Keeper
from distill_core.plan import baseline_of, with_baselines
from distill_core.planned import PlannedRun, digest
from distill_core.training.cohort import predict
from distill_core.training.normaliser import Normaliser
from distill_core.training.preparation import Checked

MOST_INT8 = 2
MOST_LEARNT = 512
STATIC_INT8 = "static-int8"


def chosen_runs(checked: Checked, keeper: Keeper, *, seed: int) -> tuple[list[PlannedRun], tuple[str, str] | None]:
    """The teacher, the best distilled students of the seed and what they are judged against, as far as they are kept.

    Best by their validation: test data choose nothing. Also the pair of which one is the other trained alone, if any.
    """
    students = {run.name: run for cohort in checked.plan.cohorts if cohort.seed == seed for run in cohort.runs}
    kept = {name: run for name, run in students.items() if keeper.logits(run.run_id) is not None}
    settings = with_baselines(checked.spec, checked.catalogue)
    alone = {
        one.name: found.name for one in settings if (found := baseline_of(one, settings, checked.catalogue)) is not None
    }
    distilled = sorted(
        (run for run in kept.values() if run.role == "student"),
        key=lambda run: -_validation(keeper.folder.run(run.run_id)),
    )
    chosen: dict[str, PlannedRun] = {}
    pair = None
    for run in distilled or list(kept.values()):
        partner = kept.get(alone.get(run.name, ""))
        if pair is None and partner is not None and run.role == "student":
            pair = (partner.run_id, run.run_id)
        new = [one for one in (partner, run) if one is not None and one.run_id not in chosen]
        if len(chosen) + len(new) < MOST_NETWORKS:
            chosen |= {one.run_id: one for one in new}
    teacher = [checked.plan.teacher] if keeper.logits(checked.plan.teacher.run_id) is not None else []
    return [*teacher, *sorted(chosen.values(), key=lambda run: run.role != "baseline")], pair


def _validation(place: RunFolder) -> float:
    """What the kept epoch reached on the validation samples."""
    result = read_json(place.result)
    points = [EpochEnded.model_validate(point) for point in result["curve"]]
    best = next((point for point in points if point.epoch == result["best_epoch"]), None)
    if best is None:
        return -math.inf
    value = best.validation_accuracy if best.validation_r2 is None else best.validation_r2
    return value if math.isfinite(value) else -math.inf


class Opening:
    """Opens the networks of one seed; `notes` tells what could not be. Raises Conflict where nothing is left."""

    def __init__(self, checked: Checked, folder: ExperimentFolder, keeper: Keeper, *, seed: int) -> None:
        self._checked, self._folder, self._keeper, self._seed = checked, folder, keeper, seed
        self.notes: list[str] = []
        self._runs, self._pair = chosen_runs(checked, keeper, seed=seed)
        if len(checked.plan.teachers) > 1:
            self.notes.append("Of several teachers the first is examined.")

    def bench(self, go_on: Callable[[], bool]) -> Bench:
        """All of them, the teacher first and int8 files last."""
        networks = [one for run in self._runs if (one := self._network(run)) is not None]
        if not any(one.facts.role != "teacher" for one in networks):
            raise Conflict(
                f"No student's network of seed {self._seed} is kept in this experiment; resume it, or examine another "
                "seed."
            )
        files = self._quantized([one.facts for one in networks])
        known = {one.facts.run_id for one in networks}
        pair = self._pair if self._pair is not None and set(self._pair) <= known else None
        macs = sum(profile(one.model, signature=self._checked.signature).macs for one in networks if one.model)
        return Bench(
            examinees=(*networks, *files), data=self._checked.data, device=self._checked.device, seed=self._seed,
            digest=self._digest([one.facts for one in (*networks, *files)]), macs=macs, learnt=self._learnt(),
            pair=pair, go_on=go_on,
        )

    def _network(self, run: PlannedRun) -> Examinee | None:
        try:
            network = self._keeper.network(run)
        except FileNotFoundError:
            self.notes.append(f"The network of {run.name} (seed {run.seed}) was let go of, so it is left out.")
            return None
        # Its code has changed since, and its layers with it.
        except (RuntimeError, ValueError, KeyError) as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            self.notes.append(f"The network of {run.name} (seed {run.seed}) can no longer be built, so it is left out.")
            return None
        normalise = Normaliser(self._checked.data, self._checked.device)

        def ask(raw: Tensor) -> Tensor:
            return predict(network, raw, normalise).float().cpu()

        return Examinee(facts=self._facts(run), ask=ask, model=network)

    def _facts(self, run: PlannedRun, *, of: str = "", made_here: bool = False) -> Network:
        result = read_json(self._folder.run(run.run_id).result)
        return Network(
            run_id=run.run_id, role=run.role, name=run.name, seed=run.seed, best_epoch=result["best_epoch"],
            stopped_epoch=result["stopped_epoch"], of=of, made_here=made_here,
        )

    # int8 ------------------------------------------------------------------------------------

    def _quantized(self, networks: list[Network]) -> list[Examinee]:
        """Files of this experiment that compute in integers; without any, one made of the best student for now."""
        rank = {"student": 0, "baseline": 1, "teacher": 2}
        networks = sorted(networks, key=lambda one: rank[one.role])
        found = []
        parents = {run.run_id: run.compression.parent for run in self._checked.plan.compressed if run.compression}
        order = [one.run_id for one in networks]
        for run in self._checked.plan.compressed:
            above = run.run_id
            while above in parents:
                above = parents[above]
            path = self._folder.run(run.run_id).onnx
            if above in order and self._folder.run(run.run_id).onnx_result.exists() and is_quantized(path):
                found.append((above, run))
        # One of each network: the last of its chain. The best distilled one's comes first.
        last = dict(found)
        chosen = sorted(last, key=order.index)[:MOST_INT8]
        kept = [self._file(self._folder.run(last[of].run_id).onnx, self._facts(last[of], of=of)) for of in chosen]
        return kept or self._made_here(networks[0])

    def _made_here(self, network: Network) -> list[Examinee]:
        """Static int8 of a network, calibrated with training samples; opened, then gone again."""
        place = self._folder.run(network.run_id)
        entry = self._checked.catalogue.compression[STATIC_INT8]
        step = entry.build(entry.resolve({}))
        assert isinstance(step, FileStep)
        run = next(run for run in self._runs if run.run_id == network.run_id)
        with tempfile.TemporaryDirectory(prefix="distill-int8-") as passing:
            made, source = Path(passing) / "int8.onnx", place.onnx
            try:
                if not place.onnx_result.exists():
                    # Of further seeds nothing is exported unless somebody asks for it.
                    source = Path(passing) / "float.onnx"
                    self._export(run, source)
                step.apply(source, made, calibration(self._checked, run, step.calibrates))
                facts = network.model_copy(update={
                    "run_id": f"{network.run_id}-int8", "role": "compressed", "of": network.run_id, "made_here": True,
                })
                return [self._file(made, facts)]
            except (CompressionRefused, LabError) as error:
                self.notes.append(f"No int8 file could be made: {error.sentence}")
                return []

    def _export(self, run: PlannedRun, path: Path) -> None:
        """Raises ExportError."""
        data = self._checked.data
        export_onnx(
            self._keeper.network(run), path, signature=data.signature, mean=data.mean, std=data.std,
            label_mean=data.label_mean, label_std=data.label_std, ready=ReadyGraphs(),
            key=run.architecture.model_dump_json(),
        )

    def _file(self, path: Path, facts: Network) -> Examinee:
        session, data = open_session(path, threads=torch.get_num_threads()), self._checked.data
        feed = session.get_inputs()[0].name

        def ask(raw: Tensor) -> Tensor:
            answers = session.run(None, {feed: as_inputs(raw.cpu().numpy(), data.signature)})[0]
            if data.label_mean:
                answers = (answers - np.asarray(data.label_mean)) / np.asarray(data.label_std)
            return torch.from_numpy(answers.astype(np.float32))

        return Examinee(facts=facts, ask=ask)

    # -----------------------------------------------------------------------------------------

    def _learnt(self) -> Tensor:
        """Some of the labelled samples of this seed's students."""
        indices = self._checked.transfer(seed=self._seed, kind="labelled").indices
        return self._checked.data.train_rows(indices[:MOST_LEARNT])

    def _digest(self, networks: list[Network]) -> str:
        """Of the weights themselves: a run that was resumed has the same name and others."""
        weights = []
        for one in networks:
            place = self._folder.run(one.of if one.made_here else one.run_id)
            path = place.onnx if one.role == "compressed" and not one.made_here else place.model
            weights.append([one.run_id, hashlib.sha256(path.read_bytes()).hexdigest()])
        return digest([VERSION, __version__, self._checked.here.torch, self._checked.origin.fingerprint, weights])
