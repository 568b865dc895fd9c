"""A latency report is read as it was written; anything else is one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from distill_core.deployment.latency_report import LARGEST_BYTES, ReportProblem, parse_report
from distill_core.deployment.timing import figures_of
from tests.latency_samples import report_bytes, report_of, write_graph


@pytest.fixture
def told(tmp_path: Path) -> dict[str, Any]:
    return report_of([write_graph(tmp_path / "model.onnx", hidden=4)], batches=(1, 8))


def test_a_report_comes_back_as_it_was_written(told: dict[str, Any]) -> None:
    read = parse_report(report_bytes(told))
    assert read.model_dump(mode="json") == told
    assert read.cells[1].samples_per_second == pytest.approx(8 * 1000 / read.cells[1].p50_ms)


def test_figures_are_those_of_the_single_times() -> None:
    figures = figures_of([0.001 * number for number in range(1, 102)], batch=4)
    assert (figures["p50_ms"], figures["p95_ms"], figures["p99_ms"]) == pytest.approx((51, 96, 100))
    assert figures["samples_per_second"] == pytest.approx(4000 / 51)
    assert figures["samples_ms"][:2] == [1.0, 2.0]


def changed(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Puts a value at a dotted path; numbers are places in lists."""

    def change(told: dict[str, Any]) -> None:
        *way, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
        here: Any = told
        for part in way:
            here = here[part]
        here[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (changed("cells.0.p50_ms", 0.5), "figures that fit the single times"),
        (changed("cells.0.samples_per_second", 1e9), "figures that fit the single times"),
        (changed("cells.0.samples_ms", [1.0] * 19), "at least 20 items"),
        (changed("cells.0.samples_ms", [1.0] * 10_001), "at most 10000 items"),
        (changed("cells.0.samples_ms.3", float("nan")), "cells.0.samples_ms.3"),
        (changed("cells.0.samples_ms.3", float("inf")), "cells.0.samples_ms.3"),
        (changed("cells.0.samples_ms.3", -1.0), "greater than 0"),
        (changed("cells.0.batch", "1"), "valid integer"),
        (changed("cells.0.batch", 0), "cells.0.batch"),
        (changed("cells.0.model", "0" * 64), "cells of the models that it lists"),
        (changed("cells.0.model", "../../lab"), "cells.0.model"),
        (changed("machine", "m" * 201), "machine"),
        (changed("machine", ""), "machine"),
        (changed("version", 2), "version"),
        (changed("extra", 1), "extra"),
        (changed("cells", []), "cells"),
        (changed("versions", {"a": "b" * 101}), "versions"),
    ],
)
def test_what_is_not_right_is_one_sentence(
    told: dict[str, Any], change: Callable[[dict[str, Any]], None], sentence: str
) -> None:
    change(told)
    with pytest.raises(ReportProblem) as caught:
        parse_report(report_bytes(told))
    assert sentence in str(caught.value) and str(caught.value).endswith("as measure.py wrote it.")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\x89PNG\r\n", b'{"format": "other"}', b"null"])
def test_another_file_is_told_what_to_choose(content: bytes) -> None:
    with pytest.raises(ReportProblem, match="no latency report; allowed: the JSON file that a bundle's measure"):
        parse_report(content)


def test_half_a_file_and_too_large_a_file_are_refused(told: dict[str, Any]) -> None:
    with pytest.raises(ReportProblem, match="not right"):
        parse_report(report_bytes(told)[:-20])
    with pytest.raises(ReportProblem, match="has 8 MB; allowed: up to 8 MB"):
        parse_report(json.dumps(told).encode() + b" " * LARGEST_BYTES)
