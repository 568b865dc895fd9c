"""What the n-th variant of a cohort costs, beside the first: students of one network on the digits, 1 to 64 at once.

    python -m benchmarks.cohort_cost [ROUNDS]

A cohort of n distilled students (other temperatures and shares of the teacher) trains an epoch or more of the default
preset's transfer set: batches, the teacher's kept answers, losses, gradients, optimiser, validation. Rounds are
interleaved and the median of processor seconds is taken, on one thread. "a variant, % of the first" is what each of
the variants since the row before adds. Must be: up to the 16th at most half of the first, for small students.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# Before torch.
import benchmarks.passive_threads  # noqa: F401 isort: skip
import torch

from benchmarks.cases import distilled
from benchmarks.report import write_result
from distill_core.folders import Home
from distill_core.presets import find_preset
from distill_core.spec import Choice
from distill_core.training.assembly import student_cohort
from distill_core.training.cohort import Surroundings
from distill_core.training.preparation import Checked, deep_check

COUNTS = (1, 2, 4, 8, 16, 32, 64)
NETWORKS = {
    "tiny CNN, 1,898 parameters": Choice(name="tiny-cnn"),
    "MLP, 2,410 parameters": Choice(name="mlp"),
    "small CNN, 25,978 parameters": Choice(name="small-cnn"),
}
SMALL = frozenset(list(NETWORKS)[:2])
STEPS, ROUNDS = 60, 5


def cohorts(folder: Path, architecture: Choice) -> dict[int, Checked]:
    """The experiment of each count of variants."""
    preset = find_preset("digits").spec
    found = {}
    for count in COUNTS:
        students = tuple(
            distilled(f"variant {number}", architecture, temperature=1.0 + number % 8, share=(1 + number // 8) / 9)
            for number in range(count)
        )
        training = preset.student_training.model_copy(update={"epochs": 1, "steps_per_epoch": STEPS})
        spec = preset.model_copy(
            update={"students": students, "student_training": training, "seeds": (0,), "device": "cpu"}
        )
        found[count] = deep_check(spec, home=Home(folder))
    return found


def seconds_of(checked: Checked, teacher: torch.nn.Module) -> float:
    """Processor seconds of one cohort's training, without the student alone."""
    runs = [run for run in checked.plan.cohorts[0].runs if run.needs_teacher]
    cohort = student_cohort(checked, runs, teacher, Surroundings.silent())
    start = time.process_time()
    cohort.fit()
    return time.process_time() - start


def rows_of(title: str, spent: dict[int, float]) -> list[dict[str, Any]]:
    rows, before = [], 0
    first = spent[COUNTS[0]]
    for count in COUNTS:
        added = (spent[count] - (spent[before] if before else 0)) / (count - before)
        rows.append({
            "network": title, "variants": count, "CPU ms a step": round(1000 * spent[count] / STEPS, 2),
            "a variant, % of the first": round(100 * added / first, 1),
            "must be": "at most 50 %" if title in SMALL and count == 16 else "",
        })
        before = count
    return rows


def main(rounds: int) -> None:
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for title, architecture in NETWORKS.items():
            checked = cohorts(Path(folder), architecture)
            teacher = checked[1].network_of(checked[1].plan.teacher)
            seconds_of(checked[COUNTS[-1]], teacher)
            found: dict[int, list[float]] = {count: [] for count in COUNTS}
            for _ in range(rounds):
                for count in COUNTS:
                    found[count].append(seconds_of(checked[count], teacher))
            rows += rows_of(title, {count: statistics.median(times) for count, times in found.items()})
            print(rows[-len(COUNTS):], flush=True)
    write_result("cohort_cost", __doc__ or "", rows, settings={"rounds": rounds, "steps": STEPS, "threads of torch": 1})


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
