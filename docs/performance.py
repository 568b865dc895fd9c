"""Writes docs/performance.md from the results of the benchmarks: `python -m docs.performance`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent / "performance.md"
RESULTS = Path(__file__).parent.parent / "benchmarks" / "results"

MEANS_NOTHING, TELLS_NOTHING = 0.5, 3.0
"""Points of accuracy: a difference as small, as in the product's verdicts, and an interval as wide."""

HALF, TIMES_HALF = "Distill Lab in bfloat16", "times ours in bfloat16"

Row = Mapping[str, Any]
Result = Mapping[str, Any]
"""What benchmarks/report.py writes: date, machine, versions, settings and rows."""


@dataclass(frozen=True)
class Found:
    """A figure in words, and whether the target is reached."""

    figure: str
    reached: bool


@dataclass(frozen=True)
class Claim:
    """What must hold, in which result it stands, and how it is read; `read` answers None where a rival is missing."""

    text: str
    target: str
    result: str
    read: Callable[[Result], Found | None]


@dataclass(frozen=True)
class Section:
    """A result that the page shows whole, under a title."""

    title: str
    result: str


def row_of(result: Result, **wanted: str | int) -> Row | None:
    """The first row with these values (an underscore in a name stands for a space)."""
    fields = {name.replace("_", " "): value for name, value in wanted.items()}
    return next((row for row in result["rows"] if all(row.get(name) == value for name, value in fields.items())), None)


def number_of(row: Row | None, column: str) -> float | None:
    value = None if row is None else row.get(column)
    return float(value) if isinstance(value, int | float) else None


def over_lean(case: str) -> Callable[[Result], Found | None]:
    """Our time divided by the lean loop's."""

    def read(result: Result) -> Found | None:
        times = number_of(row_of(result, case=case, rival="lean loop"), "times ours")
        return None if times is None else Found(f"{1 / times:.2f} times", 1 / times <= 1.05)

    return read


def faster_than(
    case: str, rival: str, *, times: float, column: str = "times ours"
) -> Callable[[Result], Found | None]:
    def read(result: Result) -> Found | None:
        found = number_of(row_of(result, case=case, rival=rival), column)
        return None if found is None else Found(f"{found:.2f} times faster", found >= times)

    return read


def same_accuracy(case: str, rival: str) -> Callable[[Result], Found | None]:
    """Whether the interval of the paired differences holds zero, or is all within what means nothing.

    A wide interval holds zero whatever the truth is, and reaches nothing.
    """

    def read(result: Result) -> Found | None:
        row = row_of(result, case=case, rival=rival)
        told = "" if row is None else str(row["ours more accurate by"])
        if "(" not in told:
            return None
        low, high = (float(one) for one in told.split("(")[1].rstrip(")").split(" to "))
        if high - low > TELLS_NOTHING:
            return Found(f"ours {told} points: too wide to tell", False)
        return Found(f"ours {told} points", low <= 0 <= high or max(-low, high) < MEANS_NOTHING)

    return read


def at_most(column: str, most: float, unit: str, **wanted: str | int) -> Callable[[Result], Found | None]:
    def read(result: Result) -> Found | None:
        found = number_of(row_of(result, **wanted), column)
        return None if found is None else Found(f"{found:g} {unit}", found <= most)

    return read


def largest(column: str, most: float, unit: str) -> Callable[[Result], Found | None]:
    """The largest figure of the rows that must keep to a bound."""

    def read(result: Result) -> Found | None:
        found = [number for row in result["rows"] if row.get("must be") and (number := number_of(row, column))]
        return Found(f"at most {max(found):,g} {unit}", max(found) <= most) if found else None

    return read


CLAIMS = (
    Claim("One student on the digits, against the lean loop (fixed views)", "at most 1.05 times its time",
          "performance_digits_one", over_lean("16 fixed views")),
    Claim("One student on the digits, against the lean loop (new views at each step)", "at most 1.05 times its time",
          "performance_digits_one", over_lean("new views at each step")),
    Claim("One student on CIFAR-10, against the lean loop", "at most 1.05 times its time",
          "performance_cifar", over_lean("1 student")),
    Claim("One student on CIFAR-10 with augmentation, in the precision of the preset `cifar10-resnet20` (`auto`: "
          "here bfloat16), against the tutorial script", "at least 2 times faster", "performance_cifar",
          faster_than("1 student", "tutorial script", times=2, column=TIMES_HALF)),
    Claim("The same, against torchdistill", "at least 2 times faster", "performance_cifar",
          faster_than("1 student", "torchdistill", times=2, column=TIMES_HALF)),
    Claim("The same in 32 bits, as the rivals compute, against the tutorial script", "at least 2 times faster",
          "performance_cifar", faster_than("1 student", "tutorial script", times=2)),
    Claim("The same in 32 bits, against torchdistill", "at least 2 times faster",
          "performance_cifar", faster_than("1 student", "torchdistill", times=2)),
    Claim("Test accuracy in bfloat16, against 32 bits", "no difference beyond noise, or under half a point",
          "performance_precision", same_accuracy("5 epochs", HALF)),
    Claim("The digits' 25 cells with 5 seeds, training alone, against the tutorial script", "at least 10 times faster",
          "performance_digits_map", faster_than("25 cells x 5 seeds", "tutorial script", times=10)),
    Claim("The same students' test accuracy, against the tutorial script's",
          "no difference beyond noise, or under half a point",
          "performance_digits_map", same_accuracy("25 cells x 5 seeds", "tutorial script")),
    Claim("The digits' 25 cells with 5 seeds, from launch to verdicts with ONNX and latency", "under 240 s on 2 cores",
          "performance_product", at_most("seconds", 240, "s", what="launch to verdicts")),
    Claim("The 9th to 16th variant of a cohort of small students, each", "at most 50% of the first", "cohort_cost",
          largest("a variant, % of the first", 50, "%")),
    Claim("A sweep's heat map, from the store to the drawn frame, 95 of 100 repaints", "under 1,000 ms", "heat_map",
          at_most("p95 ms", 1000, "ms", cells=25)),
    Claim("Whole reruns of 10 tabs beside a training, 95 of 100", "under 500 ms", "sessions",
          at_most("value", 500, "ms", sessions=10, case="whole rerun, 95th percentile")),
    Claim("The same of 25 tabs", "under 500 ms", "sessions",
          at_most("value", 500, "ms", sessions=25, case="whole rerun, 95th percentile")),
    Claim("A live tick with 25 curves, as sent", "under 60,000 bytes", "live_tick",
          largest("bytes sent", 60_000, "bytes")),
)

SECTIONS = (
    Section("One student on the digits", "performance_digits_one"),
    Section("A map of 25 cells on the digits", "performance_digits_map"),
    Section("The map through the product", "performance_product"),
    Section("CIFAR-10: resnet20 from resnet32", "performance_cifar"),
    Section("What bfloat16 does to accuracy", "performance_precision"),
    Section("What the n-th variant of a cohort costs", "cohort_cost"),
    Section("How cost grows with data and epochs", "performance_growth"),
    Section("On a GPU: one student on the digits", "performance_digits_one_cuda"),
    Section("On a GPU: a map of 25 cells", "performance_digits_map_cuda"),
    Section("On a GPU: CIFAR-10", "performance_cifar_cuda"),
    Section("Live curves of many students", "live_tick"),
    Section("A sweep's heat map", "heat_map"),
    Section("Pages with many students", "pages"),
    Section("Pages in the browser", "web"),
    Section("Many open tabs", "sessions"),
    Section("The list of experiments", "listing"),
    Section("The lens", "lens"),
)

INTRODUCTION = """# Performance

Made from `benchmarks/results` by `python -m docs.performance`; do not edit.
`python -m benchmarks` measures all of it anew.

The rivals do the same work as Distill Lab: the same data, networks with the same initial weights, steps, batches,
augmentation, learning rates, seeds, validation after each epoch and the best epoch kept. Each is a process of its own,
and they train in turn, one at a time, with the same number of threads.

- **Distill Lab**: the cohort of a seed as its worker trains it, without the files that the worker keeps; the product's
  own table has the whole way from launch to verdicts.
- **tutorial script**: plain PyTorch as tutorials have it: a DataLoader with torchvision's transforms, the teacher asked
  at each step, one student at a time ([tutorial.py](../benchmarks/rivals/tutorial.py)).
- **torchdistill**: its boxes, loss and loggers from PyPI, in an environment of its own, on the same torch
  ([torchdistill_run.py](../benchmarks/rivals/torchdistill_run.py)).
- **lean loop**: the floor, a bare loop over tensors that tells and keeps nothing
  ([lean.py](../benchmarks/rivals/lean.py)).

"times ours" is the median over rounds of a rival's seconds divided by ours in the same round; above 1 ours is faster.
"ours more accurate by" is in points of test accuracy over the same students, with the 95% interval of the mean.
"""


def performance_markdown(results: Path = RESULTS) -> str:
    """The whole page: the targets with what was found, then every table with its machine, versions and command."""
    lines = [INTRODUCTION, "## Targets", ""]
    lines += ["| what | target | found | | measured |", "| --- | --- | --- | --- | --- |"]
    for claim in CLAIMS:
        result = _read(results, claim.result)
        found = None if result is None else claim.read(result)
        if result is None or found is None:
            lines.append(f"| {claim.text} | {claim.target} | not measured | | |")
            continue
        verdict = "reached" if found.reached else "**missed**"
        lines.append(f"| {claim.text} | {claim.target} | {found.figure} | {verdict} | {result['date']} |")
    lines.append("")
    for section in SECTIONS:
        result = _read(results, section.result)
        if result is not None:
            lines += [f"## {section.title}", "", *_section(result, results / f"{section.result}.md")]
    return "\n".join(lines).rstrip() + "\n"


def _read(results: Path, name: str) -> Result | None:
    file = results / f"{name}.json"
    if not file.exists():
        return None
    found: Result = json.loads(file.read_text(encoding="utf-8"))
    return found


def _section(result: Result, written: Path) -> list[str]:
    """What a benchmark wrote about itself, from below its title: words, settings, table, machine and versions."""
    text = written.read_text(encoding="utf-8")
    body = text.split("\n", 1)[1].strip().splitlines()
    if f"Measured {result['date']}" not in text:
        raise ValueError(f"{written.name} and its JSON are of different runs; measure again")
    return [*body, ""]


if __name__ == "__main__":
    TARGET.write_text(performance_markdown(), encoding="utf-8")
