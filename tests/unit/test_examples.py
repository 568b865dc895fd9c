"""Which samples are shown, and in which order."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from distill_core.ingestion.decoded import DecodedImages
from distill_core.ingestion.examples import Example, image_examples, keep_examples, kept_examples
from distill_core.signature import NO_LABEL


@pytest.fixture
def decoded(tmp_path: Path) -> DecodedImages:
    """Sorted by class, as files are: three cats, two dogs, one picture without a label."""
    found = DecodedImages(tmp_path)
    found.about.write_text(json.dumps({"class_names": ["cat", "dog"]}))
    np.save(found.labels("train"), np.array([0, 0, 0, 1, 1, NO_LABEL]))
    np.save(found.inputs("train"), np.zeros((6, 3, 4, 4), np.uint8))
    return found


def test_all_classes_take_turns(decoded: DecodedImages) -> None:
    shown = image_examples(decoded, split="train", label=None, offset=0, count=10)
    assert [one.label for one in shown] == ["cat", "dog", "cat", "dog", "cat"]
    assert all(one.png is not None and one.png.startswith(b"\x89PNG") for one in shown)
    later = image_examples(decoded, split="train", label=None, offset=3, count=2)
    assert [one.label for one in later] == ["dog", "cat"]


def test_one_class_or_those_without_a_label(decoded: DecodedImages) -> None:
    def labels(split, label):
        return [one.label for one in image_examples(decoded, split=split, label=label, offset=0, count=10)]

    assert labels("train", "dog") == ["dog", "dog"]
    assert labels("train", "owl") == []
    assert labels("unlabelled", None) == [None]


def test_kept_samples_are_found_by_split_and_by_any_of_their_classes(tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    keep_examples(path, [
        ("train", Example(png=None, text="a", label="1 2"), ["1", "2"]),
        ("train", Example(png=b"picture", text="", label="2"), ["2"]),
        ("test", Example(png=None, text="c", label="2"), ["2"]),
    ])
    assert [one.text for one in kept_examples(path, split="train", label="1", offset=0, count=9)] == ["a"]
    found = kept_examples(path, split="train", label="2", offset=1, count=9)
    assert [one.png for one in found] == [b"picture"]
