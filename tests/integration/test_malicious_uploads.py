"""Files that want to be run, through every way by which a file comes in: refused in a sentence, and nothing is run."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from distill_core.errors import LabError
from distill_core.folders import Home
from distill_core.ingestion.archive import SafeArchive
from distill_core.ingestion.npz_file import peek_arrays, read_array
from distill_core.ingestion.picture import BadPicture, PictureReader
from distill_core.services import Lab
from tests.upload_samples import brought


class Bomb:
    """Unpickled, it makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (self.marker,)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(Home(tmp_path / "home"))


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "run"


def torch_zip(payload: bytes) -> bytes:
    """As torch.save lays a file out, with another pickle in it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", payload)
        archive.writestr("archive/version", "3\n")
    return out.getvalue()


def external_onnx() -> bytes:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../../etc/passwd")
    graph = helper.make_graph([], "g", [], [helper.make_tensor_value_info("w", TensorProto.FLOAT, [1])], [tensor])
    return helper.make_model(graph).SerializeToString()


def traversing_tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../../escaped"), io.BytesIO())
    return out.getvalue()


def test_the_bomb_goes_off_when_it_is_unpickled(marker: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(marker)))
    assert marker.exists()


@pytest.mark.parametrize("form", ["pickle", "torch zip", "onnx", "tar"])
def test_as_weights(lab: Lab, marker: Path, form: str) -> None:
    payload = pickle.dumps({"weight": Bomb(marker)}, protocol=2)
    content = {
        "pickle": payload, "torch zip": torch_zip(payload), "onnx": external_onnx(), "tar": traversing_tar(),
    }[form]
    file = brought(lab, "net.pt", [content], kind="weights")
    with file.path.open("rb") as source, pytest.raises(LabError, match=r"net\.pt"):
        lab.weights.add("", source, file_name=file.file_name)
    assert not marker.exists() and lab.weights.all() == []


def test_as_arrays(lab: Lab, marker: Path) -> None:
    out = io.BytesIO()
    array = np.empty(1, dtype=object)
    array[0] = Bomb(marker)
    np.savez(out, x=array, y=np.zeros(1))
    file = brought(lab, "data.npz", [out.getvalue()])
    assert [one.key for one in peek_arrays(file.path)] == ["x", "y"]
    with pytest.raises(LabError, match="objects"):
        read_array(file.path, "x", field="inputs")
    assert not marker.exists()
    raw = brought(lab, "data.npz", [pickle.dumps(Bomb(marker))])
    with pytest.raises(LabError):
        peek_arrays(raw.path)
    assert not marker.exists()


def test_as_a_zip_of_images(lab: Lab, tmp_path: Path) -> None:
    for content in (traversing_tar(), climbing_zip()):
        file = brought(lab, "images.zip", [content])
        with pytest.raises(LabError):
            SafeArchive(file.path)
    assert not list(tmp_path.rglob("escaped"))


def climbing_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("../../escaped.png", b"x")
    return out.getvalue()


def test_as_a_picture_or_a_report(lab: Lab, marker: Path) -> None:
    payload = pickle.dumps(Bomb(marker))
    with pytest.raises(BadPicture):
        PictureReader(size=8, channels="grey").read(payload)
    with pytest.raises(LabError):
        lab.latency.take_in(payload, [])
    assert not marker.exists()


def test_the_sample_of_onnx_names_a_file_outside() -> None:
    (tensor,) = onnx.load_from_string(external_onnx()).graph.initializer
    assert tensor.external_data[0].value == "../../../etc/passwd"
