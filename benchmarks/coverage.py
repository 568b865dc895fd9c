"""How often a 95% interval holds the truth, and how often it speaks of help where there is none.

    python -m benchmarks.coverage

Experiments are drawn whose true gain is known, a few paired seeds each, and judged by the very functions that judge
real ones. Must be: the t interval holds the true gain in 93 to 97 of 100 experiments of 5 seeds. The bootstrap of so
few values is told beside it. The table goes into docs/statistics.md too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import RESULTS, write_result
from distill_core.evaluation.bootstrap import bootstrap_interval
from distill_core.evaluation.verdict import paired_verdict

STATISTICS = Path(__file__).parent.parent / "docs" / "statistics.md"
BEGIN, END = "<!-- coverage: written by python -m benchmarks.coverage -->", "<!-- end of coverage -->"
EXPERIMENTS, BOOTSTRAPPED = 20_000, 4_000
SEEDS = (3, 5, 10)
TEST_SAMPLES = 640

Pairs = tuple[NDArray[np.float64], NDArray[np.float64]]
Draw = Callable[[np.random.Generator, int, float], Pairs]


def bell(draw: np.random.Generator, seeds: int, gain: float) -> Pairs:
    """Accuracies whose paired differences are normal."""
    return 0.9 + gain + draw.normal(0, 0.01, seeds), 0.9 + draw.normal(0, 0.01, seeds)


def counts(draw: np.random.Generator, seeds: int, gain: float) -> Pairs:
    """Right answers among 640, each network with a true accuracy of its own: what a small test set really gives."""
    student, baseline = bell(draw, seeds, gain)
    return tuple(draw.binomial(TEST_SAMPLES, np.clip(one, 0, 1)) / TEST_SAMPLES for one in (student, baseline))  # type: ignore[return-value]


def skewed(draw: np.random.Generator, seeds: int, gain: float) -> Pairs:
    """Now and then a seed of the student fails badly: its loss is exponential, which no interval of few seeds likes."""
    return 0.9 + gain + 0.02 - draw.exponential(0.02, seeds), 0.9 + draw.normal(0, 0.01, seeds)


CASES: dict[str, Draw] = {"normal": bell, "640 samples": counts, "skewed": skewed}


def coverage(
    draw_pairs: Draw, *, seeds: int, gain: float, experiments: int, seed: int = 0
) -> tuple[float, float]:
    """The share of experiments whose t interval holds the true gain, and of those judged `helped`."""
    draw, held, helped = np.random.default_rng(seed), 0, 0
    for _ in range(experiments):
        student, baseline = (dict(enumerate(one.tolist())) for one in draw_pairs(draw, seeds, gain))
        found = paired_verdict(student, baseline, student_name="distilled", baseline_name="alone")
        assert found.ci_low is not None and found.ci_high is not None
        held += found.ci_low <= gain <= found.ci_high
        helped += found.verdict == "helped"
    return held / experiments, helped / experiments


def bootstrap_coverage(
    draw_pairs: Draw, *, seeds: int, gain: float, experiments: int, seed: int = 0
) -> dict[str, float]:
    """The share of experiments whose bootstrap interval holds the true gain, by method."""
    draw, held = np.random.default_rng(seed), {"percentile": 0, "bca": 0}
    for number in range(experiments):
        student, baseline = draw_pairs(draw, seeds, gain)
        for method in held:
            found = bootstrap_interval(
                (student - baseline).tolist(), method=method, resamples=999, seed=number,  # type: ignore[arg-type]
            )
            assert found is not None
            held[method] += found[0] <= gain <= found[1]
    return {method: number / experiments for method, number in held.items()}


def measure() -> list[dict[str, Any]]:
    rows = []
    for name, draw_pairs in CASES.items():
        for seeds in SEEDS:
            t, _ = coverage(draw_pairs, seeds=seeds, gain=0.01, experiments=EXPERIMENTS)
            _, helped = coverage(draw_pairs, seeds=seeds, gain=0.0, experiments=EXPERIMENTS, seed=1)
            boot = bootstrap_coverage(draw_pairs, seeds=seeds, gain=0.01, experiments=BOOTSTRAPPED)
            rows.append({
                "differences": name, "seeds": seeds, "t interval": f"{t:.1%}",
                "percentile bootstrap": f"{boot['percentile']:.1%}", "BCa bootstrap": f"{boot['bca']:.1%}",
                "“helped” without any gain": f"{helped:.1%}",
            })
            print(rows[-1], flush=True)
    return rows


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as Markdown, between the marks of docs/statistics.md."""
    columns = list(rows[0])
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    lines += [f"| {' | '.join(str(row[column]) for column in columns)} |" for row in rows]
    return "\n".join([BEGIN, *lines, END])


def in_page(text: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """The page with the table in its place. Raises ValueError where its marks are gone."""
    start, end = text.index(BEGIN), text.index(END) + len(END)
    return text[:start] + table(rows) + text[end:]


def saved_rows() -> list[dict[str, Any]]:
    """What was measured last."""
    rows: list[dict[str, Any]] = json.loads((RESULTS / "coverage.json").read_text(encoding="utf-8"))["rows"]
    return rows


def main() -> None:
    rows = measure()
    deviation = math.sqrt(0.95 * 0.05 / EXPERIMENTS)
    about = (__doc__ or "") + (
        f"\nHere: {EXPERIMENTS:,} experiments a row for the t interval (a standard deviation of {deviation:.2%}), "
        f"{BOOTSTRAPPED:,} for the bootstraps. The last column should be 2.5%."
    )
    write_result("coverage", about, rows)
    STATISTICS.write_text(in_page(STATISTICS.read_text(encoding="utf-8"), rows), encoding="utf-8")


if __name__ == "__main__":
    main()
