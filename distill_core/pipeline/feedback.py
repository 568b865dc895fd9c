"""Measures what the corrections an experiment learnt from did, against the experiment whose answers they correct."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file

from distill_core.correction_sets import CorrectionSet
from distill_core.deployment.parity import onnx_logits
from distill_core.errors import LabError
from distill_core.evaluation.feedback import Feedback, HeldBack, RunEffect
from distill_core.folders import ExperimentFolder, RunFolder, read_json, write_json
from distill_core.pipeline.keeping import Keeper
from distill_core.plan import Origin, PlannedRun, make_plan
from distill_core.spec import ExperimentSpec, read_spec
from distill_core.training.assembly import load_network
from distill_core.training.cohort import predict
from distill_core.training.corrected import as_stored
from distill_core.training.normaliser import Normaliser
from distill_core.training.preparation import Checked

Answers = NDArray[np.intp]
"""The class chosen for each sample."""
Key = tuple[str, str, int]


@dataclass
class Earlier:
    """The experiment whose answers were corrected; `runs` by kind, name and seed, none where it cannot be read."""

    folder: ExperimentFolder
    runs: Mapping[Key, PlannedRun] = field(default_factory=dict)
    unchanged: frozenset[str] = frozenset()
    """Its runs that differ from those of now in the corrections alone."""
    same_data: bool = False
    notes: list[str] = field(default_factory=list)


def measure_feedback(checked: Checked, folder: ExperimentFolder, keeper: Keeper) -> Feedback | None:
    """Compare every kept run with the one of its name and seed before, and write it down; None without corrections.

    Test figures are those of the saved answers; corrections are asked anew: earlier runs through their exported graph,
    else through their kept network.
    """
    used = checked.corrections
    if used is None:
        return None
    earlier = _earlier(checked, folder, used)
    kept = [run for run in checked.plan.runs if keeper.logits(run.run_id) is not None]
    held = tuple(
        HeldBack(row=row, label=one.label, test_index=one.test_index)
        for row, one in enumerate(used.facts.samples) if not one.learnt
    )
    effects = [_effect(checked, keeper, run, earlier, used) for run in kept]
    found = Feedback(
        corrections=checked.spec.data.corrections, experiment_id=used.facts.experiment_id, learnt=used.facts.learnt,
        held_back=held, runs=tuple(effects), notes=tuple(dict.fromkeys(earlier.notes)),
    )
    write_json(folder.feedback, found.model_dump(mode="json"))
    return found


def _earlier(checked: Checked, folder: ExperimentFolder, used: CorrectionSet) -> Earlier:
    """Everything that can be known of the earlier experiment; whatever is missing becomes a note."""
    identity = used.facts.experiment_id
    found = Earlier(folder.home.experiment(identity))
    try:
        origin = Origin.model_validate(read_json(found.folder.origin))
        spec = checked.catalogue.check(read_spec(found.folder.spec))
        plan = make_plan(spec, checked.catalogue, origin=origin)
    # KeyError: an entry that was renamed since.
    except (LabError, OSError, ValueError, KeyError) as error:
        found.notes.append(f"Experiment {identity} can no longer be read ({_short(error)}), so nothing is compared.")
        return found
    found.runs = {_key(run): run for run in plan.runs}
    found.unchanged = _names_without(checked, spec, origin)
    found.same_data = origin.fingerprint == checked.origin.fingerprint and _same_labels(found.folder, checked)
    if not found.same_data:
        found.notes.append(
            f"The data are not those of experiment {identity}, so accuracy on its test set cannot be compared."
        )
    return found


def _names_without(checked: Checked, spec: ExperimentSpec, origin: Origin) -> frozenset[str]:
    """What this experiment's runs would be called had they learnt only from the corrections of the earlier one.

    A run of the earlier experiment among them differs from its like here in the corrections alone.
    """
    data = checked.spec.data.model_copy(update={"corrections": spec.data.corrections})
    try:
        plan = make_plan(checked.spec.model_copy(update={"data": data}), checked.catalogue, origin=origin)
    # An entry that the earlier experiment did not use.
    except KeyError:
        return frozenset()
    return frozenset(run.run_id for run in plan.runs) if origin == checked.origin else frozenset()


def _same_labels(folder: ExperimentFolder, checked: Checked) -> bool:
    try:
        return np.array_equal(np.load(folder.test_labels, allow_pickle=False), checked.data.test_labels.numpy())
    except (OSError, ValueError):
        return False


def _key(run: PlannedRun) -> Key:
    """What pairs a run with its like of another experiment."""
    return "teacher" if run.role == "teacher" else "student", run.name, run.seed


def _effect(checked: Checked, keeper: Keeper, run: PlannedRun, earlier: Earlier, used: CorrectionSet) -> RunEffect:
    labels, names = checked.data.test_labels.numpy(), checked.data.class_names
    place = keeper.folder.run(run.run_id)
    after, after_test = _ask(checked, run, place, used, same_data=True), _saved(place)
    assert after is not None and after_test is not None
    right_after = (after_test == labels)[labels >= 0]
    truth = np.array([names.index(one.label) for one in used.facts.samples])
    learnt = np.array([one.learnt for one in used.facts.samples], dtype=bool)
    effect = RunEffect(
        run_id=run.run_id, role=run.role, name=run.name, seed=run.seed, test_total=len(right_after),
        test_after=int(right_after.sum()), held_after=_right(after, truth, ~learnt),
        learnt_after=_right(after, truth, learnt), answers_after=_names(after[~learnt], names),
    )
    like = earlier.runs.get(_key(run))
    before_place = None if like is None else earlier.folder.run(like.run_id)
    if like is None or before_place is None or not before_place.test_logits.exists():
        earlier.notes.append(f"{run.name} (seed {run.seed}) was not trained before, so it is compared with nothing.")
        return effect
    before = _ask(checked, like, before_place, used, same_data=earlier.same_data)
    before_test = _saved(before_place) if earlier.same_data else None
    changes: dict[str, object] = {"before_run_id": like.run_id, "only_corrections": like.run_id in earlier.unchanged}
    if before is None:
        earlier.notes.append(f"{run.name} (seed {run.seed}) of before can no longer be asked about the corrections.")
    else:
        changes |= {
            "held_before": _right(before, truth, ~learnt), "learnt_before": _right(before, truth, learnt),
            "answers_before": _names(before[~learnt], names),
        }
    if before_test is not None:
        right_before = (before_test == labels)[labels >= 0]
        changes |= {
            "test_before": int(right_before.sum()), "fixed": int((right_after & ~right_before).sum()),
            "broken": int((right_before & ~right_after).sum()),
        }
    return effect.model_copy(update=changes)


def _right(answers: Answers, truth: Answers, among: NDArray[np.bool_]) -> int:
    return int((answers == truth)[among].sum())


def _names(answers: Answers, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(names[answer] for answer in answers)


def _saved(place: RunFolder) -> Answers | None:
    """Classes chosen for the test set; None where the answers are gone."""
    try:
        return np.asarray(np.load(place.test_logits, allow_pickle=False).argmax(axis=-1))
    except (OSError, ValueError):
        return None


def _ask(
    checked: Checked, run: PlannedRun, place: RunFolder, used: CorrectionSet, *, same_data: bool
) -> Answers | None:
    """Classes chosen for every sample of the set; None where neither graph nor network can be asked."""
    stored = as_stored(used.inputs, checked.data)
    logits = _through_graph(place.onnx, stored.numpy(), checked)
    # A network without its graph would see inputs normalised by the figures of other data.
    if logits is None and same_data:
        try:
            network = load_network(checked, run, load_file(place.model))
        # Built by the code of today, a network of an earlier experiment may have other layers.
        except (ValueError, RuntimeError, OSError, KeyError):
            return None
        logits = predict(network, stored, Normaliser(checked.data, checked.device)).float().cpu().numpy()
    return None if logits is None else np.asarray(logits.argmax(axis=-1))


def _through_graph(path: Path, stored: NDArray[np.generic], checked: Checked) -> NDArray[np.float32] | None:
    if not path.exists():
        return None
    try:
        logits = onnx_logits(path, stored, signature=checked.data.signature, threads=1)
    except LabError:
        return None
    return logits if logits.shape[1:] == checked.data.signature.answer_shape else None


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:120].rstrip(".") or type(error).__name__
