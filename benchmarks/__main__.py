"""Every benchmark that docs/performance.md tells of, one after the other, and the page anew.

    python -m benchmarks [--cifar FOLDER]

About three hours on two cores, on a machine that does nothing else; where there is a GPU, the races on it too. One that
fails is named at the end and keeps none of the others back. Each can be run by itself: `python -m benchmarks.NAME`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import torch

from benchmarks.race import ROOT

MODULES = (
    "performance", "cohort_cost", "live_tick", "heat_map", "pages", "web", "sessions", "listing", "lens",
)
ON_A_GPU = ("digits_one", "digits_map", "cifar", "--device", "cuda")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--cifar", type=Path, help="image folder with train/ and test/; none: images are drawn")
    folder = parser.parse_args().cifar
    runs: list[tuple[str, ...]] = [(name,) for name in MODULES]
    if torch.cuda.is_available():
        runs.append(("performance", *ON_A_GPU))
    failed = []
    for name, *rest in runs:
        print(f"== {' '.join((name, *rest))}", flush=True)
        extra = ["--cifar", str(folder)] if folder is not None and name == "performance" else []
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *rest, *extra], cwd=ROOT).returncode:
            failed.append(name)
    subprocess.run([sys.executable, "-m", "docs.performance"], cwd=ROOT, check=True)
    if failed:
        print(f"Failed, or missed what it must reach: {', '.join(failed)}.")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
