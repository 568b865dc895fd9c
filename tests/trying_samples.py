"""Finished experiments with real, tiny ONNX graphs, test inputs and saved answers, for the page and service to try."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits

from distill_core.deployment.parity import onnx_logits
from distill_core.deployment.samples_file import write_test_samples
from distill_core.deployment.test_inputs import place_of_test_inputs, write_test_inputs
from distill_core.folders import Home, write_json
from distill_core.signature import Signature
from distill_core.spec import ExperimentSpec
from distill_core.store.store import Store
from tests.fixtures import build_finished_experiment, preset_spec
from tests.task_samples import build_task_experiment

DIGITS = Signature(kind="image", shape=(1, 8, 8), outputs=10)
# A ten drawn with the mouse, as the drawing field sends it: x, y, x, y ... in 0..1.
_ARCS: dict[int, list[tuple[float, ...]]] = {
    0: [(0.5, 0.5, 0.2, 0.35, 0, 360)],
    8: [(0.5, 0.32, 0.17, 0.17, 90, 450), (0.5, 0.68, 0.2, 0.19, -90, 270)],
    3: [(0.45, 0.33, 0.2, 0.18, 210, 450), (0.45, 0.68, 0.22, 0.18, -90, 140)],
}


def _arc(x: float, y: float, wide: float, high: float, start: float, end: float) -> list[float]:
    turn = np.radians(np.linspace(start, end, 40))
    points = np.stack([x + wide * np.cos(turn), y + high * np.sin(turn)], axis=1)
    return [round(float(value), 3) for value in points.ravel()]


STROKES: dict[int, list[list[float]]] = {digit: [_arc(*arc) for arc in arcs] for digit, arcs in _ARCS.items()} | {
    1: [[0.4, 0.3, 0.5, 0.15, 0.5, 0.85]],
    2: [[*_arc(0.5, 0.33, 0.2, 0.2, 190, 390), 0.3, 0.85, 0.75, 0.85]],
    4: [[0.55, 0.15, 0.25, 0.6, 0.75, 0.6], [0.6, 0.4, 0.6, 0.9]],
    5: [[0.7, 0.15, 0.35, 0.15, 0.33, 0.45, *_arc(0.48, 0.63, 0.22, 0.22, -110, 130)]],
    6: [[0.6, 0.12, 0.4, 0.35, 0.3, 0.65, *_arc(0.5, 0.68, 0.2, 0.18, 180, 540)]],
    7: [[0.25, 0.18, 0.75, 0.18, 0.45, 0.88]],
    9: [[*_arc(0.5, 0.35, 0.2, 0.2, 0, 360), 0.68, 0.5, 0.6, 0.88]],
}
"""How the ten digits are drawn by hand."""


def digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All images uint8 [1797,1,8,8], the last 640 for testing, and their classes."""
    bunch = load_digits()
    return np.round(bunch.images * (255 / 16)).astype(np.uint8)[:, None], bunch.target.astype(np.int64)


def linear_graph(
    path: Path, weight: NDArray[np.floating], bias: NDArray[np.floating], signature: Signature
) -> None:
    """One matrix [inputs, outputs] as an exported graph; of a tagging each step's features answer for it."""
    text, size = signature.kind == "text", len(weight)
    answer = signature.answer_shape
    nodes = [
        helper.make_node("Cast", [signature.input_name], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["float", "flat"], ["rows"]),
        helper.make_node("Gemm", ["rows", "weight", "bias"], ["all"]),
        helper.make_node("Reshape", ["all", "answer"], [signature.output_name]),
    ]
    constants = {
        "weight": weight.astype(np.float32), "bias": bias.astype(np.float32), "flat": np.array([-1, size]),
        "answer": np.array([-1, *answer]),
    }
    graph = helper.make_graph(
        nodes, "linear",
        [helper.make_tensor_value_info(
            signature.input_name, TensorProto.INT64 if text else TensorProto.FLOAT, ["batch", *signature.shape]
        )],
        [helper.make_tensor_value_info(signature.output_name, TensorProto.FLOAT, ["batch", *answer])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)


def nearest_mean(images: NDArray[np.uint8], labels: NDArray[np.int64], *, noise: float, seed: int) -> tuple[
    NDArray[np.float64], NDArray[np.float64]
]:
    """Weight [64,10] and bias of the classifier that takes the nearest class mean; worse with noise."""
    flat = images.reshape(len(images), -1) / 255
    means = np.array([flat[labels == k].mean(axis=0) for k in range(10)])
    weight = means.T + noise * np.random.default_rng(seed).normal(size=(64, 10))
    return weight, -(means**2).sum(axis=1) / 2


def build_tryable_digits(
    home: Home, *, kept: bool = True, seeds: int = 1, spec: ExperimentSpec | None = None
) -> str:
    """An experiment on the digits, of the preset if no other, whose exported runs really answer.

    `kept`: all test inputs too.
    """
    identity = build_finished_experiment(home, spec=spec or preset_spec(seeds=seeds))
    images, labels = digits()
    view, folder = Store(home).experiment(identity), home.experiment(identity)
    test_images, test_labels = images[1157:], labels[1157:]
    np.save(folder.test_labels, test_labels)
    for place, run in enumerate(view.runs):
        files = folder.run(run.run_id)
        weight, bias = nearest_mean(
            images[:1157], labels[:1157], noise=0 if run.role == "teacher" else 0.1, seed=place
        )
        linear_graph(files.onnx, 10 * weight, 10 * bias, DIGITS)
        logits = onnx_logits(files.onnx, test_images, signature=DIGITS, threads=1)
        np.save(files.test_logits, logits)
        write_test_samples(files.test_samples, test_images, test_labels, logits, signature=DIGITS)
    write_json(folder.origin, {"fingerprint": "digits"})
    if kept:
        place_of = place_of_test_inputs(folder, "digits")
        assert place_of is not None
        write_test_inputs(place_of, test_images, test_labels)
    return identity


def build_tryable_task(home: Home, task: str) -> str:
    """The same of a tagging or a regression, with random networks; test inputs are those of the bundles."""
    identity = build_task_experiment(home, task, seeds=1)  # type: ignore[arg-type]
    view, folder = Store(home).experiment(identity), home.experiment(identity)
    draw = np.random.default_rng(0)
    shape = (8, 8) if task == "tagging" else (10,)
    signature = Signature(
        kind=view.input_kind, shape=shape, outputs=len(view.class_names), task=view.task,
    )
    labels = np.load(folder.test_labels)
    inputs = draw.normal(size=(len(labels), *shape)).astype(np.float32)
    for run in view.runs:
        files = folder.run(run.run_id)
        features = shape[-1]
        linear_graph(
            files.onnx, draw.normal(size=(features, signature.outputs)), np.zeros(signature.outputs), signature
        )
        write_test_samples(
            files.test_samples, inputs, labels, np.load(files.test_logits), signature=signature,
            label_mean=(100.0, 50.0) if task == "regression" else (),
            label_std=(10.0, 5.0) if task == "regression" else (),
        )
    return identity
