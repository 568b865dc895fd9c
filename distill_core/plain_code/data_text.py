"""The data sets inside scikit-learn as plain code: stored inputs, labels, how inputs are normalised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from distill_core.signature import Signature


@dataclass(frozen=True)
class DataText:
    """Code that makes `inputs`, `labels` (training) and `test_inputs`, `test_labels`; and what networks must fit."""

    code: str
    """Also defines `normalise(stored)`."""
    imports: str
    signature: Signature


_DIGITS = '''digits = load_digits()
# Grey values 0..16 as bytes; the rows are ordered by writer, and the last 640 are of writers who are only tested.
images = torch.from_numpy(np.round(digits.images * (255 / 16)).astype(np.uint8)).unsqueeze(1)
digit = torch.from_numpy(digits.target.astype(np.int64))
'''
_NORMALISE = '''

def normalise(stored):
    """Bytes, or floats 0..1, to floats of about mean 0 and deviation 1."""
    return ((stored.float() / 255 if stored.dtype == torch.uint8 else stored) - MEAN) / STD'''
_FIGURES = "MEAN, STD = torch.tensor(0.3053), torch.tensor(0.3760)\n"


def _digits(params: Mapping[str, Any]) -> DataText:
    code = _DIGITS + (
        "inputs, labels, test_inputs, test_labels = images[:1157], digit[:1157], images[1157:], digit[1157:]\n"
    ) + _FIGURES + _NORMALISE
    signature = Signature(kind="image", shape=(1, 8, 8), outputs=10, task="classification")
    return DataText(code, "from sklearn.datasets import load_digits", signature)


def _rows(params: Mapping[str, Any]) -> DataText:
    code = _DIGITS + (
        "images = images.squeeze(1)  # a sequence: 8 rows are 8 steps of 8 features\n"
        "inputs, labels, test_inputs, test_labels = images[:1157], digit[:1157], images[1157:], digit[1157:]\n"
    ) + _FIGURES + _NORMALISE
    signature = Signature(kind="sequence", shape=(8, 8), outputs=10, task="classification")
    return DataText(code, "from sklearn.datasets import load_digits", signature)


def _tagging(params: Mapping[str, Any]) -> DataText:
    count = int(params["digits_per_sequence"])
    code = _DIGITS + f'''

def stacked(images, digit, count={count}):
    """Digits in a fixed random order, `count` below each other: each row is a step, labelled with its digit."""
    order = torch.from_numpy(np.random.RandomState(0).permutation(len(images)))
    groups = len(images) // count
    used = order[: groups * count]
    return images[used].reshape(groups, count * 8, 8), digit[used].repeat_interleave(8).reshape(groups, count * 8)


inputs, labels = stacked(images[:1157], digit[:1157])
test_inputs, test_labels = stacked(images[1157:], digit[1157:])
''' + _FIGURES + _NORMALISE
    signature = Signature(kind="sequence", shape=(8 * count, 8), outputs=10, task="tagging")
    return DataText(code, "from sklearn.datasets import load_digits", signature)


def _diabetes(params: Mapping[str, Any]) -> DataText:
    code = '''patients = load_diabetes(scaled=False)
order = np.random.RandomState(0).permutation(len(patients.data))
test, train = np.sort(order[:88]), np.sort(order[88:])
features, values = patients.data, patients.target
# Standardised by the training rows; the error is in units of their variance.
scaled = ((values - values[train].mean()) / values[train].std()).astype(np.float32)
measured = torch.from_numpy(features.astype(np.float32))
target = torch.from_numpy(scaled).unsqueeze(1)
inputs, labels, test_inputs, test_labels = measured[train], target[train], measured[test], target[test]
MEAN = torch.tensor(features[train].mean(0).tolist())
STD = torch.tensor(features[train].std(0).tolist())


def normalise(stored):
    """Measurements in their own units to mean 0 and deviation 1."""
    return (stored - MEAN) / STD'''
    signature = Signature(kind="table", shape=(10,), outputs=1, task="regression")
    return DataText(code, "from sklearn.datasets import load_diabetes", signature)


DATA: dict[str, Callable[[Mapping[str, Any]], DataText]] = {
    "digits": _digits, "digits-rows": _rows, "digits-tagging": _tagging, "diabetes": _diabetes,
}
