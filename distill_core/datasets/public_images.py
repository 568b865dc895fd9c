"""Public image data: fetched when first used, kept in the home folder, decoded once."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from distill_core.datasets.samples import Samples
from distill_core.datasets.stored_images import stored_images
from distill_core.entries import DatasetEntry, Params, Tell, silent
from distill_core.errors import DataError
from distill_core.folders import write_json
from distill_core.ingestion.decoded import DecodedImages
from distill_core.ingestion.fetch import PublishedFile, fetch_all
from distill_core.ingestion.published import PublishedArrays, read_cifar, read_idx_set, read_svhn
from distill_core.processes import lock_held

_DIGITS = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
_CLOTHES = (
    "T-shirt or top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
_KANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


class PublicImagesParams(Params):
    """Nothing to choose: the published splits, at their own size."""


@dataclass(frozen=True, kw_only=True)
class PublicImages:
    """A published data set: its files, and how the folder they lie in is read."""

    name: str
    title: str
    summary: str
    source: str
    files: tuple[PublishedFile, ...]
    read: Callable[[Path], PublishedArrays]

    def load(self, params: PublicImagesParams, cache: Path, tell: Tell = silent) -> Samples:
        """The published splits; raises DataError, which without a network says which files to put where."""
        decoded = DecodedImages(cache / f"{self.name}-{self._digest()}")
        if not decoded.is_complete():
            cache.mkdir(parents=True, exist_ok=True)
            # Two who need the same data at once: the second waits, and finds them decoded.
            with lock_held(cache / f"{decoded.folder.name}.lock"):
                if not decoded.is_complete():
                    downloads = cache.parent / "downloads" / self.name
                    fetch_all(self.files, downloads, title=self.title, tell=tell)
                    self._keep(self.read(downloads), decoded)
        return stored_images(decoded)

    def fingerprint(self, params: PublicImagesParams) -> str:
        """Of what was published; needs no network."""
        return f"{self.name}-{self._digest()}"

    def entry(self) -> DatasetEntry:
        return DatasetEntry(
            name=self.name, title=self.title, summary=self.summary, source=self.source, params=PublicImagesParams,
            traits=frozenset({"image", "classification", "download"}), load=self.load, fingerprint=self.fingerprint,
        )

    def _keep(self, arrays: PublishedArrays, decoded: DecodedImages) -> None:
        """Into a folder beside it first, so that a killed process leaves nothing that looks complete."""
        classes = len(arrays.class_names)
        for inputs, labels in ((arrays.train_inputs, arrays.train_labels), (arrays.test_inputs, arrays.test_labels)):
            if len(inputs) != len(labels) or not len(labels) or labels.min() < 0 or labels.max() >= classes:
                raise DataError(
                    f"The files of {self.title} do not fit together; allowed: those of one publication. "
                    "Remove them, so that they are fetched anew."
                )
        part = DecodedImages(decoded.folder.with_name(f"{decoded.folder.name}.part"))
        try:
            _write(arrays, part)
            part.folder.rename(decoded.folder)
        except OSError as error:
            raise DataError(
                f"{self.title} cannot be written to the home folder ({error.strerror}); allowed: a disk with room for "
                "it. Free some space."
            ) from error

    def _digest(self) -> str:
        return hashlib.sha256("".join(file.md5 for file in self.files).encode()).hexdigest()[:12]


def _write(arrays: PublishedArrays, part: DecodedImages) -> None:
    shutil.rmtree(part.folder, ignore_errors=True)
    part.folder.mkdir(parents=True)
    np.save(part.inputs("train"), arrays.train_inputs)
    np.save(part.labels("train"), arrays.train_labels)
    np.save(part.inputs("test"), arrays.test_inputs)
    np.save(part.labels("test"), arrays.test_labels)
    # A histogram of bytes a channel gives both figures exactly, without a copy in floats.
    levels = np.arange(256) / 255
    mean, std = [], []
    for channel in range(arrays.train_inputs.shape[1]):
        counts = np.bincount(arrays.train_inputs[:, channel].reshape(-1), minlength=256)
        average = float((counts * levels).sum() / counts.sum())
        mean.append(round(average, 4))
        std.append(max(round(float((counts * (levels - average) ** 2).sum() / counts.sum()) ** 0.5, 4), 1e-3))
    write_json(part.about, {"class_names": arrays.class_names, "mean": mean, "std": std, "notes": []})


def _mnist_files(*mirrors: str, md5: tuple[str, str, str, str]) -> tuple[PublishedFile, ...]:
    """The four files of an MNIST-like set; checksums of training images and labels, test images and labels."""
    names = [f"{split}-{part}-ubyte.gz" for split in ("train", "t10k") for part in ("images-idx3", "labels-idx1")]
    return tuple(
        PublishedFile(name, tuple(mirror + name for mirror in mirrors), checksum)
        for name, checksum in zip(names, md5, strict=True)
    )


def _one(name: str, base: str, md5: str) -> PublishedFile:
    return PublishedFile(name, (base + name,), md5)


_TORONTO = "https://www.cs.toronto.edu/~kriz/"
_HOUSES = "http://ufldl.stanford.edu/housenumbers/"

# Addresses and checksums of MNIST, Fashion-MNIST, KMNIST and SVHN are those of torchvision 0.29; those of CIFAR's
# binary versions are on its page.
SETS = (
    PublicImages(
        name="mnist", title="MNIST",
        summary="70,000 handwritten digits, 28x28 grey; the classic first data set, almost too easy.",
        source="http://yann.lecun.com/exdb/mnist/",
        files=_mnist_files(
            "https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/",
            md5=(
                "f68b3c2dcbeaaa9fbdd348bbdeb94873", "d53e105ee54ea40749a09fcbcd1e9432",
                "9fb629c4189551a2d022fa330f9573f3", "ec29112dd5afa0611ce80d1b7f02629c",
            ),
        ),
        read=partial(read_idx_set, class_names=_DIGITS),
    ),
    PublicImages(
        name="fashion-mnist", title="Fashion-MNIST",
        summary="70,000 pictures of clothes, 28x28 grey; harder than MNIST in the same form.",
        source="https://github.com/zalandoresearch/fashion-mnist",
        files=_mnist_files(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            md5=(
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d", "25c81989df183df01b3e8a0aad5dffbe",
                "bef4ecab320f06d8554ea6380940ec79", "bb300cfdad3c16e7a12a480ee83cd310",
            ),
        ),
        read=partial(read_idx_set, class_names=_CLOTHES),
    ),
    PublicImages(
        name="kmnist", title="Kuzushiji-MNIST",
        summary="70,000 characters of old Japanese script in 10 classes, 28x28 grey.",
        source="https://github.com/rois-codh/kmnist",
        files=_mnist_files(
            "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            md5=(
                "bdb82020997e1d708af4cf47b453dcf7", "e144d726b3acfaa3e44228e80efcd344",
                "5c965bf0a639b31b8f53240b1b52f4d7", "7320c461ea6c1c855c0b718fb2a4b134",
            ),
        ),
        read=partial(read_idx_set, class_names=_KANA),
    ),
    PublicImages(
        name="cifar10", title="CIFAR-10",
        summary="60,000 small photographs of 10 kinds of things, 32x32 colour; the usual test of distillation.",
        source="https://www.cs.toronto.edu/~kriz/cifar.html",
        files=(_one("cifar-10-binary.tar.gz", _TORONTO, "c32a1d4ab5d03f1284b67883e8d87530"),),
        read=lambda folder: read_cifar(
            folder / "cifar-10-binary.tar.gz", train=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
            test=("test_batch.bin",), names="batches.meta.txt", label_bytes=1,
        ),
    ),
    PublicImages(
        name="cifar100", title="CIFAR-100",
        summary="60,000 small photographs of 100 kinds of things, 32x32 colour; 500 training images a class.",
        source="https://www.cs.toronto.edu/~kriz/cifar.html",
        files=(_one("cifar-100-binary.tar.gz", _TORONTO, "03b5dce01913d631647c71ecec9e9cb8"),),
        read=lambda folder: read_cifar(
            folder / "cifar-100-binary.tar.gz", train=("train.bin",), test=("test.bin",),
            names="fine_label_names.txt", label_bytes=2,
        ),
    ),
    PublicImages(
        name="svhn", title="SVHN house numbers",
        summary="99,289 digits cut from photographs of house numbers, 32x32 colour.",
        source="http://ufldl.stanford.edu/housenumbers/",
        files=(
            _one("train_32x32.mat", _HOUSES, "e26dedcc434d2e4c54c9b2d4a06d8373"),
            _one("test_32x32.mat", _HOUSES, "eb5a983be6a315427106f1b164d9cef3"),
        ),
        read=read_svhn,
    ),
)  # fmt: skip
ENTRIES = [public.entry() for public in SETS]
