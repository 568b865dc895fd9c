"""Every architecture of the catalogue can be profiled and shipped, for every kind of input and task that it fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from distill_core.architectures import REGISTRY
from distill_core.deployment.onnx_export import export_onnx
from distill_core.deployment.parity import check_parity
from distill_core.deployment.profile import profile
from distill_core.entries import ArchitectureEntry
from distill_core.signature import INPUT_KINDS, InputKind, Signature, Task

SHAPES: dict[InputKind, tuple[int, ...]] = {"image": (3, 32, 32), "sequence": (8, 5), "text": (9,), "table": (7,)}
GREY = (1, 28, 28)
"""Of images that have values: another size, with odd sizes inside."""
SHIPPED: dict[InputKind, tuple[Task, ...]] = {
    "image": ("classification",), "sequence": ("tagging", "classification"), "text": ("classification",),
    "table": ("regression",),
}
"""The tasks in the order of choice: a network's graphs for several tasks differ but in the width of the last layer."""
SMALL: dict[str, dict[str, Any]] = {"vit": {"size": "tiny", "patch": 8}, "truncated": {"children": 1}}
"""Where the default is so large that exporting it takes long."""
MORE: list[tuple[str, dict[str, Any], InputKind, Task]] = [
    ("lstm", {"pooling": "mean", "layers": 2}, "text", "classification"),
    ("bilstm", {"pooling": "last", "dropout": 0.5}, "text", "classification"),
    ("gru", {"bidirectional": True, "layers": 2}, "sequence", "tagging"),
    ("truncated", {"children": 2}, "image", "classification"),
    ("resnet18", {"stem": "imagenet"}, "image", "classification"),
    ("small-cnn", {"width": 3}, "image", "classification"),
    ("small-cnn", {}, "image", "regression"),
    ("lstm", {}, "sequence", "regression"),
]
"""Parameters that change the graph, not only its sizes."""
TEACHERS: dict[InputKind, str] = {"image": "small-cnn", "sequence": "lstm", "text": "lstm", "table": "mlp"}
MEAN, STD = 0.4, 0.3
COUNT = 9
LABEL_MEAN, LABEL_STD = (12.0, -3.0), (4.0, 0.5)


def every_signature() -> list[Any]:
    """Entries with parameters, a kind and a task, as pytest's parameters."""
    found: list[tuple[str, dict[str, Any], InputKind, Task]] = [
        (entry.name, SMALL.get(entry.name, {}), kind, next(task for task in SHIPPED[kind] if task in entry.traits))
        for entry in REGISTRY for kind in INPUT_KINDS
        if kind in entry.traits and entry.traits.intersection(SHIPPED[kind])
    ]
    return [
        pytest.param(*case, id="-".join([case[0], *map(str, case[1].values()), case[2], case[3]]))
        for case in [*found, *MORE]
    ]


def signature_of(kind: InputKind, task: Task, teacher: str = "") -> Signature:
    shape = GREY if kind == "image" and task == "regression" else SHAPES[kind]
    outputs = 2 if task == "regression" else 10
    facts: dict[str, Any] = {"kind": kind, "shape": shape, "outputs": outputs, "task": task}
    facts["vocabulary"] = 40 if kind == "text" else 0
    if not teacher:
        return Signature(**facts)
    entry = REGISTRY[teacher]
    return Signature(**facts, teacher=lambda: entry.build(entry.resolve({}), Signature(**facts)))


def stored_samples(signature: Signature, count: int) -> NDArray[np.generic]:
    """As datasets keep them; texts of every length, the shortest first."""
    generator, shape = np.random.default_rng(0), (count, *signature.shape)
    if signature.kind == "image":
        return generator.integers(0, 256, shape, dtype=np.uint8)
    if signature.kind == "text":
        tokens = generator.integers(1, signature.vocabulary, shape)
        lengths = 1 + np.arange(count)[:, None] % shape[1]
        return np.where(np.arange(shape[1]) < lengths, tokens, 0).astype(np.int32)
    return generator.random(shape, dtype=np.float32)


def as_network_reads(stored: NDArray[np.generic], signature: Signature) -> Tensor:
    if signature.kind == "text":
        return torch.from_numpy(stored.astype(np.int64))
    raw = torch.from_numpy(stored.astype(np.float32)) / (255 if signature.kind == "image" else 1)
    return (raw - MEAN) / STD


def trained_a_little(network: nn.Module, inputs: Tensor) -> nn.Module:
    """Batch normalisation that has seen data, biases that are not zero: fresh ones hide mistakes."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
        network.train()(inputs)
    return network.eval()


@pytest.mark.parametrize(("name", "params", "kind", "task"), every_signature())
def test_architecture_ships(name: str, params: dict[str, Any], kind: InputKind, task: Task, tmp_path: Path) -> None:
    torch.manual_seed(0)
    entry: ArchitectureEntry = REGISTRY[name]
    signature = signature_of(kind, task, TEACHERS[kind] if "cut" in entry.traits else "")
    network = entry.build(entry.resolve(params), signature)
    stored = stored_samples(signature, COUNT)
    inputs = as_network_reads(stored, signature)
    trained_a_little(network, inputs)
    with torch.no_grad():
        expected = network(inputs).numpy()
    assert expected.shape == (COUNT, *signature.answer_shape)

    path = tmp_path / "model.onnx"
    own_units: dict[str, Any] = {"label_mean": LABEL_MEAN, "label_std": LABEL_STD} if task == "regression" else {}
    statistics = [] if kind == "text" else [signature.shape[0] if kind == "image" else signature.shape[-1]]
    size = export_onnx(
        network, path, signature=signature, mean=[MEAN] * sum(statistics), std=[STD] * sum(statistics), **own_units
    )
    # Batches of 4, 4 and 1: none is the two samples that the graph was captured with.
    parity = check_parity(path, stored, expected, signature=signature, batch=4, **own_units)
    assert parity.max_abs_diff < 1e-4 * max(1.0, float(np.abs(expected).max()))
    steps = int((stored != 0).sum()) if kind == "text" else COUNT * signature.shape[0]
    assert parity.same_class == parity.total == (steps if task == "tagging" else COUNT)

    figures = profile(network, signature=signature)
    assert figures.parameters == sum(parameter.numel() for parameter in network.parameters())
    assert figures.macs > 0
    assert figures.size_bytes >= 4 * figures.parameters
    # Folding normalisation away saves less than the graph's description costs, or not much more than that.
    assert 0.5 * figures.size_bytes < size < 3 * figures.size_bytes + 200_000
