"""Runs rivals side by side: each a process of its own, one at a time, round by round in turn, on the same work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

import psutil

from benchmarks.rivals.environment import NotMeasured, torchdistill_python
from benchmarks.rivals.given import ANSWER
from distill_core.evaluation.verdict import t_interval

ROOT = Path(__file__).parent.parent
LAB, TUTORIAL, TORCHDISTILL, LEAN = "lab", "tutorial", "torchdistill", "lean"
RIVALS = (LAB, TUTORIAL, TORCHDISTILL, LEAN)
LAB_HALF = "lab-bfloat16"
"""This project with `precision: bfloat16`; no rival of ours has that, so it is told beside the race."""
TITLES = {
    LAB: "Distill Lab", LAB_HALF: "Distill Lab in bfloat16", TUTORIAL: "tutorial script", TORCHDISTILL: "torchdistill",
    LEAN: "lean loop",
}
_MODULES = {
    LAB: ("lab",), LAB_HALF: ("lab", "bfloat16"), TUTORIAL: ("tutorial",), TORCHDISTILL: ("torchdistill_run",),
    LEAN: ("lean",),
}
_MEMORY_SECONDS = 0.25
Student = tuple[str, int]
"""Variant and seed."""


@dataclass
class Rival:
    """A rival's process; what it says goes to a log."""

    name: str
    process: subprocess.Popen[str]
    log: Path
    outcomes: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, folder: Path, seeds: Sequence[int], variants: Sequence[str]) -> dict[str, Any]:
        """Have it train; adds `loaded_bytes` and `peak_bytes`, the memory of it and its children before and most."""
        assert self.process.stdin is not None
        order = {"folder": str(folder), "seeds": list(seeds), "variants": list(variants)}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        self.answer()
        with _memory_watched(self.process.pid) as memory:
            outcome = self.answer()
        return outcome | {"loaded_bytes": memory[0], "peak_bytes": max(memory)}

    def answer(self) -> dict[str, Any]:
        """Its next answer; raises RuntimeError with the end of its log if there is none."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(ANSWER):
                found: dict[str, Any] = json.loads(line.removeprefix(ANSWER))
                return found
        raise RuntimeError(f"{self.name} ended without an answer: {self.log.read_text(errors='replace')[-800:]}")

    def end(self) -> None:
        if self.process.stdin is not None:
            with suppress(BrokenPipeError):
                self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(name: str, *, threads: int, device: str, logs: Path) -> Rival:
    """Start a rival and wait until it has loaded its libraries. Raises NotMeasured with the reason."""
    python = torchdistill_python() if name == TORCHDISTILL else Path(sys.executable)
    unseen = {"CUDA_VISIBLE_DEVICES": ""} if device == "cpu" else {}
    module, *extra = _MODULES[name]
    # As the product's worker does it, and no script: large tensors in large pages.
    own = {"THP_MEM_ALLOC_ENABLE": "1"} if module == "lab" else {}
    log = logs / f"{name}.log"
    with log.open("ab") as said:
        process = subprocess.Popen(
            [str(python), "-m", f"benchmarks.rivals.{module}", str(threads), *extra], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said,
            # As the product's worker sets them: waiting threads sleep.
            env=os.environ | {
                "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE",
                **unseen, **own,
            },
        )
    rival = Rival(name, process, log)
    try:
        rival.answer()
    except BaseException:
        rival.end()
        raise
    return rival


@dataclass(frozen=True)
class Heat:
    """What one rival is asked for: the seeds of each round that it takes part in, and the variants of all of them."""

    seeds: Sequence[Sequence[int]]
    variants: Sequence[str]


def race(
    heats: Mapping[str, Heat], folder: Path, *, warm_up: Path, threads: int, device: str, logs: Path
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, str]]:
    """Outcomes of each rival by round, and why those that are missing could not be measured.

    Who begins changes from round to round, so that a machine that warms up or slows down favours nobody.
    """
    rivals, missing = {}, {}
    try:
        for name, heat in heats.items():
            try:
                rivals[name] = start(name, threads=threads, device=device, logs=logs)
            except NotMeasured as reason:
                missing[name] = str(reason)
                continue
            rivals[name].ask(warm_up, heat.seeds[0][:1], heat.variants[:1])
            print(f"  {TITLES[name]} is warm", flush=True)
        for number in range(max(len(heat.seeds) for heat in heats.values())):
            names = [name for name in rivals if number < len(heats[name].seeds)]
            place = number % max(len(names), 1)
            for name in names[place:] + names[:place]:
                outcome = rivals[name].ask(folder, heats[name].seeds[number], heats[name].variants)
                rivals[name].outcomes.append(outcome)
                print(f"  round {number + 1}: {TITLES[name]} {outcome['seconds']:.2f} s", flush=True)
    finally:
        for rival in rivals.values():
            rival.end()
    return {name: rival.outcomes for name, rival in rivals.items()}, missing


@contextmanager
def _memory_watched(process_id: int) -> Iterator[list[int]]:
    """Bytes of a process and its descendants while the block runs: shared pages are divided among those who share."""
    watched, found, ended = psutil.Process(process_id), [_memory(psutil.Process(process_id))], threading.Event()

    def watch() -> None:
        while not ended.wait(_MEMORY_SECONDS):
            found.append(_memory(watched))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def _memory(process: psutil.Process) -> int:
    total = 0
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        for one in (process, *process.children(recursive=True)):
            # A data loader's worker may have ended meanwhile.
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                total += one.memory_full_info().pss
    return total


def students_of(outcomes: Sequence[Mapping[str, Any]]) -> dict[Student, dict[str, Any]]:
    """Every trained student by variant and seed; the last where one was trained in several rounds."""
    return {(one["variant"], one["seed"]): one for outcome in outcomes for one in outcome["students"]}


def difference(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> str:
    """Our accuracy minus theirs in points, of the same variants and seeds, with the 95% t interval of the mean.

    The interval is over seeds: variants of one seed share their samples, so that they err together.
    """
    mine, other = students_of(ours), students_of(theirs)
    by_seed: dict[int, list[float]] = {}
    for variant, seed in mine:
        if (found := other.get((variant, seed))) is not None:
            by_seed.setdefault(seed, []).append(100 * (mine[variant, seed]["accuracy"] - found["accuracy"]))
    if not by_seed:
        return ""
    gaps = [fmean(found) for found in by_seed.values()]
    interval = t_interval(gaps)
    told = "" if interval is None else f" ({interval[0]:+.2f} to {interval[1]:+.2f})"
    return f"{fmean(gaps):+.2f}{told}"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """How many times as long as ours theirs took, round by round."""
    return [theirs_seconds / ours_seconds for ours_seconds, theirs_seconds in zip(ours, theirs, strict=False)]


def summary(name: str, outcomes: Sequence[Mapping[str, Any]], *, seconds: Sequence[float]) -> dict[str, Any]:
    """One rival's figures; `seconds` of each round, for they may be scaled."""
    students = list(students_of(outcomes).values())
    found = [100 * one["accuracy"] for one in students]
    return {
        "rival": TITLES[name],
        "seconds": round(median(seconds), 2), "least": round(min(seconds), 2), "rounds": len(seconds),
        "CPU seconds": round(median(outcome["cpu_seconds"] for outcome in outcomes), 2),
        "students": len(students), "steps each": students[0]["steps"],
        "accuracy %": round(fmean(found), 2), "sd": round(stdev(found), 2) if len(found) > 1 else "",
        "memory MB": round(max(outcome["peak_bytes"] for outcome in outcomes) / 1e6),
        "of it loaded MB": round(min(outcome["loaded_bytes"] for outcome in outcomes) / 1e6),
    }
