"""The command that brings own weights into the home folder and lists them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from distill_core.cli.terminal import print_json, print_table
from distill_core.errors import WeightsError
from distill_core.services import Lab


def weights(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A .safetensors file or a state dict; none: list them.")
    ] = None,
    name: Annotated[str, typer.Option(help="How they are listed; default: the file's name.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False,
) -> None:
    """Bring own weights, or list those there are. Use them by `--set teacher.weights=ID` or `students.0.weights=ID`."""
    shelf = Lab().weights
    if file is not None:
        try:
            with file.open("rb") as source:
                added = shelf.add(name, source, file_name=file.name)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise WeightsError(f"{file} cannot be read ({reason}); give a weights file on this machine.") from error
        print_json(asdict(added)) if as_json else print(added.id)
        return
    found = shelf.all()
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = ([one.id, one.name, one.file_name, f"{one.parameters:,}"] for one in found)
    print_table("Weights", ("id", "name", "file", "numbers"), rows)
