"""Chains of compression steps end to end: children, figures of their files, resuming, reuse, refusals, sensitivity."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file

from distill_core.compressions import Compressions
from distill_core.errors import SpecError
from distill_core.events import (
    Noted,
    OnnxExported,
    RunChanged,
    RunCompressed,
    RunDeclared,
    RunFinished,
    StepChanged,
)
from distill_core.folders import read_json, write_json
from distill_core.pipeline import sensitivity
from tests.integration.pipeline_lab import PipelineLab, accuracies, after

CUT = {"name": "structured-pruning", "params": {"ratio": 0.25}}
PRUNE = {"name": "magnitude-pruning", "params": {"sparsity": 0.5, "scope": "layer"}}
ROUND = {"name": "weight-rounding", "params": {"bits": 4}}
TUNE = {"name": "fine-tuning", "params": {"epochs": 2, "temperature": 2.0}}
INT8 = {"name": "static-int8", "params": {"samples": 40}}
HALF = {"name": "float16", "params": {}}


def with_chains(data: dict, *chains: list[dict[str, Any]], sensitivity: bool = False) -> dict:
    """One student of one seed, and what is made of it."""
    data = copy.deepcopy(data)
    data["seeds"], data["students"] = [0], data["students"][1:2]
    data["compression"] = {
        "sensitivity": sensitivity, "chains": [{"of": "distilled", "steps": list(steps)} for steps in chains],
    }
    return data


def by_name(lab: PipelineLab, name: str) -> dict[str, str]:
    return {run.name.removeprefix("distilled › "): run.run_id for run in lab.told(name, RunDeclared)}


def events(lab: PipelineLab, name: str, kind: Any) -> dict[str, Any]:
    return {event.run_id: event for event in lab.told(name, kind)}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[PipelineLab, dict]:
    """An experiment with a staircase and two side branches, run once."""
    from tests.conftest import tiny_spec_data

    lab = PipelineLab(tmp_path_factory.mktemp("home"))
    data = with_chains(
        tiny_spec_data(), [CUT, TUNE, INT8], [CUT, TUNE, HALF], [PRUNE, ROUND, TUNE], sensitivity=True
    )
    assert lab.run("one", data).outcome == "succeeded"
    return lab, data


def test_each_step_makes_a_child_with_its_figures(done: tuple[PipelineLab, dict]) -> None:
    lab, _ = done
    declared = {run.run_id: run for run in lab.told("one", RunDeclared)}
    finished, made = events(lab, "one", RunFinished), events(lab, "one", RunCompressed)
    names, line = by_name(lab, "one"), []
    place = names["25% cut › fine-tuned (teacher) › int8 static"]
    while place:
        line.append(declared[place].compression_step)
        place = declared[place].parent
    assert line == ["static-int8", "fine-tuning", "structured-pruning", ""]
    assert {run.role for run in declared.values() if run.parent} == {"compressed"}
    assert all(finished[run_id].state == "finished" for run_id in made) and len(made) == 7
    cut, tuned = made[names["25% cut"]], made[names["25% cut › fine-tuned (teacher)"]]
    whole = declared[names["distilled"]]
    assert cut.parameters < whole.parameters and cut.macs < whole.macs
    assert (tuned.parameters, tuned.macs) == (cut.parameters, cut.macs)
    small = made[names["25% cut › fine-tuned (teacher) › int8 static"]]
    assert small.size_bytes < tuned.size_bytes / 2
    assert made[names["25% cut › fine-tuned (teacher) › float16"]].notes
    states = {step.step: step.state for step in lab.told("one", StepChanged)}
    assert states["compression"] == states["sensitivity"] == states["latency"] == "finished"


def test_figures_are_those_of_the_file(done: tuple[PipelineLab, dict]) -> None:
    lab, _ = done
    labels = np.load(lab.folder("one").test_labels)
    from distill_core.datasets import REGISTRY

    data = REGISTRY["digits"].load(REGISTRY["digits"].resolve({}), lab.home.cache, lambda line: None)
    pixels = data.test_inputs.numpy().astype(np.float32) / 255
    exported, finished = events(lab, "one", OnnxExported), events(lab, "one", RunFinished)
    compressed = events(lab, "one", RunCompressed)
    for run_id in compressed:
        path = lab.folder("one").path / exported[run_id].path
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        answers = session.run(["logits"], {"pixels": pixels})[0]
        # Quantized activations may round otherwise in batches of another size.
        assert finished[run_id].accuracy == pytest.approx((answers.argmax(1) == labels).mean(), abs=0.004)
        assert exported[run_id].size_bytes == path.stat().st_size
        assert sum(value.nbytes for value in map(onnx.numpy_helper.to_array, onnx.load(path).graph.initializer)) > 0


def test_zeros_and_rounded_values_last_through_fine_tuning(done: tuple[PipelineLab, dict]) -> None:
    lab, _ = done
    names, made = by_name(lab, "one"), events(lab, "one", RunCompressed)
    folder, end = lab.folder("one"), "50% zeros › 4-bit weights › fine-tuned (teacher)"
    before = load_file(folder.run(names["50% zeros › 4-bit weights"]).model)
    after_training = load_file(folder.run(names[end]).model)
    weights = [name for name, value in before.items() if value.dim() >= 2]
    assert weights
    for name in weights:
        zeros = before[name] == 0
        assert zeros.float().mean() >= 0.45
        assert not after_training[name][zeros].any()
        assert len(after_training[name].unique()) <= 15
    assert any(not torch.equal(before[name], after_training[name]) for name in weights), "it did train"
    layers = {layer.layer: layer for layer in made[names[end]].layers}
    for name in weights:
        layer = layers[name.removesuffix(".weight")]
        assert layer.zeros == int((after_training[name] == 0).sum()) and layer.weights == after_training[name].numel()


def test_sensitivity_is_measured_on_validation_data(done: tuple[PipelineLab, dict]) -> None:
    lab, _ = done
    student = by_name(lab, "one")["distilled"]

    class Known:
        def state(self, experiment_id: str) -> str:
            return "succeeded"

    found = Compressions(lab.home, lambda: Known()).sensitivity("one", student)  # type: ignore[arg-type,return-value]
    assert found is not None and Compressions(lab.home, Known).sensitivity("one", "nobody") is None  # type: ignore[arg-type]
    assert found["metric"] == "accuracy" and 0 < found["validation"] <= 1000
    assert found["validation"] < 640, "not the test data"
    curves = {(curve["step"], curve["layer"]): curve for curve in found["curves"]}
    for step in ("magnitude-pruning", "structured-pruning", "weight-rounding"):
        assert (step, "") in curves and len([key for key in curves if key[0] == step]) > 2, "all, and layer by layer"
    strong = dict(curves["magnitude-pruning", ""]["points"])
    assert strong[0.95] < found["untouched"] - 0.1, "so few weights cannot do"
    assert dict(curves["weight-rounding", ""]["points"])[8] == pytest.approx(found["untouched"], abs=0.05)
    assert curves["weight-rounding", ""]["strength"] == "bits"
    assert 0.9 not in dict(curves["structured-pruning", ""]["points"]), "of four channels none would be left"
    assert any("Nothing would be left of layer" in note for note in found["notes"])


def test_running_again_makes_nothing_anew_but_what_is_missing(done: tuple[PipelineLab, dict]) -> None:
    lab, data = done
    curves = lab.folder("one").run(by_name(lab, "one")["distilled"]).sensitivity
    held = curves.read_bytes()
    curves.unlink()
    trained = len(lab.told("one", RunChanged))
    assert lab.run("one", data).outcome == "succeeded"
    assert [event.state for event in lab.told("one", RunChanged)[trained:] if event.state == "training"] == []
    assert json.loads(curves.read_bytes()) == json.loads(held)


def test_another_experiment_takes_over_what_it_shares(done: tuple[PipelineLab, dict]) -> None:
    lab, data = done
    other = copy.deepcopy(data)
    other["compression"]["sensitivity"] = False
    other["compression"]["chains"] = [{"of": "distilled", "steps": [CUT, TUNE, {"name": "dynamic-int8", "params": {}}]}]
    assert lab.run("two", other).outcome == "succeeded"
    states = {run_id: event.state for run_id, event in events(lab, "two", RunFinished).items()}
    names = by_name(lab, "two")
    assert {name for name, run_id in names.items() if states[run_id] != "reused"} == {
        "25% cut › fine-tuned (teacher) › int8 dynamic"
    }
    first, second = accuracies(lab, "one"), accuracies(lab, "two")
    shared = first.keys() & second.keys()
    assert len(shared) >= 5 and all(first[key] == second[key] for key in shared)


def test_a_stop_within_fine_tuning_resumes_to_the_same_weights(
    lab: PipelineLab, spec_data: dict, tmp_path: Path
) -> None:
    long = {"name": "fine-tuning", "params": {"epochs": 4}}
    data = with_chains(spec_data, [PRUNE, long])
    told: list[str] = []

    def stop() -> bool:
        # The tenth look after the fine-tuning has begun.
        told[:] = told or [run.run_id for run in lab.told("parts", RunChanged) if run.run_id == target(lab)]
        return bool(told) and next(asked, True)

    asked = iter([False] * 10)
    assert lab.run("parts", data, stop=stop).outcome == "cancelled"
    run_id = target(lab)
    assert read_json(lab.folder("parts").run(run_id).result)["state"] == "stopped"
    assert lab.folder("parts").run(run_id).checkpoint.exists()
    assert lab.run("parts", data).outcome == "succeeded"
    whole = PipelineLab(tmp_path / "whole")
    whole.run("parts", data)
    assert accuracies(lab, "parts") == accuracies(whole, "parts")
    ours, theirs = (load_file(one.folder("parts").run(run_id).model) for one in (lab, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def target(lab: PipelineLab) -> str:
    names = by_name(lab, "parts")
    return names.get("50% zeros › fine-tuned (teacher)", "none")


def test_a_step_that_is_refused_leaves_the_rest_and_what_needs_it_untried(lab: PipelineLab, spec_data: dict) -> None:
    everything = {"name": "threshold-pruning", "params": {"threshold": 100.0}}
    data = with_chains(spec_data, [everything, TUNE], [HALF])
    assert lab.run("one", data).outcome == "succeeded"
    names, finished = by_name(lab, "one"), events(lab, "one", RunFinished)
    refused = finished[names["zeros up to 100"]]
    assert refused.state == "refused" and refused.stop_rule.startswith("Every weight of layer")
    orphan = finished[names["zeros up to 100 › fine-tuned (teacher)"]]
    assert orphan.state == "refused" and "There is no distilled › zeros up to 100 (seed 0)" in orphan.stop_rule
    assert finished[names["float16"]].state == "finished"
    assert any("Every weight of layer" in note.text for note in lab.told("one", Noted))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda d: d["compression"]["chains"][0].update(of="nobody"), r"chains\.0\.of is 'nobody'; allowed: teacher"),
        (
            lambda d: d["compression"]["chains"][0].update(steps=[CUT | {"params": {"ratio": 0.95}}]),
            r"is 'Structured pruning'; allowed: a step this network allows\. Nothing would be left of layer",
        ),
        (
            lambda d: d["compression"]["chains"][0].update(steps=[PRUNE | {"params": {"layers": ["nine"]}}]),
            r"There is no layer 'nine' that this step can change; there is ",
        ),
    ],
)
def test_what_no_training_could_mend_is_refused_before_it(
    lab: PipelineLab, spec_data: dict, change: Callable[[dict], None], sentence: str
) -> None:
    data = with_chains(spec_data, [PRUNE])
    change(data)
    with pytest.raises(SpecError, match=sentence):
        lab.run("one", data)
    assert not lab.told("one", RunChanged)


def test_sensitivity_ends_with_a_stop_and_in_time(
    done: tuple[PipelineLab, dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, data = done
    place = lab.folder("one").run(by_name(lab, "one")["distilled"])
    held = read_json(place.sensitivity)
    place.sensitivity.unlink()
    try:
        # It looks once for itself before each point, and nobody else does when all runs are there.
        assert lab.run("one", data, stop=after(3)).outcome == "cancelled"
        assert not place.sensitivity.exists()
        monkeypatch.setattr(sensitivity, "MOST_SECONDS", -1.0)
        lab.run("one", data)
        assert read_json(place.sensitivity)["curves"] == []
        assert any("longer than" in note for note in read_json(place.sensitivity)["notes"])
    finally:
        write_json(place.sensitivity, held)
