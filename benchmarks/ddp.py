"""What a second process gains or costs on this machine: a step of one training by one process and by two.

    python -m benchmarks.ddp

The same cohort (a student alone and distilled, batches of 128 digits) is trained by one process with one thread, by one
with two threads, and by two processes with one thread each, on the processor by gloo. Rounds are interleaved; the
figure is the median of the rounds. With two GPUs or more it adds one process on one GPU against two on two.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.report import write_result
from distill_core.folders import Home, write_json
from distill_core.jobs.crew import Crew
from distill_core.spec import parse_spec
from distill_core.training.assembly import student_cohort
from distill_core.training.cohort import Surroundings
from distill_core.training.leading import Leader
from distill_core.training.preparation import deep_check

ROUNDS, STEPS = 3, 5
NETWORKS = {
    "small CNN": ("small-cnn", {"width": 16}),
    "ResNet-20, four times as wide": ("cifar-resnet", {"depth": 20, "width": 4}),
}


def seconds_a_step(processes: int, threads: int, network: str, device: str) -> float:
    """In this process, which leads the others if there are any."""
    if device == "cpu":
        # As workers and helpers are, so that both meet whatever else the machine does alike.
        os.nice(10)
    name, params = NETWORKS[network]
    data = {
        "name": "benchmark", "data": {"dataset": {"name": "digits"}}, "device": device, "processes": processes,
        "teacher": {"architecture": {"name": "small-cnn"}, "training": {"batch_size": 128}},
        "students": [{
            "name": "distilled", "architecture": {"name": name, "params": params},
            "terms": [{"loss": {"name": "cross-entropy"}}, {"loss": {"name": "kd"}}],
        }],
        "student_training": {"batch_size": 128, "steps_per_epoch": STEPS, "epochs": 1},
        "student_views": {"fixed_views": 1},
        "seeds": [0],
    }
    with tempfile.TemporaryDirectory() as path:
        folder = Home(Path(path)).experiment("one")
        spec = parse_spec(data)
        folder.path.mkdir(parents=True)
        write_json(folder.spec, spec.to_json())
        checked = deep_check(spec, home=folder.home)
        torch.set_num_threads(threads)
        devices = [device] * processes if device == "cpu" else [f"cuda:{rank}" for rank in range(processes)]
        with Crew(folder, devices, on_hang=lambda lost: os._exit(1)) if processes > 1 else nullcontext() as crew:
            leader: Leader | None = None
            if crew is not None:
                leader = crew.assemble()
                leader.prepare(checked.origin, threads=threads)
            teacher = checked.network(spec.teacher.architecture, seed=0).to(checked.device)
            around = replace(Surroundings.silent(), leader=leader)
            cohort = student_cohort(checked, checked.plan.cohorts[0].runs, teacher, around)
            # Builds the helpers' networks, and allocates.
            cohort.fit()
            for candidate in cohort.candidates:
                candidate.progress.stop = None
            start = time.perf_counter()
            for step in range(STEPS, 3 * STEPS):
                cohort.train_step(step)
            if device != "cpu":
                torch.cuda.synchronize()
            found = (time.perf_counter() - start) / (2 * STEPS)
            if leader is not None:
                leader.dismiss()
        return found


def measured_apart(*arguments: str) -> float:
    """In a process of its own: a process is member of one team."""
    command = [sys.executable, "-m", "benchmarks.ddp", *arguments]
    return float(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))


def main() -> None:
    ways = [("cpu", 1, 1), ("cpu", 1, 2), ("cpu", 2, 1)]
    if torch.cuda.device_count() > 1:
        ways += [("cuda:0", 1, 1), ("cuda:0", 2, 1)]
    rows = []
    for network in NETWORKS:
        times: dict[tuple[str, int, int], list[float]] = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for device, processes, threads in ways:
                seconds = measured_apart(str(processes), str(threads), network, device)
                times[device, processes, threads].append(seconds)
        for device, processes, threads in ways:
            median = statistics.median(times[device, processes, threads])
            one = statistics.median(times[device, 1, 1])
            rows.append({
                "network": network, "device": device.partition(":")[0], "processes": processes,
                "threads of each": threads, "ms a step": round(median * 1000, 1),
                "times one process": f"{median / one:.2f}",
            })
    write_result("ddp", __doc__ or "", rows)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(seconds_a_step(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])))
    else:
        main()
