"""This project against a tutorial script, torchdistill and a lean loop, on the same work.

    python -m benchmarks.performance [TABLE ...] [--cifar FOLDER] [--device cuda] [--rounds N] [--whole]

Tables: digits_one, digits_map, cifar, precision, growth, product; all of them without a name, each into a result file
of its own, so that one can be measured again without the others. Every rival is a process of its own that trains in
turn with the others (benchmarks/race.py); "times ours" is the median over rounds of its seconds divided by ours in the
same round.
Afterwards `python -m docs.performance` writes docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import benchmarks.passive_threads  # noqa: F401
from benchmarks.cases import cifar, cifar_arrays, digits_map, digits_one, gpu_name, prepared, trained_teacher
from benchmarks.contest import Options, Table, contest
from benchmarks.growth import growth
from benchmarks.product import product
from benchmarks.race import LAB, LAB_HALF, LEAN, RIVALS, TORCHDISTILL, TUTORIAL, Heat
from benchmarks.report import write_result
from benchmarks.rivals.environment import TORCHDISTILL as TORCHDISTILL_VERSION
from benchmarks.rivals.environment import NotMeasured
from distill_core.training.precision import is_quick_in_bfloat16

PRECISION_EPOCHS = 5
MORE_ROUNDS = 3
"""As many times more rounds of us and the lean loop alone: they differ by less than this machine's noise in a few."""
CIFAR_WORKERS = 2
"""Of data loaders: what CIFAR scripts usually have. The digits' have none: a worker costs more than so few images."""


def one_digits_student(options: Options, folder: Path) -> Table:
    """A teacher and one student on the digits, as the default preset has them; another seed in each round."""
    spec = digits_one(device=options.device)
    threads = options.threads_for(spec, folder)

    def heat(rounds: int) -> Heat:
        seeds = [(spec.seeds[number % len(spec.seeds)],) for number in range(rounds)]
        return Heat(seeds=seeds, variants=("distilled T=8",))

    close = dict.fromkeys((LAB, LEAN), heat(MORE_ROUNDS * options.rounds))
    heats = dict.fromkeys(RIVALS, heat(options.rounds)) | close
    rows = contest("16 fixed views", spec, heats, options, folder / "fixed", workers=0, threads=threads)
    fresh = digits_one(device=options.device, fresh_views=True)
    rows += contest(
        "new views at each step", fresh, close, options, folder / "fresh", workers=0, threads=threads
    )
    about = (
        "The teacher of the default preset (800 steps), one student at T=8 (1,000 steps of 64, 100 labelled images). "
        "Distill Lab and the lean loop draw 16 fixed views of each image and ask the teacher once for each; the script "
        "and torchdistill draw a new view at each step and ask each time, as they always do. The second case has new "
        "views at each step for Distill Lab and the lean loop too: the very same work as the script's."
    )
    return Table(about, rows, {"threads of torch": threads, "workers of data loaders": 0})


def digits_cells(options: Options, folder: Path) -> Table:
    """25 cells of temperature and weight, and the student alone, 5 seeds each, one teacher."""
    spec = digits_map(device=options.device)
    threads = options.threads_for(spec, folder)
    names = tuple(student.name for student in spec.students)
    total = len(names) * len(spec.seeds)
    # We train a whole seed in each round, those who train one by one a sample of its variants.
    own_seed = [(seed,) for seed in spec.seeds[: options.rounds]]
    sample = evenly(names, len(names) if options.whole else options.sample)
    few = evenly(names, max(1, options.sample // 3))
    heats = {
        LAB: Heat(seeds=own_seed, variants=names), TUTORIAL: Heat(seeds=own_seed, variants=sample),
        TORCHDISTILL: Heat(seeds=own_seed, variants=few), LEAN: Heat(seeds=own_seed, variants=sample),
    }

    def scaled(name: str, outcome: dict[str, Any]) -> float:
        teacher = float(outcome["teacher_seconds"])
        return teacher + (outcome["seconds"] - teacher) * total / len(outcome["students"])

    rows = contest(
        "25 cells x 5 seeds", spec, heats, options, folder / "map", workers=0, threads=threads, scale=scaled
    )
    about = (
        f"One teacher, {len(names) - 1} cells (5 temperatures, 5 weights) and the student alone, each with "
        f"{len(spec.seeds)} seeds: {total} students of 1,000 steps. In each round Distill Lab trains the {len(names)} "
        f"students of one seed, the others some of them, and each one's time is scaled to all {total}: `students` are "
        "those of all rounds; CPU seconds and memory are of a round as it was. The product's own table has the whole "
        "map, from launch to verdicts."
    )
    return Table(about, rows, {"threads of torch": threads, "workers of data loaders": 0})


def evenly(names: Sequence[str], count: int) -> tuple[str, ...]:
    """So many of the names, spread over all."""
    count = min(count, len(names))
    return tuple(names[(number * len(names)) // count] for number in range(count))


def cifar_students(options: Options, folder: Path) -> Table:
    """resnet20 from a given resnet32, one epoch: one student, and four side by side."""
    arrays = cifar_arrays(options.cifar, images=options.images)
    spec = cifar(arrays, device=options.device)
    checked = prepared(spec, folder)
    threads = options.threads_for(spec, folder)
    weights = trained_teacher(checked, threads=threads)
    names = tuple(student.name for student in spec.students)
    one = Heat(seeds=[(seed,) for seed in range(options.rounds)], variants=names[2:3])
    # Where a device does not have bfloat16 built in, nobody would choose it.
    all_of_us = (*RIVALS, LAB_HALF) if is_quick_in_bfloat16(checked.device) else RIVALS
    rows = contest(
        "1 student", spec, dict.fromkeys(all_of_us, one), options, folder / "one", workers=CIFAR_WORKERS,
        threads=threads, weights=weights,
    )
    # Four take four times as long: fewer rounds.
    four = Heat(seeds=[(seed,) for seed in range(max(1, options.rounds // 3))], variants=names)
    rows += contest(
        "4 students", spec, dict.fromkeys(all_of_us, four), options, folder / "four", workers=CIFAR_WORKERS,
        threads=threads, weights=weights,
    )
    source = "CIFAR-10 images" if options.cifar else "drawn images of CIFAR-10's size (no folder was given)"
    learnt = len(checked.split.learn)
    about = (
        f"One epoch of resnet20 from a resnet32 that is given trained: {learnt:,} {source}, batches of 128, random "
        f"crop and flip; {options.images - learnt:,} more validate. The four students are one alone and three "
        "temperatures. The script and torchdistill have their images decoded in memory, as torchvision's CIFAR10 does. "
        "All compute in 32 bits, but for Distill Lab in bfloat16, which `precision: auto` is on a device that has it "
        "built in."
    )
    settings = {"images": source, "threads of torch": threads, "workers of data loaders": CIFAR_WORKERS}
    return Table(about, rows, settings)


def precisions(options: Options, folder: Path) -> Table:
    """What bfloat16 does to the accuracy of resnet20: longer trainings, the same seeds in 32 and in 16 bits."""
    arrays = cifar_arrays(options.cifar, images=options.images)
    spec = cifar(arrays, device=options.device, epochs=PRECISION_EPOCHS)
    checked = prepared(spec, folder)
    if not is_quick_in_bfloat16(checked.device):
        raise NotMeasured("this device does not have bfloat16 built in")
    threads = options.threads_for(spec, folder)
    weights = trained_teacher(checked, threads=threads)
    heat = Heat(seeds=[(seed,) for seed in range(options.rounds)], variants=(spec.students[2].name,))
    rows = contest(
        f"{PRECISION_EPOCHS} epochs", spec, {LAB: heat, LAB_HALF: heat}, options, folder / "work", workers=0,
        threads=threads, weights=weights,
    )
    about = (
        f"One student at T=5 for {PRECISION_EPOCHS} epochs of {len(checked.split.learn):,} "
        f"{'CIFAR-10' if options.cifar else 'drawn'} images, with the same seeds, batches and teacher in 32 bits and "
        "in bfloat16; tested on 2,000 images in 32 bits."
    )
    return Table(about, rows, {"threads of torch": threads})


def grown(options: Options, folder: Path) -> Table:
    if options.device != "cpu":
        raise NotMeasured("how cost grows is measured on the processor alone")
    about, rows, settings = growth(cifar_folder=options.cifar, folder=folder, rivals=options.rivals)
    return Table(about, rows, settings)


def whole_way(options: Options, folder: Path) -> Table:
    about, rows = product(digits_map(device=options.device), folder)
    return Table(about, rows, {})


TABLES: dict[str, Callable[[Options, Path], Table]] = {
    "digits_one": one_digits_student, "digits_map": digits_cells, "cifar": cifar_students,
    "precision": precisions, "growth": grown, "product": whole_way,
}


def parse(arguments: Sequence[str]) -> tuple[list[str], Options]:
    """Tables to measure and options; leaves with a sentence for what it does not know."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.performance")
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(TABLES)}; none: all")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--cifar", type=Path, help="image folder with train/ and test/; none: images are drawn")
    parser.add_argument("--images", type=int, default=Options.images, help="of CIFAR-10, for training and validation")
    parser.add_argument("--rounds", type=int, default=Options.rounds)
    parser.add_argument("--threads", type=int, help="of torch; none: what the product would choose")
    parser.add_argument("--sample", type=int, default=Options.sample, help="students of the map that rivals train")
    parser.add_argument("--whole", action="store_true", help="all variants, not a sample, also one by one")
    parser.add_argument("--rivals", nargs="+", choices=RIVALS, default=list(RIVALS))
    found = vars(parser.parse_args(arguments))
    tables = found.pop("tables") or list(TABLES)
    if unknown := [name for name in tables if name not in TABLES]:
        parser.error(f"there is no table {unknown[0]!r}; allowed: {', '.join(TABLES)}")
    return tables, Options(**(found | {"rivals": tuple(found["rivals"])}))


def main(arguments: Sequence[str]) -> None:
    tables, options = parse(arguments)
    for name in tables:
        # Where the images lie is this machine's own matter.
        folder_here = str(options.cifar or "")
        chosen = [argument.replace(folder_here, "FOLDER") if folder_here else argument for argument in arguments
                  if argument not in TABLES]
        command = shlex.join(["python", "-m", "benchmarks.performance", name, *chosen])
        before = os.getloadavg()[0]
        # What a process left behind still writes must not cost the figures.
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            try:
                table = TABLES[name](options, Path(folder))
            except NotMeasured as reason:
                print(f"{name}: not measured: {reason}", flush=True)
                continue
        settings = {
            "command": command, "device": _device(options.device), **table.settings,
            **({} if options.device == "cpu" else {"convolutions": "in TF32 for all of them, as torch has it"}),
            "torchdistill": TORCHDISTILL_VERSION,
            "load before and after": f"{before:.1f} and {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        }
        suffix = "" if options.device == "cpu" else f"_{options.device}"
        write_result(f"performance_{name}{suffix}", table.about, table.rows, settings=settings)


def _device(device: str) -> str:
    return gpu_name() if device == "cuda" else "cpu"


if __name__ == "__main__":
    main(sys.argv[1:])
