"""The commands that keep the home folder in order: backup, restore, purge, disk."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from distill_core.cli.finding import find_experiment
from distill_core.cli.terminal import print_json, print_table, say
from distill_core.disk_use import KINDS
from distill_core.errors import Conflict
from distill_core.services import Lab

Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new .tar.gz file.")],
    models: Annotated[bool, typer.Option(help="Without: figures, curves and settings only; much smaller.")] = True,
    as_json: Json = False,
) -> None:
    """Write everything of the home folder into one file; experiments may run meanwhile."""
    path, facts = Lab().upkeep.backup(file.absolute(), models=models)
    if as_json:
        print_json({"path": str(path), "size_bytes": path.stat().st_size, **asdict(facts)})
        return
    inside = f"{_counted(facts.experiments, 'experiment')}, {_counted(facts.files, 'file')}"
    print(f"{path}: {inside}, {path.stat().st_size / 1e6:.1f} MB.")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `backup` wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Also replace what is here already; without, it stays as it is.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring back what a backup holds; checksums are compared before anything is put in its place."""
    done = Lab().upkeep.restore(file.absolute(), replace=replace)
    for problem in done.problems:
        say(problem)
    if as_json:
        print_json(asdict(done))
        return
    print(f"{_counted(len(done.experiments), 'experiment')} restored.")
    if done.kept or done.others_kept:
        kept = f"{_counted(len(done.kept), 'experiment')} and {_counted(len(done.others_kept), 'other thing')}"
        say(f"{kept} were here already and stayed as they are; --replace takes them from the backup.")
    if not done.facts.models:
        say("The backup has no models: figures and curves are back; what needs a network trains it again.")


def purge(
    experiments: Annotated[
        list[str] | None, typer.Argument(metavar="[ID...]", help="Deleted experiments; their ids or beginnings.")
    ] = None,
    older_than: Annotated[
        float | None, typer.Option("--older-than", min=0, metavar="DAYS", help="All that were deleted longer ago.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take deleted experiments from the disk for good; without arguments, list the trash."""
    lab = Lab()
    if experiments and older_than is not None:
        raise Conflict("Ids and --older-than were given; allowed: one of them. Leave one out.")
    if not experiments and older_than is None:
        found = lab.upkeep.trash()
        if as_json:
            print_json([{**asdict(item), "use": asdict(item.use)} for item in found])
            return
        print_table("Trash", ("id", "name", "days left", "MB"), (
            (item.row.experiment_id, item.row.name, "kept" if item.days_left is None else item.days_left,
             f"{item.use.total / 1e6:.1f}") for item in found
        ))
        return
    if older_than is not None:
        gone = lab.upkeep.purge_older(older_than)
    else:
        gone = [find_experiment(lab, prefix) for prefix in experiments or ()]
        for experiment_id in gone:
            lab.upkeep.purge(experiment_id)
    print_json({"purged": gone}) if as_json else print(f"{_counted(len(gone), 'experiment')} purged.")


def disk(
    keep_best: Annotated[
        list[str] | None,
        typer.Option("--keep-only-best", metavar="ID", help="Remove its other checkpoints; `all`: of all ended ones."),
    ] = None,
    forget_answers: Annotated[
        bool, typer.Option("--forget-teacher-answers", help="Remove what was kept so that teachers need not be asked.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what takes how much of the disk, or remove what can be made again: checkpoints, teachers' answers."""
    lab = Lab()
    if forget_answers:
        freed_bytes = lab.upkeep.forget_teacher_answers()
        if as_json:
            print_json({"freed_bytes": freed_bytes})
        else:
            print(f"{freed_bytes / 1e6:.1f} MB freed. No result changes; teachers are asked again.")
        return
    if keep_best:
        ids = [] if "all" in keep_best else [find_experiment(lab, prefix) for prefix in keep_best]
        freed = lab.upkeep.keep_only_best(list(lab.upkeep.freed_by_keeping_best(ids)))
        if as_json:
            print_json({"freed_bytes": freed})
        else:
            print(f"{freed / 1e6:.1f} MB freed. Every best network is kept; what is resumed now begins from its start.")
        return
    use = lab.upkeep.home_use()
    if as_json:
        print_json({
            "total_bytes": use.total, "others": use.others, "teacher_answers": lab.upkeep.teacher_answers(),
            "experiments": {row.experiment_id: asdict(part) | {"total": part.total} for row, part in use.experiments},
        })
        return
    print_table("Experiments", ("id", "name", *KINDS, "MB"), (
        (row.experiment_id, row.name, *(f"{size / 1e6:.1f}" for size in (*part.by_kind().values(), part.total)))
        for row, part in use.experiments
    ))
    print_table("The rest", ("what", "MB"), ((name, f"{size / 1e6:.1f}") for name, size in use.others.items()))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
