"""What a weights file may hold: unwrapping, refusals by content, and bombs, without the process that caps it."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, save_model
from safetensors.torch import load_file, save
from torch import nn

from distill_core.jobs.read_weights import take_in
from distill_core.jobs.weights_kind import Refused, kind_of

Read = Callable[[bytes], dict[str, Any]]
Refusal = Callable[[bytes], str]


def saved(content: object, *, legacy: bool = False) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads a file's content into the folder `out`, as the capped process does."""

    def reading(content: bytes) -> dict[str, Any]:
        file, out = tmp_path / "file", tmp_path / "out"
        file.write_bytes(content)
        out.mkdir(exist_ok=True)
        return take_in(file, kind_of(file), out)

    return reading


@pytest.fixture
def refusal(read: Read, tmp_path: Path) -> Refusal:
    def refusing(content: bytes) -> str:
        with pytest.raises(Refused) as caught:
            read(content)
        assert not list((tmp_path / "out").glob("*")), "a refused file was stored"
        return str(caught.value)

    return refusing


def stored(tmp_path: Path, told: dict[str, Any]) -> dict[str, torch.Tensor]:
    return load_file(tmp_path / "out" / f"{told['id']}.safetensors")


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3))


@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors"])
def test_every_form_keeps_names_types_shapes_and_values(read: Read, tmp_path: Path, form: str) -> None:
    state = network().state_dict()
    state |= {"half": torch.randn(3, 2).half(), "flag": torch.tensor(True), "none": torch.ones(0)}
    told = read(save(state) if form == "safetensors" else saved(state, legacy=form == "legacy"))
    found = stored(tmp_path, told)
    assert found.keys() == state.keys() and told["tensors"] == len(state) and told["notes"] == []
    for name, value in state.items():
        assert torch.equal(found[name], value) and found[name].dtype == value.dtype and found[name].shape == value.shape
    # Statistics and counters are not learned.
    assert told["parameters"] == sum(parameter.numel() for parameter in network().parameters()) + 6
    assert read(saved(state))["id"] == told["id"]


def test_other_values_types_shapes_or_names_are_another_file(read: Read) -> None:
    state = {"a": torch.ones(2)}
    others = [{"a": torch.zeros(2)}, {"a": torch.ones(2).half()}, {"b": torch.ones(2)}, {"a": torch.ones(1, 2)}]
    assert len({read(saved(one))["id"] for one in (state, *others)}) == 5


def test_a_checkpoint_is_unwrapped_and_its_prefixes_are_taken_off(read: Read) -> None:
    state = network().state_dict()
    marked = {f"module._orig_mod.{name}": value for name, value in state.items()}
    told = read(saved({"epoch": 3, "optimizer": {"lr": 0.1}, "model": {"state_dict": marked, "extra": 1}}))
    assert told["id"] == read(saved(state))["id"]
    assert told["notes"] == [
        "Read from its entry model; left out: epoch, optimizer.",
        "Read from its entry state_dict; left out: extra.",
        'The prefix "module." of DataParallel was taken off every name.',
        'The prefix "_orig_mod." of torch.compile was taken off every name.',
    ]


def test_a_prefix_that_only_some_names_have_is_part_of_the_name(read: Read, tmp_path: Path) -> None:
    state = {"module.weight": torch.ones(2), "other.weight": torch.ones(2)}
    assert stored(tmp_path, read(saved(state))).keys() == state.keys()


def test_shared_and_turned_tensors_are_stored_apart(read: Read, tmp_path: Path) -> None:
    table = torch.arange(4096.0).reshape(32, 128)
    found = stored(tmp_path, read(saved({"in": table, "turned": table.T, "row": torch.nn.Parameter(table[3])})))
    assert torch.equal(found["in"], table) and torch.equal(found["turned"], table.T)
    assert torch.equal(found["row"], table[3])


class Whole(nn.Module):
    """A network of the user's own code."""


def test_a_whole_network_is_refused_with_the_way_to_save_its_weights(refusal: Refusal) -> None:
    for legacy in (False, True):
        sentence = refusal(saved(Whole(), legacy=legacy))
        assert "Whole" in sentence and "model.state_dict()" in sentence
        assert len(sentence) < 400 and "\n" not in sentence


@pytest.mark.filterwarnings("ignore")
def test_programs_and_files_of_other_libraries_are_refused_by_what_they_are(refusal: Refusal) -> None:
    module, example = nn.Linear(2, 2), (torch.zeros(1, 2),)
    script, exported, onnx, arrays, array, keras = (io.BytesIO() for _ in range(6))
    torch.jit.save(torch.jit.trace(module, example), script)
    torch.export.save(torch.export.export(module, example), exported)
    np.savez(arrays, weight=np.ones(2))
    np.save(array, np.ones(2))
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    save_model(helper.make_model(helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [value], [])), onnx)
    with zipfile.ZipFile(keras, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n")
    told = {
        "TorchScript": script.getvalue(), ".pt2": exported.getvalue(), "ONNX": onnx.getvalue(),
        "NumPy arrays": arrays.getvalue(), "a NumPy array": array.getvalue(), "Keras model": keras.getvalue(),
        "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(100), "web page": b"<!DOCTYPE html><html></html>",
        "Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\n", "not a weights file": b"hello " * 100,
        "gzip": b"\x1f\x8b" + bytes(50), "is empty": b"",
    }  # fmt: skip
    for words, content in told.items():
        sentence = refusal(content)
        assert words in sentence and "allowed: " in sentence


@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors"])
def test_a_truncated_file_is_refused_as_such(refusal: Refusal, form: str) -> None:
    state = {f"layer{i}.weight": torch.randn(50, 5) for i in range(20)}
    content = save(state) if form == "safetensors" else saved(state, legacy=form == "legacy")
    for share in (0.02, 0.3, 0.6, 0.9, 0.999):
        assert "upload it again" in refusal(content[: int(len(content) * share)])


def test_safetensors_that_claim_more_than_there_is_are_refused(refusal: Refusal) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).encode()
    assert "upload it again" in refusal(struct.pack("<Q", len(header)) + header + bytes(100))
    assert "upload it again" in refusal(struct.pack("<Q", 10_000) + header)


def test_what_is_inside_must_be_weights(read: Read, refusal: Refusal) -> None:
    assert "NaN in b" in refusal(saved({"a": torch.ones(2), "b": torch.tensor([1.0, float("nan")])}))
    assert "as complex64" in refusal(saved({"a": torch.ones(2, dtype=torch.complex64)}))
    assert "no values" in refusal(saved({"a": torch.ones(2, device="meta")}))
    assert "special kind" in refusal(saved({"a": torch.eye(3).to_sparse()}))
    assert "only teacher, student" in refusal(
        saved({"teacher": {"w": torch.ones(2)}, "student": {"w": torch.ones(2)}})
    )
    assert "holds a list" in refusal(saved([torch.ones(2)]))
    assert "no layer's name" in refusal(saved({3: torch.ones(2)}))
    assert "holds fractions" in refusal(saved({"a": torch.arange(4)}))
    told = read(saved({"mask": torch.tensor([0.0, float("-inf")]), "epoch": 3}))
    assert told["notes"] == [
        "Entries that are no tensors were left out: epoch.", "Infinite values stand in mask.",
    ]  # fmt: skip


def test_a_file_that_would_unfold_is_refused(refusal: Refusal) -> None:
    # A billion numbers out of one: views with a stride of 0 cost nothing in the file.
    assert "claims 4,000,000,000 bytes" in refusal(saved({"a": torch.ones(1).expand(1_000_000_000)}))
    shared = torch.ones(1000)
    assert "claims" in refusal(saved({f"w{i}": shared for i in range(50)}))
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/data.pkl", b"\x80\x02}.")
        archive.writestr("net/data/0", bytes(30_000_000))
    assert len(bomb.getvalue()) < 100_000
    assert "is compressed" in refusal(bomb.getvalue())


def test_a_tensor_that_reaches_beyond_its_storage_is_refused(refusal: Refusal) -> None:
    """Names another length of a storage than is in the archive, keeping the file's own length."""
    content = saved({"a": torch.ones(0x1234)})
    assert content.count(b"M\x34\x12") == 2
    assert "cannot be read to its end" in refusal(content.replace(b"M\x34\x12", b"M\x34\xff"))
