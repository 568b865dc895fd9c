"""One contest: a work that rivals train in turn, and the rows that tell how it went."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cases import prepared, warm_up, write_work
from benchmarks.race import LAB, LAB_HALF, RIVALS, Heat, difference, race, ratios, summary
from distill_core.spec import ExperimentSpec
from distill_core.training.timing import choose_threads

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Options:
    """What the command line chose; `threads` None: as many as the product would choose for the work."""

    device: str = "cpu"
    cifar: Path | None = None
    images: int = 10_000
    rounds: int = 5
    threads: int | None = None
    sample: int = 9
    whole: bool = False
    rivals: tuple[str, ...] = RIVALS

    def threads_for(self, spec: ExperimentSpec, folder: Path) -> int:
        if self.threads is not None:
            return self.threads
        return choose_threads(prepared(spec, folder), most=os.cpu_count() or 1, should_stop=lambda: False)


@dataclass(frozen=True)
class Table:
    """Rows of a result, what they are in words, and what was chosen."""

    about: str
    rows: Rows
    settings: dict[str, Any]


def contest(
    case: str, spec: ExperimentSpec, heats: Mapping[str, Heat], options: Options, folder: Path, *, workers: int,
    threads: int, weights: dict[str, Any] | None = None, scale: Callable[[str, dict[str, Any]], float] | None = None,
) -> Rows:
    """Rows of one race; `scale` makes seconds for the whole work of an outcome that is a sample of it."""
    print(f"{case}:", flush=True)
    seeds = sorted({seed for heat in heats.values() for part in heat.seeds for seed in part})
    write_work(spec, folder / "work", workers=workers, weights=weights, seeds=seeds)
    write_work(warm_up(spec), folder / "warm", workers=workers, weights=weights, seeds=seeds)
    logs = folder / "logs"
    logs.mkdir()
    chosen = {name: heat for name, heat in heats.items() if name in (*options.rivals, LAB_HALF)}
    outcomes, missing = race(
        chosen, folder / "work", warm_up=folder / "warm", threads=threads, device=options.device, logs=logs
    )
    whole = scale or (lambda name, outcome: float(outcome["seconds"]))
    seconds = {name: [whole(name, one) for one in found] for name, found in outcomes.items()}
    rows: Rows = []
    for name in chosen:
        if name in missing:
            rows.append({"case": case, "rival": name, "seconds": f"not measured: {missing[name]}"})
            continue
        rows.append({"case": case, **summary(name, outcomes[name], seconds=seconds[name])})
        rows[-1]["teacher seconds"] = round(median(one["teacher_seconds"] for one in outcomes[name]), 2)
        rows[-1]["times ours"] = ""
        rows[-1]["ours more accurate by"] = ""
        for own, column in ((LAB, "times ours"), (LAB_HALF, "times ours in bfloat16")):
            if own in outcomes:
                rows[-1][column] = round(median(ratios(seconds[own], seconds[name])), 3)
        if LAB in outcomes and name != LAB:
            rows[-1]["ours more accurate by"] = difference(outcomes[LAB], outcomes[name])
        if options.device != "cpu":
            rows[-1]["GPU MB"] = round(max(one["device_bytes"] for one in outcomes[name]) / 1e6)
    return _filled(rows)


def _filled(rows: Rows) -> Rows:
    """Every row with every column, for one that was not measured has few."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return [{column: row.get(column, "") for column in columns} for row in rows]
