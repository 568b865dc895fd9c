"""Reads the published files of MNIST, CIFAR and SVHN into arrays; unpickles nothing."""

from __future__ import annotations

import gzip
import struct
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from distill_core.errors import DataError

_IDX_UINT8 = 0x08
_CIFAR_SHAPE = (3, 32, 32)
_CIFAR_BYTES = 3 * 32 * 32
_LONGEST_MEMBER_BYTES = 256 * 2**20


@dataclass(frozen=True)
class PublishedArrays:
    """Inputs uint8 [N,C,H,W] and labels int64 [N] of both splits, and the classes' names."""

    train_inputs: np.ndarray
    train_labels: np.ndarray
    test_inputs: np.ndarray
    test_labels: np.ndarray
    class_names: tuple[str, ...]


def read_idx_set(folder: Path, class_names: tuple[str, ...]) -> PublishedArrays:
    """Four gzipped IDX files as MNIST has them (http://yann.lecun.com/exdb/mnist/); raises DataError."""
    arrays = {
        (split, part): read_idx(folder / f"{split}-{part}-idx{dimensions}-ubyte.gz")
        for split in ("train", "t10k")
        for part, dimensions in (("images", 3), ("labels", 1))
    }
    return PublishedArrays(
        arrays["train", "images"][:, None], arrays["train", "labels"].astype(np.int64),
        arrays["t10k", "images"][:, None], arrays["t10k", "labels"].astype(np.int64), class_names,
    )


def read_idx(path: Path) -> np.ndarray:
    """A gzipped IDX file of bytes: zero, zero, type, dimensions, their big-endian sizes, values."""
    try:
        with gzip.open(path, "rb") as file:
            zeros, kind, dimensions = struct.unpack(">HBB", file.read(4))
            if zeros or kind != _IDX_UINT8 or not 1 <= dimensions <= 4:
                raise _damaged(path)
            shape = struct.unpack(f">{dimensions}I", file.read(4 * dimensions))
            content = file.read(int(np.prod(shape, dtype=np.int64)) + 1)
    except (OSError, EOFError, struct.error, zlib.error) as error:
        raise _damaged(path) from error
    if len(content) != np.prod(shape, dtype=np.int64):
        raise _damaged(path)
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def read_cifar(
    path: Path, *, train: tuple[str, ...], test: tuple[str, ...], names: str, label_bytes: int
) -> PublishedArrays:
    """A CIFAR archive in its binary version (https://www.cs.toronto.edu/~kriz/cifar.html); raises DataError.

    Each record is `label_bytes` labels, the last of which counts, then 3 planes of 32 x 32. `train`, `test` and `names`
    are file names inside the archive, whatever their folder.
    """
    wanted = {*train, *test, names}
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = member.name.rsplit("/", 1)[-1]
                if name in wanted and member.isreg() and member.size <= _LONGEST_MEMBER_BYTES:
                    content = archive.extractfile(member)
                    assert content is not None, "a regular file has content"
                    found[name] = content.read()
        class_names = tuple(line for line in found[names].decode("ascii").splitlines() if line)
        train_inputs, train_labels = _records([found[name] for name in train], label_bytes)
        test_inputs, test_labels = _records([found[name] for name in test], label_bytes)
    except (tarfile.TarError, OSError, EOFError, KeyError, ValueError, zlib.error) as error:
        raise _damaged(path) from error
    return PublishedArrays(train_inputs, train_labels, test_inputs, test_labels, class_names)


def _records(parts: list[bytes], label_bytes: int) -> tuple[np.ndarray, np.ndarray]:
    records = np.concatenate([np.frombuffer(part, np.uint8).reshape(-1, label_bytes + _CIFAR_BYTES) for part in parts])
    inputs = np.ascontiguousarray(records[:, label_bytes:]).reshape(-1, *_CIFAR_SHAPE)
    return inputs, records[:, label_bytes - 1].astype(np.int64)


def read_svhn(folder: Path) -> PublishedArrays:
    """The cropped digits (http://ufldl.stanford.edu/housenumbers/) from MATLAB files; raises DataError.

    There X is uint8 [32,32,3,N] and the digit 0 has label 10; here it has label 0.
    """
    train_inputs, train_labels = _svhn_split(folder / "train_32x32.mat")
    test_inputs, test_labels = _svhn_split(folder / "test_32x32.mat")
    names = tuple(str(digit) for digit in range(10))
    return PublishedArrays(train_inputs, train_labels, test_inputs, test_labels, names)


def _svhn_split(path: Path) -> tuple[np.ndarray, np.ndarray]:
    # Here, for it takes a while to load and only this data set needs it.
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        content = loadmat(path, variable_names=["X", "y"])
        inputs, labels = content["X"], content["y"].reshape(-1).astype(np.int64)
    except (MatReadError, OSError, KeyError, ValueError, TypeError, NotImplementedError, zlib.error) as error:
        raise _damaged(path) from error
    if inputs.dtype != np.uint8 or inputs.shape != (32, 32, 3, len(labels)):
        raise _damaged(path)
    return np.ascontiguousarray(inputs.transpose(3, 2, 0, 1)), labels % 10


def _damaged(path: Path) -> DataError:
    return DataError(
        f"The file {path} does not hold what its format promises; allowed: the published file. "
        "Remove it, so that it is fetched anew."
    )
