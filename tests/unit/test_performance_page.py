"""The performance page says of each target what was found, reached or missed, and what was not measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import report
from benchmarks.performance import TABLES, evenly, parse
from benchmarks.race import difference, ratios, students_of
from docs.performance import CLAIMS, SECTIONS, performance_markdown


def race_row(
    rival: str, times: float | str, *, case: str, gap: str = "", half: float | str = ""
) -> dict[str, Any]:
    return {
        "case": case, "rival": rival, "seconds": 1.0, "times ours": times, "times ours in bfloat16": half,
        "ours more accurate by": gap,
    }


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    return tmp_path


def line_about(page: str, words: str) -> str:
    return next(line for line in page.splitlines() if words in line)


def test_targets_are_reached_missed_or_not_measured(results: Path) -> None:
    case = "25 cells x 5 seeds"
    report.write_result(
        "performance_digits_map", "A map.",
        [race_row("tutorial script", 9.96, case=case, gap="+0.80 (+0.60 to +1.00)")],
        settings={"command": "python -m benchmarks.performance digits_map"},
    )
    report.write_result(
        "performance_cifar", "CIFAR.",
        [
            race_row("tutorial script", 2.04, case="1 student", half=4.08),
            race_row("lean loop", 0.96, case="1 student"), race_row("torchdistill", "", case="1 student"),
        ],
    )
    report.write_result("performance_product", "Whole.", [{"what": "launch to verdicts", "seconds": 240.5}])
    ticks = [
        {"case": "a tick", "bytes sent": 906, "must be": "small"},
        {"case": "late", "bytes sent": 61_000, "must be": ""},
    ]
    report.write_result("live_tick", "Ticks.", ticks)
    page = performance_markdown(results)
    assert "| at most 906 bytes | reached |" in line_about(page, "live tick")
    assert "| 9.96 times faster | **missed** |" in line_about(page, "25 cells with 5 seeds, training alone")
    assert "**missed**" in line_about(page, "same students' test accuracy")
    assert "| 2.04 times faster | reached |" in line_about(page, "in 32 bits, as the rivals compute, against")
    assert "| 4.08 times faster | reached |" in line_about(page, "in the precision of the preset `cifar10-resnet20`")
    assert "not measured" in line_about(page, "in 32 bits, against torchdistill")
    assert "| 1.04 times | reached |" in line_about(page, "CIFAR-10, against the lean loop")
    assert "| 240.5 s | **missed** |" in line_about(page, "launch to verdicts with ONNX")
    assert "not measured" in line_about(page, "digits, against the lean loop (fixed")
    assert "- command: python -m benchmarks.performance digits_map" in page
    assert page.count("Measured ") == 4 and "## CIFAR-10" in page and "## The lens" not in page


@pytest.mark.parametrize(("gap", "verdict"), [
    ("+0.10 (-0.20 to +0.40)", "reached"), ("-0.30 (-0.40 to -0.20)", "reached"), ("-0.60 (-0.70 to -0.50)", "missed"),
    ("-0.36 (-11.60 to +10.88)", "too wide to tell | **missed"),
])  # fmt: skip
def test_accuracies_agree_within_noise_or_half_a_point(results: Path, gap: str, verdict: str) -> None:
    row = race_row("tutorial script", 12.0, case="25 cells x 5 seeds", gap=gap)
    report.write_result("performance_digits_map", "A map.", [row])
    assert verdict in line_about(performance_markdown(results), "same students' test accuracy")


def test_a_result_of_another_run_than_its_table_is_noticed(results: Path) -> None:
    report.write_result("performance_product", "Whole.", [{"what": "launch to verdicts", "seconds": 10.0}])
    file = results / "performance_product.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"date": "2020-01-01"}))
    with pytest.raises(ValueError, match="different runs"):
        performance_markdown(results)


def test_every_table_of_the_command_has_a_place_on_the_page() -> None:
    assert {f"performance_{name}" for name in TABLES} <= {section.result for section in SECTIONS}
    assert {claim.result for claim in CLAIMS} <= {section.result for section in SECTIONS}


def test_differences_and_ratios_are_of_the_same_students_and_rounds() -> None:
    def outcome(**accuracies: float) -> list[dict[str, Any]]:
        return [{"students": [{"variant": name, "seed": 0, "accuracy": value} for name, value in accuracies.items()]}]

    ours, theirs = outcome(a=0.90, b=0.92, c=0.5), outcome(a=0.89, b=0.90)
    # Variants of one seed err together: they are no reason for an interval.
    assert difference(ours, theirs) == "+1.50"
    second = [{"students": [{"variant": "a", "seed": 1, "accuracy": value}]} for value in (0.9, 0.875)]
    assert difference([*ours, second[0]], [*theirs, second[1]]) == "+2.00 (-4.35 to +8.35)"
    assert difference(ours, outcome(z=0.1)) == ""
    assert difference(ours, outcome(a=0.80)) == "+10.00"
    assert len(students_of(ours + theirs)) == 3
    assert ratios([2.0, 4.0], [6.0, 4.0, 9.0]) == [3.0, 1.0]


def test_the_command_names_its_tables_and_refuses_others(capsys: pytest.CaptureFixture[str]) -> None:
    tables, options = parse(["cifar", "--images", "500", "--rivals", "lab", "lean"])
    assert (tables, options.images, options.rivals) == (["cifar"], 500, ("lab", "lean"))
    assert parse([])[0] == list(TABLES)
    with pytest.raises(SystemExit):
        parse(["nonsense"])
    assert "no table 'nonsense'" in capsys.readouterr().err


def test_a_sample_is_spread_over_all() -> None:
    names = [str(number) for number in range(26)]
    assert evenly(names, 26) == tuple(names) == evenly(names, 99)
    assert evenly(names, 2) == ("0", "13")
