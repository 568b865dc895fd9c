"""Every dataset keeps the same promises, in every kind and task that it can be."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from distill_core.datasets import REGISTRY
from distill_core.datasets.samples import Samples
from distill_core.entries import DatasetEntry, Params
from distill_core.signature import INPUT_KINDS, NO_LABEL, TASKS

DTYPES = {
    "image": {torch.uint8}, "sequence": {torch.uint8, torch.float32}, "text": {torch.int32}, "table": {torch.float32},
}  # fmt: skip
RANKS = {"image": 4, "sequence": 3, "text": 2, "table": 2}
EMBEDDED = {"digits", "digits-rows", "digits-tagging", "diabetes"}

Made = dict[str, Any]


def image_folder(root: Path) -> Made:
    for name, value in (("cat", 10), ("dog", 200)):
        for index in range(6):
            (root / name).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (12, 12), (value, index, value)).save(root / name / f"{index}.png")
    return {"path": str(root)}


def texts(task: str) -> Callable[[Path], Made]:
    def make(root: Path) -> Made:
        root.mkdir(parents=True)
        labels = ["good", "bad"] if task == "classification" else ["1.5", "-2"]
        lines = [f"text number {index} is {labels[index % 2]} indeed,{labels[index % 2]}" for index in range(20)]
        (root / "t.csv").write_text("\n".join(["text,label", *lines, "an unlabelled text,"]) + "\n")
        return {"path": str(root / "t.csv"), "task": task}

    return make


def arrays(kind: str, task: str) -> Callable[[Path], Made]:
    def make(root: Path) -> Made:
        root.mkdir(parents=True)
        random = np.random.RandomState(0)
        shape = {"image": (24, 6, 5, 3), "sequence": (24, 4, 3), "table": (24, 5)}[kind]
        values = random.rand(*shape) if kind == "image" else random.randn(*shape) * 3 + 7
        labels = {"classification": np.arange(24) % 3, "tagging": np.arange(96).reshape(24, 4) % 3,
                  "regression": random.randn(24, 2) * 5 + 30}[task]  # fmt: skip
        np.savez(root / "a.npz", x=values, y=labels)
        return {"path": str(root / "a.npz"), "kind": kind, "task": task}

    return make


@dataclass(frozen=True)
class Case:
    """An entry with what it needs to be tried."""

    entry: DatasetEntry
    make: Callable[[Path], Made] | None = None
    label: str = ""


# Those that read a file or a folder, in all that they can be; others are tried with their defaults.
MADE: dict[str, dict[str, Callable[[Path], Made]]] = {
    "image-folder": {"": image_folder},
    "text-table": {task: texts(task) for task in ("classification", "regression")},
    "arrays": {
        f"{kind}-{task}": arrays(kind, task)
        for kind in ("image", "sequence", "table")
        for task in ("classification", "tagging", "regression")
        if task != "tagging" or kind == "sequence"
    },
}


def cases() -> list[Case]:
    found = []
    for entry in REGISTRY:
        if entry.name in MADE:
            found += [Case(entry, make, label) for label, make in MADE[entry.name].items()]
        elif "download" not in entry.traits:
            found.append(Case(entry))
    return found


@pytest.fixture(params=cases(), ids=lambda case: f"{case.entry.name}-{case.label}".rstrip("-"))
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture
def params(case: Case, tmp_path: Path) -> Params:
    return case.entry.resolve(case.make(tmp_path / "in") if case.make else {})


@pytest.fixture
def data(case: Case, params: Params, tmp_path: Path) -> Samples:
    return case.entry.load(params, tmp_path / "cache")


def test_all_that_an_entry_can_be_is_tried() -> None:
    for name, made in MADE.items():
        tried = {word for label in made for word in label.split("-")} or {""}
        several = REGISTRY[name].traits & {*INPUT_KINDS, *TASKS}
        one_of_each = len(several & {*INPUT_KINDS}) == 1 and len(several & {*TASKS}) == 1
        assert one_of_each or tried <= several
        assert one_of_each or {task for task in TASKS if task in several} <= tried
    tried_names = {one.entry.name for one in cases()}
    left = [entry for entry in REGISTRY if entry.name not in tried_names]
    assert all("download" in entry.traits for entry in left)
    assert tried_names >= EMBEDDED


def test_inputs_are_of_their_kind(case: Case, data: Samples) -> None:
    assert {data.kind, data.task} <= case.entry.traits
    for inputs in (data.train_inputs, data.test_inputs):
        assert inputs.dtype in DTYPES[data.kind]
        assert inputs.dim() == RANKS[data.kind]
        assert tuple(inputs.shape[1:]) == data.signature.shape
        assert len(inputs) > 0
        if inputs.is_floating_point():
            assert torch.isfinite(inputs).all()
    if data.kind == "text":
        assert int(data.train_inputs.min()) >= 0
        assert int(torch.cat([data.train_inputs, data.test_inputs]).max()) < data.signature.vocabulary
        assert len(set(data.words)) == len(data.words) > 3
        assert (data.train_inputs[:, 0] > 0).all(), "no text is all padding"
        assert data.splitting


def test_labels_are_of_their_task(data: Samples) -> None:
    assert len(set(data.class_names)) == data.outputs == data.signature.outputs
    for inputs, labels in ((data.train_inputs, data.train_labels), (data.test_inputs, data.test_labels)):
        assert len(labels) == len(inputs)
        if data.task == "regression":
            assert labels.dtype == torch.float32
            assert labels.shape == (len(inputs), data.outputs)
            continue
        assert labels.dtype == torch.int64
        assert labels.shape == (inputs.shape[:2] if data.task == "tagging" else inputs.shape[:1])
        known = labels[labels != NO_LABEL]
        assert known.min() >= 0
        assert known.max() < data.outputs
    if data.task == "regression":
        assert not data.test_labels.isnan().any(), "what cannot be judged is no test sample"
        known = data.train_labels.nan_to_num(nan=0.0).double()
        counted = (~data.train_labels.isnan()).sum(0)
        torch.testing.assert_close(known.sum(0) / counted, torch.zeros(data.outputs).double(), atol=1e-4, rtol=0)
        torch.testing.assert_close((known**2).sum(0) / counted, torch.ones(data.outputs).double(), atol=1e-3, rtol=0)
        assert len(data.label_mean) == len(data.label_std) == data.outputs
    else:
        assert (data.test_labels != NO_LABEL).all()
        learned = set(data.train_labels.flatten().tolist()) - {NO_LABEL}
        assert learned == set(range(data.outputs)), "every class can be learned"
        assert data.label_mean == data.label_std == ()


def test_its_normalisation_is_that_of_its_training_inputs(data: Samples) -> None:
    figures = {"image": data.shape[0], "sequence": data.shape[-1], "table": data.shape[-1], "text": 0}[data.kind]
    assert len(data.mean) == len(data.std) == figures
    assert all(std > 0 for std in data.std)
    if data.kind == "text":
        return
    values = data.train_inputs.double() / (255 if data.train_inputs.dtype == torch.uint8 else 1)
    shape = (1, -1, 1, 1) if data.kind == "image" else (-1,)
    normal = (values - torch.tensor(data.mean).view(shape)) / torch.tensor(data.std).view(shape)
    assert abs(normal.mean()) < 0.02
    assert 0.9 < normal.std() < 1.1


def test_loading_twice_gives_the_same_and_so_does_the_fingerprint(
    case: Case, params: Params, data: Samples, tmp_path: Path
) -> None:
    before = case.entry.fingerprint(params)
    again = case.entry.load(params, tmp_path / "other")
    for first, second in (
        (again.train_inputs, data.train_inputs), (again.train_labels, data.train_labels),
        (again.test_inputs, data.test_inputs), (again.test_labels, data.test_labels),
    ):  # fmt: skip
        assert torch.equal(first.nan_to_num() if first.is_floating_point() else first,
                           second.nan_to_num() if second.is_floating_point() else second)  # fmt: skip
    assert case.entry.fingerprint(params) == before


@pytest.mark.parametrize("name", list(MADE))
def test_the_fingerprint_changes_with_the_files_and_with_how_they_are_read(name: str, tmp_path: Path) -> None:
    entry, make = REGISTRY[name], next(iter(MADE[name].values()))
    made = make(tmp_path / "in")
    before = entry.fingerprint(entry.resolve(made))
    assert entry.fingerprint(entry.resolve(made | {"test_fraction": 0.4})) != before
    path = Path(made["path"])
    file = path if path.is_file() else next(path.rglob("*.png"))
    status = file.stat()
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))
    assert entry.fingerprint(entry.resolve(made)) != before


def test_fingerprints_of_different_data_differ(tmp_path: Path) -> None:
    found = [one.entry.fingerprint(one.entry.resolve({})) for one in cases() if one.make is None]
    tagging = REGISTRY["digits-tagging"]
    found.append(tagging.fingerprint(tagging.resolve({"digits_per_sequence": 3})))
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("name", sorted(EMBEDDED))
def test_no_embedded_test_sample_is_trained_on(name: str, tmp_path: Path) -> None:
    data = REGISTRY[name].load(REGISTRY[name].resolve({}), tmp_path)

    def samples(inputs: Tensor) -> set[bytes]:
        # Of tagging, the digits that the sequences are made of.
        parts = inputs.reshape(-1, 8, 8) if data.task == "tagging" else inputs
        return {part.numpy().tobytes() for part in parts}

    assert not samples(data.train_inputs) & samples(data.test_inputs)
