"""The command that writes an experiment into the other tools, and lists those there are."""

from __future__ import annotations

from typing import Annotated

import typer

from distill_core.cli.terminal import print_json, print_table, say
from distill_core.errors import Conflict, LabError, NotFound
from distill_core.exporters import switched_on
from distill_core.jobs.exporters import start_exporting, tools_report
from distill_core.processes import is_held
from distill_core.services import Lab


def tools(
    experiment_id: Annotated[
        str, typer.Argument(metavar="ID", help="Experiment id, or the beginning of one; none: list the tools.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False,
) -> None:
    """List TensorBoard, MLflow and the like, or write into them what they do not have yet of an experiment."""
    lab = Lab()
    if experiment_id:
        _write(lab, experiment_id)
    report = tools_report(lab.home)
    if as_json:
        print_json(report)
        return
    rows = ([tool["title"], "on" if tool["on"] else "off", tool["look"] or tool["why_off"]] for tool in report)
    print_table("Other tools", ("tool", "state", "how to look, or to switch on"), rows)


def _write(lab: Lab, prefix: str) -> None:
    """Write and wait; raises NotFound, Conflict for one that is being written, LabError for what did not get it."""
    found = lab.store.ids_starting(prefix)
    if len(found) != 1 and prefix not in found:
        raise NotFound(f"There is no single experiment whose id begins with {prefix[:60]!r}; `list` tells the ids.")
    folder = lab.home.experiment(prefix if prefix in found else found[0])
    missing = []
    for entry in switched_on():
        if is_held(folder.export(entry.name, "lock")):
            raise Conflict(f"{entry.title} is being written by the running experiment; nothing more is needed.")
        say(f"Writing into {entry.title} …")
        if start_exporting(folder, entry.name).wait() != 0:
            log = folder.export(entry.name, "log")
            missing.append(f"Not everything has reached {entry.title}; {log} tells why.")
    if missing:
        raise LabError(" ".join(missing))
