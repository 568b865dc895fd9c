"""One experiment end to end inside its folder: figures, exports, reuse, stopping, failures."""

from __future__ import annotations

import copy
import gc
import re
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from distill_core.deployment.parity import onnx_logits
from distill_core.errors import DataError, DeviceError, Diverged, SpecError
from distill_core.evaluation.epoch_answers import read_epoch_answers
from distill_core.evaluation.teacher_fitness import TeacherFitness
from distill_core.events import (
    DataLoaded,
    EpochEnded,
    LatencyMeasured,
    Noted,
    OnnxExported,
    RunChanged,
    RunDeclared,
    RunFinished,
    StepChanged,
    ThreadsChosen,
)
from distill_core.folders import read_json, write_json
from distill_core.pipeline import experiment
from distill_core.signature import Signature
from distill_core.training.assembly import student_cohort
from distill_core.training.cohort import Cohort
from distill_core.training.stream import Stream
from tests.integration.pipeline_lab import PipelineLab, accuracies, after


def test_an_experiment_leaves_every_figure(lab: PipelineLab, spec_data: dict) -> None:
    assert lab.run("one", spec_data).outcome == "succeeded"
    folder = lab.folder("one")
    declared = lab.told("one", RunDeclared)
    assert [(run.role, run.name, run.seed) for run in declared] == [
        ("teacher", "teacher", 50),
        *(
            (role, name, seed)
            for seed in (0, 1)
            for role, name in (("baseline", "alone"), ("student", "distilled"), ("student", "distilled, all"))
        ),
    ]
    assert declared[1].samples_seen == "100 labelled images"
    assert lab.told("one", DataLoaded)[0].test == 640
    finished = lab.told("one", RunFinished)
    labels = np.load(folder.test_labels)
    for run in finished:
        logits = np.load(folder.run(run.run_id).test_logits)
        assert run.accuracy == pytest.approx((logits.argmax(1) == labels).mean())
        assert np.sum(run.confusion) == 640
        assert (run.agreement is None) == (run.run_id == declared[0].run_id)
        assert "epoch" in run.stop_rule
    epochs = lab.told("one", EpochEnded)
    assert len(epochs) == 2 + 6 * 3
    both = next(e for e in epochs if e.run_id == declared[2].run_id)
    assert both.weighted_terms == both.raw_terms
    assert both.raw_kl > 0
    several = [event for event in epochs if len(event.weighted_terms) > 1]
    assert several and all(event.gradient_norms.keys() == event.weighted_terms.keys()
                           for event in several if event.epoch == 1)
    fitness = TeacherFitness.from_json(read_json(folder.teacher_fitness))
    last = [event for event in epochs if event.run_id == declared[0].run_id and event.best][-1]
    assert fitness.accuracy == pytest.approx(last.validation_accuracy), "of the weights that were kept"
    assert 0 < fitness.confidence <= 1 and fitness.suggestion.temperature in (1, 2, 4, 8, 16)
    states = {step.step: step.state for step in lab.told("one", StepChanged)}
    assert states == dict.fromkeys(["teacher", "cohort:0", "cohort:1", "export", "latency"], "finished")


def test_every_export_gives_the_same_answers_as_torch_and_one_graph_is_measured_once(
    lab: PipelineLab, spec_data: dict
) -> None:
    lab.run("one", spec_data)
    exported = lab.told("one", OnnxExported)
    assert len(exported) == 4, "the teacher and one run of each variant"
    assert all(export.max_abs_diff < 1e-4 and export.same_class == export.total == 640 for export in exported)
    measured = lab.told("one", LatencyMeasured)
    own = [event for event in measured if not event.shared_from]
    assert len(own) == 2, "two graphs"
    assert all(row.p50 > 0 and row.machine for event in measured for row in event.rows)


def test_another_temperature_retrains_only_the_student_it_concerns(lab: PipelineLab, spec_data: dict) -> None:
    lab.run("one", spec_data)
    other = copy.deepcopy(spec_data)
    other["students"][1]["terms"][1]["loss"]["params"]["temperature"] = 9.0
    other["name"] = "renamed"
    assert lab.run("two", other).outcome == "succeeded"
    states = {event.run_id: event.state for event in lab.told("two", RunFinished)}
    names = {run.run_id: run.name for run in lab.told("two", RunDeclared)}
    assert {names[run_id] for run_id, state in states.items() if state != "reused"} == {"distilled"}
    assert {event.reused_from for event in lab.told("two", RunChanged) if event.state == "reused"} == {"one"}
    first, second = accuracies(lab, "one"), accuracies(lab, "two")
    assert {key: value for key, value in first.items() if key[0] != "distilled"} == {
        key: value for key, value in second.items() if key[0] != "distilled"
    }
    curves = {event.run_id for event in lab.told("two", EpochEnded)}
    assert curves == set(names), "reused runs bring their curves"
    for run_id in names:
        assert lab.folder("two").run(run_id).epoch_answers.exists(), "and their answers by epoch"


def test_the_answers_by_epoch_are_those_of_the_kept_network_at_its_epoch(lab: PipelineLab, spec_data: dict) -> None:
    lab.run("one", spec_data | {"seeds": [0]})
    rows = set()
    for run in lab.told("one", RunFinished):
        place = lab.folder("one").run(run.run_id)
        kept = read_epoch_answers(place.epoch_answers)
        assert kept is not None and kept.epochs.tolist() == list(range(1, run.stopped_epoch + 1))
        rows.add(tuple(kept.samples.tolist()))
        at_best = kept.logits[kept.epochs.tolist().index(run.best_epoch)]
        np.testing.assert_allclose(at_best, np.load(place.test_logits)[kept.samples], atol=1e-4)
        assert not np.allclose(kept.logits[0], kept.logits[-1], atol=1e-2), "it learnt meanwhile"
    assert len(rows) == 1, "the same samples for all runs"


@pytest.mark.parametrize("steps", [5, 40, 60])
def test_a_stop_keeps_usable_models_and_resuming_gives_what_an_uninterrupted_run_gives(
    lab: PipelineLab, spec_data: dict, steps: int, tmp_path: Path
) -> None:
    assert lab.run("parts", spec_data, stop=after(steps)).outcome == "cancelled"
    stopped = [run for run in lab.told("parts", RunFinished) if run.state == "stopped"]
    assert stopped
    for run in stopped:
        assert lab.folder("parts").run(run.run_id).model.exists()
        assert 0 <= run.accuracy <= 1
    assert lab.run("parts", spec_data).outcome == "succeeded"
    whole = PipelineLab(tmp_path / "whole")
    whole.run("whole", spec_data)
    assert accuracies(lab, "parts") == accuracies(whole, "whole")
    for run in whole.folder("whole").path.glob("runs/*"):
        twin = lab.folder("parts").run(run.name)
        assert twin.model.read_bytes() == (run / "model.safetensors").read_bytes(), "bit-identical"
        assert twin.epoch_answers.read_bytes() == (run / "epoch_answers.safetensors").read_bytes()


def test_running_a_finished_experiment_again_trains_nothing(lab: PipelineLab, spec_data: dict) -> None:
    lab.run("one", spec_data)
    epochs = len(lab.told("one", EpochEnded))
    assert lab.run("one", spec_data).outcome == "succeeded"
    assert len(lab.told("one", EpochEnded)) == epochs


def test_other_runs_are_exported_on_request(lab: PipelineLab, spec_data: dict) -> None:
    lab.run("one", spec_data)
    wanted = [run.run_id for run in lab.told("one", RunDeclared) if run.seed == 1][:1]
    assert lab.run("one", spec_data, request={"export": wanted, "train": False}).outcome == "succeeded"
    export = next(event for event in lab.told("one", OnnxExported) if event.run_id in wanted)
    images = np.zeros((3, 1, 8, 8), dtype=np.uint8)
    signature = Signature(kind="image", shape=(1, 8, 8), outputs=10)
    assert onnx_logits(lab.folder("one").path / export.path, images, signature=signature).shape == (3, 10)


def test_a_divergence_ends_the_experiment_and_keeps_the_rest(lab: PipelineLab, spec_data: dict) -> None:
    spec_data["students"][1]["terms"][1]["weight"] = 1e6
    spec_data["student_training"]["optimizer"] = {"kind": "sgd", "learning_rate": 100.0}
    with pytest.raises(Diverged, match=r"runs diverged: .*lower the learning rate"):
        lab.run("one", spec_data)
    states = {run.state for run in lab.told("one", RunFinished)}
    assert "diverged" in states
    assert "finished" in states, "the teacher's figures stay"


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        (lambda d: d.update(device="cuda:9"), DeviceError, "device is 'cuda:9'; allowed: "),
        (
            lambda d: d["data"].update(dataset={"name": "image-folder", "params": {"path": "/nowhere"}}),
            DataError,
            "no such folder",
        ),
        (
            lambda d: d["student_training"].update(batch_size=5000),
            SpecError,
            "student_training.batch_size is 5000; allowed: at most 400.",
        ),
        (
            lambda d: d["teacher"]["training"].update(batch_size=5000),
            SpecError,
            "teacher.training.batch_size is 5000; allowed: at most 1040.",
        ),
        (
            lambda d: d["students"].append({**d["students"][1], "name": "twin"}),
            SpecError,
            "something other than 'distilled' does",
        ),
        (
            lambda d: d["student_views"].update(fixed_views=256) or d["data"].update(validation_fraction=0.0),
            SpecError,
            "above 0",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_sentence(
    lab: PipelineLab, spec_data: dict, change: Callable[[dict], Any], error: type[Exception], sentence: str
) -> None:
    change(spec_data)
    with pytest.raises(error) as caught:
        lab.run("bad", spec_data)
    assert sentence in str(caught.value)
    assert not lab.told("bad", RunDeclared)


def test_a_resumed_worker_keeps_its_thread_count(lab: PipelineLab, spec_data: dict) -> None:
    lab.run("one", spec_data, stop=after(3))
    before = torch.get_num_threads()
    write_json(lab.folder("one").calibration, {"threads": 2, "most": 2})
    try:
        lab.run("one", spec_data)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert [event.threads for event in lab.told("one", ThreadsChosen)] == [1, 2]


def test_nothing_of_a_cohort_stays_in_memory_for_the_next(
    lab: PipelineLab, spec_data: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU, data and answers of two seeds may be more than it has; Python tidies cycles when it likes."""
    streams: list[weakref.ref[Stream]] = []

    def cohort_of(*args: Any) -> Cohort:
        assert not any(stream() for stream in streams)
        made = student_cohort(*args)
        streams.extend(weakref.ref(candidate.stream) for candidate in made.candidates)
        return made

    monkeypatch.setattr(experiment, "student_cohort", cohort_of)
    gc.disable()
    try:
        assert lab.run("one", spec_data).outcome == "succeeded"
    finally:
        gc.enable()
    assert len(streams) == 6 and not any(stream() for stream in streams)


def test_a_teacher_in_sixteen_bits_tells_by_how_much_its_logits_differ(lab: PipelineLab, spec_data: dict) -> None:
    lab.run("one", spec_data | {"precision": "bfloat16"})
    (told,) = [note.text for note in lab.told("one", Noted) if "16 bits" in note.text]
    found = re.fullmatch(r"On the first batch, the teacher's logits in 16 bits differ .* by up to (\S+)\.", told)
    assert found and 0 < float(found[1]) < 1
