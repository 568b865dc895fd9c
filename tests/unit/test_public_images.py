"""Public data sets: tiny made-up files in the real formats, fetched through real addresses of files."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from distill_core.datasets import REGISTRY
from distill_core.datasets.public_images import SETS, PublicImages, PublicImagesParams
from distill_core.errors import DataError
from distill_core.ingestion.fetch import PublishedFile
from distill_core.ingestion.published import PublishedArrays, read_cifar, read_idx_set, read_svhn

DRAW = np.random.RandomState(0)
NOWHERE = "http://127.0.0.1:9/"


def idx(array: np.ndarray) -> bytes:
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return gzip.compress(head + array.tobytes())


def mnist_files() -> dict[str, bytes]:
    arrays = {
        "train-images-idx3": DRAW.randint(0, 256, (30, 28, 28), dtype=np.uint8),
        "train-labels-idx1": (np.arange(30) % 10).astype(np.uint8),
        "t10k-images-idx3": DRAW.randint(0, 256, (10, 28, 28), dtype=np.uint8),
        "t10k-labels-idx1": np.arange(10, dtype=np.uint8),
    }
    return {f"{name}-ubyte.gz": idx(array) for name, array in arrays.items()}


def tar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def fake(read: object, files: dict[str, bytes], host: Path, *, urls: tuple[str, ...] | None = None) -> PublicImages:
    """A data set of these files, hosted in a folder."""
    host.mkdir(exist_ok=True)
    for name, content in files.items():
        (host / name).write_bytes(content)
    published = tuple(
        PublishedFile(name, urls or ((host / name).as_uri(),), hashlib.md5(content).hexdigest())
        for name, content in files.items()
    )
    return PublicImages(name="fake", title="Fake set", summary="", source="", files=published, read=read)


def mnist(tmp_path: Path, **changes: object) -> PublicImages:
    return fake(partial(read_idx_set, class_names=tuple("0123456789")), mnist_files(), tmp_path / "host", **changes)


def test_the_six_are_in_the_catalogue_and_listing_them_needs_no_network() -> None:
    wanted = {"mnist": 4, "fashion-mnist": 4, "kmnist": 4, "cifar10": 1, "cifar100": 1, "svhn": 2}
    assert {public.name: len(public.files) for public in SETS} == wanted
    fingerprints = {REGISTRY[name].fingerprint(REGISTRY[name].resolve({})) for name in wanted}
    assert len(fingerprints) == 6
    assert all({"image", "classification", "download"} <= REGISTRY[name].traits for name in wanted)
    assert all(len(file.md5) == 32 and file.urls[0].endswith(file.name) for public in SETS for file in public.files)


def test_it_is_fetched_once_told_of_and_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public, told = mnist(tmp_path), []
    first = public.load(PublicImagesParams(), tmp_path / "home/cache", tell=told.append)
    assert first.shape == (1, 28, 28)
    assert first.train_labels.tolist() == [number % 10 for number in range(30)]
    assert any("fetching train-images-idx3-ubyte.gz from file://" in line for line in told)
    kept = {path.name for path in (tmp_path / "home/downloads/fake").iterdir()}
    assert kept == {file.name for file in public.files}
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("fetched again"))
    monkeypatch.setattr(gzip, "open", lambda *_: pytest.fail("decoded again"))
    assert torch.equal(public.load(PublicImagesParams(), tmp_path / "home/cache").train_inputs, first.train_inputs)


def test_its_figures_are_those_of_its_training_pixels(tmp_path: Path) -> None:
    data = mnist(tmp_path).load(PublicImagesParams(), tmp_path / "home/cache")
    pixels = data.train_inputs.double() / 255
    assert data.mean[0] == pytest.approx(float(pixels.mean()), abs=1e-4)
    assert data.std[0] == pytest.approx(float(pixels.std()), abs=1e-4)


def test_without_a_network_the_error_names_files_addresses_and_the_folder(tmp_path: Path) -> None:
    public = mnist(tmp_path, urls=(NOWHERE + "a", NOWHERE + "b"))
    with pytest.raises(DataError) as caught:
        public.load(PublicImagesParams(), tmp_path / "home/cache")
    sentence = str(caught.value)
    assert "Fake set is not on this machine" in sentence
    assert "Connection refused" in sentence
    assert str(tmp_path / "home/downloads/fake") in sentence
    assert all(f"{file.name} from {NOWHERE}a" in sentence for file in public.files)


def test_files_put_there_by_hand_are_used_and_only_the_others_are_asked_for(tmp_path: Path) -> None:
    public = mnist(tmp_path, urls=(NOWHERE,))
    folder = tmp_path / "home/downloads/fake"
    folder.mkdir(parents=True)
    for file in public.files[:3]:
        (folder / file.name).write_bytes((tmp_path / "host" / file.name).read_bytes())
    with pytest.raises(DataError) as caught:
        public.load(PublicImagesParams(), tmp_path / "home/cache")
    assert [file.name in str(caught.value) for file in public.files] == [False, False, False, True]
    (folder / public.files[3].name).write_bytes((tmp_path / "host" / public.files[3].name).read_bytes())
    assert len(public.load(PublicImagesParams(), tmp_path / "home/cache").test_labels) == 10


def test_a_second_address_helps_where_the_first_sends_something_else(tmp_path: Path) -> None:
    good = mnist(tmp_path)
    (tmp_path / "host/login.html").write_text("please log in")
    wrong = (tmp_path / "host/login.html").as_uri()
    both = tuple(PublishedFile(file.name, (wrong, *file.urls), file.md5) for file in good.files)
    public = PublicImages(name="fake", title="Fake set", summary="", source="", files=both, read=good.read)
    assert len(public.load(PublicImagesParams(), tmp_path / "home/cache").train_labels) == 30
    only_wrong = tuple(PublishedFile(file.name, (wrong,), file.md5) for file in good.files)
    public = PublicImages(name="other", title="Other set", summary="", source="", files=only_wrong, read=good.read)
    with pytest.raises(DataError, match="what it sent has the MD5"):
        public.load(PublicImagesParams(), tmp_path / "home/cache")
    assert not list((tmp_path / "home/downloads/other").iterdir()), "nothing wrong or half is kept"


def test_a_wrong_file_put_there_by_hand_is_named(tmp_path: Path) -> None:
    public = mnist(tmp_path)
    wrong = tmp_path / "home/downloads/fake" / public.files[0].name
    wrong.parent.mkdir(parents=True)
    wrong.write_bytes(b"something else")
    with pytest.raises(DataError, match="is not the published one") as caught:
        public.load(PublicImagesParams(), tmp_path / "home/cache")
    assert str(wrong) in str(caught.value)


def test_cifar_records_become_planes_with_the_fine_label(tmp_path: Path) -> None:
    planes = DRAW.randint(0, 256, (6, 3, 32, 32), dtype=np.uint8)

    def records(rows: slice, heads: list[list[int]]) -> bytes:
        return b"".join(
            bytes(head) + image.tobytes() for head, image in zip(heads, planes[rows], strict=True)
        )

    ten = tar({
        "cifar/batches.meta.txt": b"bird\ncat\n\n", "cifar/data_batch_1.bin": records(slice(0, 2), [[0], [1]]),
        "cifar/data_batch_2.bin": records(slice(2, 4), [[1], [0]]),
        "cifar/test_batch.bin": records(slice(4, 6), [[1], [1]]),
    })  # fmt: skip
    read = partial(_cifar, train=("data_batch_1.bin", "data_batch_2.bin"), test=("test_batch.bin",))
    data = fake(partial(read, names="batches.meta.txt", label_bytes=1), {"c.tar.gz": ten}, tmp_path / "host").load(
        PublicImagesParams(), tmp_path / "home/cache"
    )
    assert data.class_names == ("bird", "cat")
    assert data.train_labels.tolist() == [0, 1, 1, 0]
    assert np.array_equal(data.train_inputs.numpy(), planes[:4])
    hundred = tar({
        "x/fine_label_names.txt": b"apple\nfish\n", "x/train.bin": records(slice(0, 2), [[9, 1], [9, 0]]),
        "x/test.bin": records(slice(4, 6), [[9, 0], [9, 1]]),
    })  # fmt: skip
    (tmp_path / "h.tar.gz").write_bytes(hundred)
    arrays = read_cifar(
        tmp_path / "h.tar.gz", train=("train.bin",), test=("test.bin",), names="fine_label_names.txt", label_bytes=2
    )
    assert arrays.train_labels.tolist() == [1, 0]
    assert np.array_equal(arrays.test_inputs, planes[4:])


def _cifar(folder: Path, **how: object) -> PublishedArrays:
    return read_cifar(folder / "c.tar.gz", **how)


def test_svhn_is_turned_and_its_ten_is_a_zero(tmp_path: Path) -> None:
    images = DRAW.randint(0, 256, (32, 32, 3, 4), dtype=np.uint8)
    files = {}
    for split in ("train", "test"):
        out = io.BytesIO()
        savemat(out, {"X": images, "y": np.array([[10], [1], [9], [10]], dtype=np.uint8)})
        files[f"{split}_32x32.mat"] = out.getvalue()
    data = fake(read_svhn, files, tmp_path / "host").load(PublicImagesParams(), tmp_path / "home/cache")
    assert data.train_labels.tolist() == [0, 1, 9, 0]
    assert data.train_inputs[2, 1, 5, 7] == images[5, 7, 1, 2]


@pytest.mark.parametrize(
    ("read", "files"),
    [
        (partial(read_idx_set, class_names=("0",)), {name: b"no gzip" for name in mnist_files()}),
        (partial(read_idx_set, class_names=("0",)), {name: data[:-20] for name, data in mnist_files().items()}),
        (partial(_cifar, train=("a",), test=("b",), names="n", label_bytes=1), {"c.tar.gz": tar({"a": b"1"})}),
        (partial(_cifar, train=("a",), test=("b",), names="n", label_bytes=1), {"c.tar.gz": b"no archive"}),
        (read_svhn, {"train_32x32.mat": b"no matlab", "test_32x32.mat": b""}),
    ],
)
def test_a_published_file_of_damaged_content_is_one_sentence(
    tmp_path: Path, read: object, files: dict[str, bytes]
) -> None:
    with pytest.raises(DataError, match="does not hold what its format promises; allowed"):
        fake(read, files, tmp_path / "host").load(PublicImagesParams(), tmp_path / "home/cache")


def test_labels_that_do_not_fit_the_classes_are_refused(tmp_path: Path) -> None:
    public = fake(partial(read_idx_set, class_names=("0", "1")), mnist_files(), tmp_path / "host")
    with pytest.raises(DataError, match="do not fit together"):
        public.load(PublicImagesParams(), tmp_path / "home/cache")
