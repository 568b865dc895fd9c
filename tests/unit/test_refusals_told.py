"""What networks, losses and their parameters refuse is told in Chinese, although they refuse in English."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import torch

from distill_core.catalog import Catalogue
from distill_core.errors import Problem, SpecError
from distill_core.language import speaking, told
from distill_core.losses.term import TapShapes
from distill_core.pipeline import installed_catalogue
from distill_core.signature import Signature
from distill_core.training.problems import _sentence

ODD: tuple[Signature, ...] = (
    Signature(kind="image", shape=(3, 2, 2), outputs=3),
    Signature(kind="image", shape=(3, 30, 30), outputs=3),
    Signature(kind="image", shape=(1, 8, 8), outputs=3, task="tagging"),
    Signature(kind="sequence", shape=(8, 4), outputs=3),
    Signature(kind="text", shape=(8,), outputs=3),
    Signature(kind="table", shape=(4,), outputs=1, task="regression"),
)
SHAPES = (None, TapShapes((), (4,)), TapShapes((4, 2, 2), (4,)), TapShapes((4,), (8,)), TapShapes((8, 4), (1, 1, 1)),
          TapShapes((4, 1, 1), (4, 1, 1)), TapShapes((2, 2, 2, 2), (2, 2, 2, 2)))
# Networks of one kind in the same words; names of kinds of networks and libraries stay as they are.
_NAMES = re.compile(r"“[^”]*”|'[^']*'|\b(Vision Transformer|Wide ResNet|CIFAR \w+|[\w-]+\.[\w.-]+)\b|\d x \d")
_ENGLISH = re.compile(r"[A-Za-z]{2,}(?: [A-Za-z]{2,})+")


@cache
def catalogue() -> Catalogue:
    return installed_catalogue()


def english_in(sentence: str) -> list[str]:
    with speaking("zh"):
        said = told(sentence)
    assert re.search(r"[\u4e00-\u9fff]", said), sentence
    return _ENGLISH.findall(_NAMES.sub(" | ", said))


def of_networks() -> Iterator[str]:
    for entry in catalogue().architectures:
        wrong: list[dict[str, Any]] = [{}]
        if entry.name == "text-transformer":
            wrong.append({"width": 10, "heads": 4})
        if entry.name == "vit":
            wrong.append({"patch": 15})
        for params in wrong:
            for signature in ODD:
                try:
                    # Where nothing is allocated nor drawn: large networks fit as well.
                    with torch.device("meta"):
                        entry.build(entry.resolve(params), signature)
                except ValueError as error:
                    yield _sentence(error)
                except SpecError as error:
                    yield str(error)
                except (RuntimeError, IndexError, ZeroDivisionError):
                    continue


def of_losses() -> Iterator[str]:
    for entry in catalogue().losses:
        for shapes in SHAPES if entry.reads_taps else ():
            try:
                entry.build(entry.resolve({}), shapes)
            except ValueError as error:
                yield _sentence(error)


def test_what_networks_and_losses_refuse_is_told() -> None:
    networks, losses = list(dict.fromkeys(of_networks())), list(dict.fromkeys(of_losses()))
    assert len(networks) >= 20 and len(losses) >= 7, "they still refuse"
    allowed = "an architecture that accepts images of 2x2"
    left = {}
    for sentence in (*networks, *losses):
        problem = Problem("students.0.architecture", "some-network", allowed, sentence)
        if found := english_in(str(problem)):
            left[sentence] = found
    assert left == {}


BAD = (None, "", -1, 0, 1e9, "x" * 400, [], {}, True, math.nan, 2.5, "?")


@pytest.mark.parametrize(
    "kind", ["architectures", "compression", "datasets", "executors", "exporters", "generators", "losses"]
)
def test_what_the_parameters_of_entries_refuse_is_told(kind: str) -> None:
    left: dict[str, list[str]] = {}
    refused = 0
    for entry in getattr(catalogue(), kind):
        for field in entry.params.model_fields:
            for value in BAD:
                try:
                    entry.resolve({field: value})
                except SpecError as error:
                    refused += 1
                    for problem in error.problems:
                        assert "default is ." not in str(problem), "an empty default is told as such"
                        if found := english_in(str(problem)):
                            left[str(problem)] = found
    assert left == {} and (refused or kind in ("executors", "exporters"))
