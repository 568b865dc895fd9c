"""What every compression step promises, for each kind of input and task that it names."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from distill_core.compression import REGISTRY
from distill_core.compression.reshaping import reshape_to
from distill_core.compression_step import FileStep, NetworkStep, Series, TrainingStep
from distill_core.entries import CompressionEntry
from distill_core.signature import INPUT_KINDS, TASKS
from tests.contracts.compression_cases import CASES, EXPORTED, Case

TYPES = {"network": NetworkStep, "trains": TrainingStep, "file": FileStep, "series": Series}
NETWORK = [entry for entry in REGISTRY if "network" in entry.traits]
FILE = [entry for entry in REGISTRY if "file" in entry.traits]


def fits(entry: CompressionEntry, case: Case) -> bool:
    return {case.kind, case.task} <= entry.traits


def built(entry: CompressionEntry, **params: Any) -> Any:
    return entry.build(entry.resolve(params))


@pytest.mark.parametrize("entry", list(REGISTRY), ids=REGISTRY.names)
def test_an_entry_says_what_it_is(entry: CompressionEntry) -> None:
    (kind,) = entry.traits & set(TYPES)
    step = built(entry)
    assert isinstance(step, TYPES[kind])
    assert entry.traits & set(INPUT_KINDS) and entry.traits & set(TASKS)
    params = entry.resolve({}).model_dump()
    assert "{" not in entry.label.format(**params)
    if entry.strength:
        assert isinstance(params[entry.strength], int | float)
        for strength in entry.strengths:
            entry.resolve({entry.strength: strength})
    else:
        assert not entry.strengths
    if isinstance(step, Series):
        for choice in step.steps:
            inner, chosen = REGISTRY.resolve(choice)
            assert not isinstance(inner.build(chosen), Series)


@pytest.mark.parametrize("entry", NETWORK, ids=lambda entry: entry.name)
@pytest.mark.parametrize("name", CASES)
def test_a_changed_network_answers_in_the_same_shape_and_is_rebuilt_from_its_weights(
    entry: CompressionEntry, name: str
) -> None:
    case = CASES[name]
    if not fits(entry, case):
        pytest.skip("not made for it")
    network, inputs = case.network(), case.inputs(5)
    with torch.no_grad():
        before = network(inputs)
        changed = built(entry).apply(copy.deepcopy(network), case.around())
        answers = changed(inputs)
    assert not changed.training
    assert answers.shape == before.shape and torch.isfinite(answers).all()
    assert not torch.equal(answers, before), "it changed something"
    state = {key: value.clone() for key, value in changed.state_dict().items()}
    again = case.network(seed=1)
    reshape_to(again, state)
    again.load_state_dict(state)
    with torch.no_grad():
        assert torch.equal(again.eval()(inputs), answers)
    built(entry).rehearse(case.network(), case.around())


@pytest.mark.parametrize("entry", NETWORK, ids=lambda entry: entry.name)
@pytest.mark.parametrize("name", ["image-classification", "text-classification"])
def test_each_layer_it_names_can_be_changed_alone(entry: CompressionEntry, name: str) -> None:
    case, inputs = CASES[name], CASES[name].inputs(5)
    layers = built(entry).layers(case.network(), case.around())
    assert layers and all(count > 0 for count in layers.values())
    network = case.network()
    whole, changed = network.state_dict(), []
    for layer in layers:
        state = built(entry, layers=[layer]).apply(copy.deepcopy(network), case.around()).state_dict()
        changed.append(frozenset(key for key, value in state.items() if not torch.equal(value, whole[key])))
    assert all(changed), "each changes something"
    assert len(set(changed)) == len(changed), "and something else than the others"
    assert torch.isfinite(network(inputs)).all()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("graphs")
    for name in EXPORTED:
        CASES[name].export(folder / f"{name}.onnx")
    return {name: folder / f"{name}.onnx" for name in EXPORTED}


def answers_of(path: Path, inputs: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: inputs})[0]


def doors(path: Path) -> list[tuple[str, int, list[Any]]]:
    graph = onnx.load(path).graph
    return [
        (value.name, value.type.tensor_type.elem_type, [one.dim_value for one in value.type.tensor_type.shape.dim])
        for value in (*graph.input, *graph.output)
    ]


@pytest.mark.parametrize("entry", FILE, ids=lambda entry: entry.name)
@pytest.mark.parametrize("name", EXPORTED)
def test_a_made_file_takes_and_gives_the_same_and_answers_nearly_so(
    entry: CompressionEntry, name: str, exported: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    case, source = CASES[name], exported[name]
    if not fits(entry, case):
        pytest.skip("not made for it")
    target, before = tmp_path / "made.onnx", source.read_bytes()
    notes = built(entry).apply(source, target, case.calibration())
    assert all(note.endswith(".") for note in notes)
    assert [path.name for path in tmp_path.iterdir()] == ["made.onnx"] and source.read_bytes() == before
    assert doors(target) == doors(source), "names, types, and a batch of any size"
    assert {one.domain: one.version for one in onnx.load(target).opset_import}[""] <= 21
    inputs = case.calibration(64).inputs
    expected, answers = answers_of(source, inputs), answers_of(target, inputs)
    assert answers.dtype == np.float32
    spread = np.ptp(expected.reshape(-1, expected.shape[-1]), axis=0)
    assert (np.abs(answers - expected) / spread).mean() < 0.03
    assert (np.abs(answers_of(target, inputs[:1]) - answers[:1]) / spread).max() < 0.2
    assert np.abs(answers - expected).max() > 0, "it is another graph"
    printed = capfd.readouterr()
    assert printed.out == printed.err == "", "a worker's output belongs to its reader"
