"""The command that writes an experiment's report into a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from distill_core.cli.finding import find_experiment
from distill_core.cli.terminal import print_json, say
from distill_core.errors import LabError, UnknownName
from distill_core.folders import write_bytes
from distill_core.language import LANGUAGES, known
from distill_core.services import Lab


def report(
    experiment: Annotated[str, typer.Argument(metavar="ID", help="Experiment id, or the beginning of one.")],
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="By default report-ID.html in this folder.")
    ] = None,
    language: Annotated[str, typer.Option(help=f"{' or '.join(LANGUAGES)}.")] = "en",
    format: Annotated[str, typer.Option(help="html: one file; zip: Markdown with PNG pictures.")] = "html",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False,
) -> None:
    """Write an experiment's report: answer, charts, limits, versions and the spec to repeat it, in one file."""
    lab = Lab()
    spoken = known(language)
    if spoken is None:
        raise UnknownName("language", language, list(LANGUAGES))
    experiment_id = find_experiment(lab, experiment)
    made = lab.reports.make(experiment_id, language=spoken, format=format)
    path = (output or Path(made.name)).absolute()
    if not path.parent.is_dir():
        raise LabError(f"The folder {path.parent} is not there; make it first, or choose another with --output.")
    try:
        write_bytes(path, made.content)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise LabError(f"The file {path} cannot be written ({why}); choose another with --output.") from error
    if made.lacks:
        say(made.lacks)
    told = {"experiment_id": experiment_id, "path": str(path), "bytes": len(made.content)}
    print_json(told) if as_json else print(path)
