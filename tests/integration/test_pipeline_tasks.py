"""Every task, every start and every kind of transfer set end to end, with the smallest budgets."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from distill_core import generators
from distill_core.deployment.parity import as_inputs, onnx_logits
from distill_core.deployment.samples_file import read_test_samples
from distill_core.deployment.test_inputs import evenly, place_of_test_inputs, read_test_inputs
from distill_core.entries import GeneratorEntry, Params, Registry
from distill_core.errors import SpecError
from distill_core.events import (
    DataLoaded,
    EpochEnded,
    LatencyMeasured,
    OnnxExported,
    RunDeclared,
    RunFinished,
    StepChanged,
)
from distill_core.generators.variants import Originals, Variants
from distill_core.pipeline import deep_check
from distill_core.spec import parse_spec
from tests.integration.pipeline_lab import PipelineLab

CNN = {"name": "small-cnn", "params": {"width": 4}}
TINY = {"name": "tiny-cnn", "params": {"width": 4}}


def loss(name: str, weight: float = 1.0, **params: Any) -> dict[str, Any]:
    return {"loss": {"name": name, "params": params}, "weight": weight}


def student(name: str, architecture: dict[str, Any], *terms: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return {"name": name, "architecture": architecture, "terms": list(terms), **settings}


def experiment(
    dataset: str, teacher: dict[str, Any], *students: dict[str, Any], data: dict[str, Any] | None = None
) -> dict[str, Any]:
    training = {"epochs": 2, "steps_per_epoch": 4, "batch_size": 16, "optimizer": {"kind": "adamw"}}
    return {
        "name": dataset, "data": {"dataset": {"name": dataset}} | (data or {}),
        "teacher": {"architecture": teacher, "training": training}, "students": list(students),
        "student_training": training, "seeds": [0], "device": "cpu",
        "latency": {"batches": [1], "threads": [1], "warmup": 1, "repeats": 20},
    }


class Told:
    """What an experiment that succeeded has told, by run name."""

    def __init__(self, lab: PipelineLab, data: dict[str, Any], name: str = "one") -> None:
        torch.set_num_threads(1)
        assert lab.run(name, data).outcome == "succeeded"
        self.lab, self.name, self.dataset = lab, name, data["data"]["dataset"]["name"]
        self.declared = {run.name: run for run in lab.told(name, RunDeclared)}
        by_id = {run.run_id: run.name for run in self.declared.values()}
        self.finished = {by_id[run.run_id]: run for run in lab.told(name, RunFinished)}
        self.exported = {by_id[run.run_id]: run for run in lab.told(name, OnnxExported)}
        self.epochs: dict[str, list[EpochEnded]] = {}
        for epoch in lab.told(name, EpochEnded):
            self.epochs.setdefault(by_id[epoch.run_id], []).append(epoch)
        (self.data,) = lab.told(name, DataLoaded)

    def assert_whole(self) -> None:
        """Every run finished with finite figures, a graph that answers alike, and a measured latency."""
        assert set(self.finished) == set(self.declared)
        measured = {event.run_id for event in self.lab.told(self.name, LatencyMeasured)}
        for name, run in self.finished.items():
            assert run.state == "finished", name
            figures = (run.r2, run.mse) if self.data.task == "regression" else (run.accuracy, run.nll, run.ece)
            assert all(value is not None and math.isfinite(value) for value in figures), name
            if name.startswith("teacher "):
                continue
            assert self.exported[name].max_abs_diff < 1e-3 and self.exported[name].same_class >= 0.99 * self.data.test
            assert run.run_id in measured
        self.assert_test_inputs_are_kept()
        states = {step.step: step.state for step in self.lab.told(self.name, StepChanged)}
        assert set(states.values()) == {"finished"}
        for name, epochs in self.epochs.items():
            assert len(epochs) == self.declared[name].epochs, name
            assert all(math.isfinite(epoch.train_loss) for epoch in epochs)

    def assert_test_inputs_are_kept(self) -> None:
        """For the web process, which has no data set: the same as the bundle's few, labels in the data's own units."""
        folder = self.lab.folder(self.name)
        place = place_of_test_inputs(folder, self.dataset)
        kept = read_test_inputs(place) if place else None
        assert kept is not None and kept.rows.tolist() == list(range(self.data.test))
        files = folder.run(self.declared["teacher"].run_id)
        facts, shipped = read_test_samples(files.test_samples)
        rows = evenly(kept.total, len(shipped["x"]))
        np.testing.assert_allclose(kept.labels[rows], shipped["y"], rtol=1e-6)
        np.testing.assert_array_equal(as_inputs(kept.inputs[rows], facts.signature), shipped["x"])

    def state(self, name: str) -> dict[str, torch.Tensor]:
        return load_file(self.lab.folder(self.name).run(self.declared[name].run_id).model)

    def test_logits(self, name: str) -> np.ndarray:
        return np.load(self.lab.folder(self.name).run(self.declared[name].run_id).test_logits)


def test_sequences_are_classified(lab: PipelineLab) -> None:
    small = {"name": "lstm", "params": {"hidden": 8}}
    told = Told(lab, experiment(
        "digits-rows", {"name": "bilstm", "params": {"hidden": 8}},
        student("alone", small, loss("cross-entropy")), student("taught", small, loss("kd"), loss("hint")),
    ))
    told.assert_whole()
    assert (told.data.task, told.data.input_kind, told.data.shape) == ("classification", "sequence", (8, 8))
    assert told.declared["taught"].samples_seen.endswith("labelled sequences")
    assert set(told.epochs["taught"][0].raw_terms) == {"kd", "hint"}
    assert np.sum(told.finished["taught"].confusion) == 640
    assert told.finished["taught"].teacher_kl is not None and told.epochs["taught"][0].raw_kl is not None


def test_steps_are_tagged(lab: PipelineLab) -> None:
    small = {"name": "lstm", "params": {"hidden": 8}}
    told = Told(lab, experiment(
        "digits-tagging", {"name": "bilstm", "params": {"hidden": 8}},
        student("alone", small, loss("cross-entropy")), student("taught", small, loss("kd", temperature=2.0)),
    ))
    told.assert_whole()
    assert (told.data.task, told.data.test) == ("tagging", 320)
    assert told.test_logits("taught").shape == (320, 16, 10)
    labels = np.load(lab.folder("one").test_labels)
    right = (told.test_logits("taught").argmax(-1) == labels).mean()
    assert told.finished["taught"].accuracy == pytest.approx(right), "of steps, not of sequences"


def test_values_are_predicted(lab: PipelineLab) -> None:
    small = {"name": "mlp", "params": {"hidden": 4}}
    data = experiment(
        "diabetes", {"name": "mlp", "params": {"hidden": 16}},
        student("alone", small, loss("squared-error")),
        student("taught", small, loss("squared-error"), loss("mse-logits"), transfer="all"),
        data={"student_labels": 60},
    )
    told = Told(lab, data)
    told.assert_whole()
    assert told.declared["taught"].samples_seen.startswith("60 labelled rows and ")
    taught = told.finished["taught"]
    labels = np.load(lab.folder("one").test_labels)
    error = (told.test_logits("taught") - labels) ** 2
    assert taught.mse == pytest.approx(error.mean(), rel=1e-5)
    assert taught.r2 == pytest.approx(1 - error.sum() / ((labels - labels.mean()) ** 2).sum(), rel=1e-4)
    assert taught.accuracy is None or math.isnan(taught.accuracy), "there are no classes"
    epoch = told.epochs["taught"][0]
    assert epoch.raw_kl is None and epoch.validation_mse is not None and epoch.validation_mse > 0
    # The graph answers in the data's own units: progression is counted in tens and hundreds.
    checked = deep_check(parse_spec(data), home=lab.home)
    graph, stored = lab.folder("one").run(taught.run_id).onnx, checked.data.test_inputs.numpy()
    values = onnx_logits(graph, stored, signature=checked.data.signature)
    own = told.test_logits("taught") * checked.data.label_std[0] + checked.data.label_mean[0]
    np.testing.assert_allclose(values, own, rtol=1e-3, atol=1e-2)


def test_a_truncated_student_starts_from_the_teachers_weights(lab: PipelineLab) -> None:
    cut = {"name": "truncated", "params": {"children": 6}}
    data = experiment(
        "digits", CNN, student("taught", cut, loss("mse-logits"), loss("parameter-distance", 0.01), start="teacher"),
        student("fresh", cut, loss("mse-logits")),
    )
    # So low a rate that what it started from still shows.
    data["student_training"] = data["student_training"] | {"optimizer": {"kind": "sgd", "learning_rate": 1e-6}}
    told = Told(lab, data)
    told.assert_whole()
    alone_of_each_start = {"alone", "alone, teacher's start"}
    assert set(told.declared) == {"teacher", "taught", "fresh"} | alone_of_each_start
    teacher, taught, fresh = (told.state(name) for name in ("teacher", "taught", "fresh"))
    shared = [name for name, value in taught.items() if name in teacher and value.shape == teacher[name].shape]
    weights = [name for name in shared if name.endswith("weight")]
    assert len(weights) >= 2
    for name in weights:
        torch.testing.assert_close(taught[name], teacher[name], atol=1e-3, rtol=1e-3)
        assert told.state("alone")[name].shape == teacher[name].shape
    assert any(not torch.allclose(fresh[name], teacher[name], atol=1e-2) for name in weights)
    assert set(told.epochs["taught"][0].raw_terms) == {"mse-logits", "parameter-distance"}


def test_students_learn_from_the_mean_of_two_teachers(lab: PipelineLab) -> None:
    hint = loss("hint", student_tap="5", teacher_tap="6")
    data = experiment("digits", CNN, student("taught", TINY, loss("kd"), hint))
    data["teacher"]["weight"] = 3.0
    other = {"architecture": {"name": "mlp", "params": {}}, "seed": 51, "weight": 1.0}
    data["more_teachers"] = [data["teacher"] | other]
    told = Told(lab, data)
    told.assert_whole()
    assert [name for name in told.declared if name.startswith("teacher")] == ["teacher", "teacher 2"]
    steps = {step.step for step in lab.told("one", StepChanged)}
    assert {"teacher", "teacher:2"} <= steps
    mean = 0.75 * told.test_logits("teacher") + 0.25 * told.test_logits("teacher 2")
    agreed = (told.test_logits("taught").argmax(1) == mean.argmax(1)).mean()
    assert told.finished["taught"].agreement == pytest.approx(agreed)


def test_own_weights_teach_as_they_are(lab: PipelineLab) -> None:
    data = experiment("digits", CNN, student("taught", TINY, loss("kd")))
    network = deep_check(parse_spec(data), home=lab.home).network(parse_spec(data).teacher.architecture, seed=7)
    weights = "0123456789abcdef"
    place = lab.home.weights(weights)
    place.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, place)
    data["teacher"] |= {"weights": weights, "train": False}
    told = Told(lab, data)
    told.assert_whole()
    assert "teacher" not in told.epochs and told.declared["teacher"].epochs == 0
    assert told.finished["teacher"].stop_rule == "Taught as it came, with own weights; nothing was trained."
    assert told.declared["teacher"].samples_seen == "nothing here: it came trained"
    for name, value in network.state_dict().items():
        assert torch.equal(told.state("teacher")[name], value)


def test_own_weights_of_another_network_are_refused_before_anything_is_trained(lab: PipelineLab) -> None:
    data = experiment("digits", CNN, student("taught", TINY, loss("kd")))
    data["teacher"]["weights"] = "0" * 16
    with pytest.raises(SpecError, match="There are no weights '0000000000000000'") as refused:
        lab.run("one", data)
    assert [problem.field for problem in refused.value.problems] == ["teacher.weights"]


def test_a_term_on_weights_that_nothing_shares_is_refused(lab: PipelineLab) -> None:
    narrow = {"name": "tiny-cnn", "params": {"width": 3}}
    data = experiment("digits", CNN, student("taught", narrow, loss("kd"), loss("parameter-distance")))
    with pytest.raises(SpecError, match="No weight of the student has the name and shape") as refused:
        lab.run("one", data)
    assert [problem.field for problem in refused.value.problems] == ["students.0.terms.1.loss.name"]


def test_a_coreset_is_all_that_a_student_sees(lab: PipelineLab) -> None:
    rules = ("random", "herding", "k-centre", "uncertain")
    few = {rule: {"coreset": {"size": 40, "rule": rule}} for rule in rules}
    told = Told(lab, experiment(
        "digits", CNN, *(student(f"alone, {rule}", TINY, loss("cross-entropy"), **few[rule]) for rule in rules),
        student("taught, herding", TINY, loss("kd"), **few["herding"]),
    ))
    told.assert_whole()
    assert "of which" not in told.declared["alone"].samples_seen
    for rule in rules:
        assert told.declared[f"alone, {rule}"].samples_seen.endswith(f"of which 40 chosen by the rule {rule}")
    losses = {rule: told.epochs[f"alone, {rule}"][-1].train_loss for rule in rules}
    assert len(set(losses.values())) == len(rules), "each rule chose other samples"


def test_a_coreset_larger_than_the_samples_is_refused(lab: PipelineLab) -> None:
    few = student("few", TINY, loss("cross-entropy"), coreset={"size": 5000, "rule": "random"})
    with pytest.raises(SpecError, match="A coreset is a part of the samples") as refused:
        lab.run("one", experiment("digits", CNN, few))
    assert [problem.field for problem in refused.value.problems] == ["students.0.coreset.size"]


def test_students_learn_on_variants(lab: PipelineLab, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, ...]] = []

    def make(originals: Originals, generator: torch.Generator) -> Variants:
        calls.append(tuple(originals.inputs.shape))
        share = torch.rand(len(originals.inputs), generator=generator)
        weight = share.view(-1, 1, 1, 1)
        return Variants(
            inputs=weight * originals.inputs + (1 - weight) * originals.inputs.flip(0), labels=originals.labels,
            partner_labels=originals.labels.flip(0), share=share,
        )

    entry = GeneratorEntry(
        name="blend", title="Blend", summary="For this test.", source="here", params=Params, code="0" * 16,
        traits=frozenset({"image", "mixes"}), build=lambda params: make,
    )
    monkeypatch.setattr(generators, "REGISTRY", Registry("generator", [entry]))
    variants = {"generator": {"name": "blend"}, "generated_share": 0.25}
    data = experiment(
        "digits", CNN, student("alone, blended", TINY, loss("cross-entropy"), **variants),
        student("taught, blended", TINY, loss("cross-entropy"), loss("kd"), **variants),
    )
    told = Told(lab, data)
    told.assert_whole()
    assert set(calls) == {(4, 1, 8, 8)}, "a quarter of each batch of 16"
    seen = told.declared["taught, blended"].samples_seen
    assert seen.endswith("25% of each batch as variants (Blend)")
    before = len(calls)
    again = Told(lab, data, name="two")
    assert len(calls) == before and {run.state for run in again.finished.values()} == {"reused"}
    mended = Registry("generator", [replace(entry, code="1" * 16)])
    monkeypatch.setattr(generators, "REGISTRY", mended)
    third = Told(lab, data, name="three")
    assert {name for name, run in third.finished.items() if run.state == "finished"} == {
        "alone, blended", "taught, blended",
    }
