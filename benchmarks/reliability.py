"""Runs the fast half of the fault cases again and again, and writes what came of it to docs/reliability.md.

    python -m benchmarks.reliability [--repeats 20] [--date 2026-01-31] [--only WORD] [--jobs 2] [--all]

Every case kills, stops or starves real processes and then asks of everything that is left: no acknowledged number lost,
exactly one end each, no process, no zombie, no lock left behind. A case that fails once is a loss; the command then
ends with 1, after it has written the page all the same.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from distill_core.deployment.machine import machine_name

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reliability.md"
PACKAGES = ("torch", "streamlit", "SQLAlchemy", "onnxruntime")
FAST, ALL = "faults and not slow and not e2e and not gpu and not ray", "faults and not gpu and not ray"
INTRODUCTION = """# Reliability

What happens when things break is tested by breaking them: `tests/faults` kills, stops and starves real dispatchers,
workers, servers and disks. After a fault one check (`tests/faults/settling.py`) asks of all that is left: every number
that somebody was shown is still there, and all that workers told is in the index and in the result files; every
experiment has exactly one end, the same in journal and index; no process, no zombie and no held lock is left.

The fast half runs with the other tests (`python -m pytest`), the browser's cases with `python -m pytest -m e2e`, and
all of them with `python -m pytest -m faults`. This page is written by `python -m benchmarks.reliability`.
"""


@dataclass
class Case:
    """One test in all repeats."""

    passed: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)
    longest_seconds: float = 0.0


def repeat(cases: dict[tuple[str, str], Case], *, marks: str, only: str, jobs: int) -> float:
    """Run the cases once, in a process of their own; returns the seconds it took."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [
            sys.executable, "-m", "pytest", "tests/faults", "-q", "-n", str(jobs), "--dist", "worksteal", "-m", marks,
            f"--junitxml={report}", f"--basetemp={folder}/tests", *(["-k", only] if only else []),
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if not report.exists():
            raise SystemExit(done.stdout + done.stderr)
        for test in ElementTree.parse(report).iter("testcase"):
            family = test.get("classname", "").rpartition(".")[2].removeprefix("test_").replace("_", " ")
            case = cases[family, test.get("name", "")]
            troubles = [*test.findall("failure"), *test.findall("error")]
            if troubles:
                case.failures.append((troubles[0].get("message") or "").splitlines()[0][:200])
            elif test.find("skipped") is not None:
                case.skipped += 1
            else:
                case.passed += 1
            case.longest_seconds = max(case.longest_seconds, float(test.get("time", "0")))
    return time.perf_counter() - begun


def page(cases: dict[tuple[str, str], Case], *, repeats: int, seconds: list[float], date: str) -> str:
    """The whole page, as Markdown."""
    families: dict[str, list[Case]] = defaultdict(list)
    for (family, _), case in cases.items():
        families[family].append(case)
    losses = sum(len(case.failures) for case in cases.values())
    runs = sum(case.passed + len(case.failures) for case in cases.values())
    lines = [
        INTRODUCTION, "## Figures", "",
        f"**{len(cases)} cases, {repeats} repeats in a row, {runs:,} runs, {losses} losses.**", "",
        "| family | cases | runs | losses | skipped | slowest case |", "| --- | --- | --- | --- | --- | --- |",
    ]
    for family, found in sorted(families.items()):
        lines.append(
            f"| {family} | {len(found)} | {sum(case.passed + len(case.failures) for case in found)} | "
            f"{sum(len(case.failures) for case in found)} | {sum(case.skipped for case in found)} | "
            f"{max(case.longest_seconds for case in found):.1f} s |"
        )
    if losses:
        lines += ["", "What was lost:", ""]
        lines += [
            f"- {family}, `{name}`: {len(case.failures)} of {repeats}: {case.failures[0]}"
            for (family, name), case in cases.items() if case.failures
        ]
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    one, five, fifteen = os.getloadavg()
    return "\n".join(lines) + (
        f"\n\nOne repeat took {min(seconds):.0f} to {max(seconds):.0f} s, with other work on the machine (load "
        f"{one:.1f}, {five:.1f}, {fifteen:.1f} at the end).\nMeasured {date}, {machine_name()}, Python "
        f"{sys.version.split()[0]}, {versions}.\n"
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--date", default=time.strftime("%Y-%m-%d"), help="What the page gives as its day.")
    parser.add_argument("--only", default="", help="As pytest's -k; the page is then printed, not written.")
    parser.add_argument("--jobs", type=int, default=2, help="Cases at a time, as the other tests run; 0: no helpers.")
    parser.add_argument("--all", action="store_true", help="The long half and the browser's cases too.")
    chosen = parser.parse_args(arguments)
    cases: dict[tuple[str, str], Case] = defaultdict(Case)
    seconds = []
    for number in range(chosen.repeats):
        seconds.append(repeat(cases, marks=ALL if chosen.all else FAST, only=chosen.only, jobs=chosen.jobs))
        losses = sum(len(case.failures) for case in cases.values())
        print(f"repeat {number + 1}: {seconds[-1]:.0f} s, {len(cases)} cases, {losses} losses so far", flush=True)
        # Whoever interrupts this keeps what was found out.
        text = page(cases, repeats=number + 1, seconds=seconds, date=chosen.date)
        if not chosen.only:
            PAGE.write_text(text, encoding="utf-8")
    print(text)
    return int(losses > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
