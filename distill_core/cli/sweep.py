"""`sweep`: many students at once; plan, run, follow, list, show, stop, resume and extend."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from distill_core.cli.finding import find_sweep
from distill_core.cli.settings import with_absolute_path, with_settings
from distill_core.cli.sweep_tables import print_forecast, print_results, print_sweeps, summary
from distill_core.cli.terminal import print_json, print_table, say
from distill_core.errors import Problem, SpecError
from distill_core.folders import read_json
from distill_core.services import Lab
from distill_core.sweep_presets import find_sweep_preset
from distill_core.sweep_rows import SweepResults

sweep = typer.Typer(
    help="Train many variants of a student: a grid, at random, or as Optuna proposes.", no_args_is_help=True
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
SweepId = Annotated[str, typer.Argument(metavar="ID", help="Sweep id, or the beginning of one.")]
INTERRUPTED = 130
_POLL_SECONDS = 1.0


@sweep.command()
def run(
    spec: Annotated[Path | None, typer.Argument(metavar="SWEEP.json", help="A sweep's file; or use --preset.")] = None,
    preset: Annotated[str, typer.Option(help="A ready sweep; `sweep presets` lists them.")] = "",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change a field: axes.0.values=[1,4]")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what it would train, and how long.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait for the end.")] = False,
    as_json: Json = False,
) -> None:
    """Launch a sweep and wait for its result. Exits with 0 only when it finished."""
    lab = Lab()
    data = with_settings(_spec_data(spec, preset), settings or [])
    if isinstance(data, dict):
        data["base"] = with_absolute_path(data.get("base"), folder=Path.cwd())
    checked = lab.sweeps.complete(data)
    if dry_run:
        forecast = lab.sweeps.forecast(checked)
        if as_json:
            print_json(asdict(forecast))
        else:
            print_forecast(lab.sweeps.plan(checked), forecast)
        return
    sweep_id = lab.sweeps.launch(checked)
    say(f"Sweep {sweep_id} begins.")
    if detach:
        _tell_state(lab, sweep_id, as_json)
    else:
        _follow(lab, sweep_id, as_json)


@sweep.command()
def follow(sweep_id: SweepId, as_json: Json = False) -> None:
    """Wait for the end of a sweep and show its result."""
    lab = Lab()
    _follow(lab, find_sweep(lab, sweep_id), as_json)


@sweep.command("list")
def list_sweeps(
    search: Annotated[str, typer.Option(help="Words in the name.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    deleted: Annotated[bool, typer.Option("--deleted", help="Deleted ones too.")] = False,
    as_json: Json = False,
) -> None:
    """List sweeps, newest first."""
    rows = Lab().sweeps.list(search=search, limit=limit, deleted=None if deleted else False)
    print_json([asdict(row) | {"spec": row.spec.to_json()} for row in rows]) if as_json else print_sweeps(rows)


@sweep.command()
def show(sweep_id: SweepId, as_json: Json = False) -> None:
    """Show a sweep's state and its trials, the best first."""
    lab = Lab()
    _show(lab.sweeps.results(find_sweep(lab, sweep_id)), as_json)


@sweep.command()
def stop(sweep_id: SweepId, as_json: Json = False) -> None:
    """Stop a sweep early; what is trained is kept."""
    _change(sweep_id, as_json, lambda lab, found: lab.sweeps.stop(found))


@sweep.command()
def resume(sweep_id: SweepId, as_json: Json = False) -> None:
    """Go on with a stopped or failed sweep, or what failed of a finished one, in the background."""
    _change(sweep_id, as_json, lambda lab, found: lab.sweeps.resume(found))


@sweep.command()
def extend(
    sweep_id: SweepId,
    values: Annotated[
        list[str] | None, typer.Option("--values", metavar="AXIS=LIST", help="More values: temperature=[32,64]")
    ] = None,
    trials: Annotated[int, typer.Option(min=0, help="More trials of a random or Optuna sweep.")] = 0,
    seeds: Annotated[str, typer.Option(help="More seeds: 5,6,7")] = "",
    as_json: Json = False,
) -> None:
    """Add values, trials or seeds to a sweep at rest, in the background; nothing is trained twice."""
    more = dict(_values_of(text) for text in values or [])
    numbers = _seeds_of(seeds)
    _change(sweep_id, as_json, lambda lab, found: lab.sweeps.extend(found, values=more, trials=trials, seeds=numbers))


@sweep.command()
def presets(as_json: Json = False) -> None:
    """List ready sweeps."""
    found = [(preset.name, preset.title, preset.summary) for preset in Lab().sweeps.presets()]
    if as_json:
        print_json([dict(zip(("name", "title", "summary"), one, strict=True)) for one in found])
    else:
        print_table("Sweeps", ("name", "title", "summary"), found)


def _follow(lab: Lab, sweep_id: str, as_json: bool) -> None:
    """One line for every change of what is trained, on standard error."""
    told = ""
    try:
        while True:
            found = lab.sweeps.results(sweep_id)
            if (line := summary(found)) != told:
                say(line)
                told = line
            if not found.row.going:
                break
            time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        say(
            f"\nSweep {sweep_id} goes on in the background. Look: python -m distill_core sweep show {sweep_id}"
            f"\nStop it: python -m distill_core sweep stop {sweep_id}"
        )
        raise typer.Exit(INTERRUPTED) from None
    _show(found, as_json)
    if found.row.state != "finished":
        raise typer.Exit(1)


def _show(found: SweepResults, as_json: bool) -> None:
    if as_json:
        print_json(_plain(asdict(found) | {"row": asdict(found.row) | {"spec": found.row.spec.to_json()}}))
    else:
        print_results(found)


def _plain(data: Any) -> Any:
    """What dataclasses leave of pydantic's models."""
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_plain(value) for value in data]
    return data.model_dump(mode="json") if hasattr(data, "model_dump") else data


def _change(prefix: str, as_json: bool, change: Callable[[Lab, str], None]) -> None:
    lab = Lab()
    sweep_id = find_sweep(lab, prefix)
    change(lab, sweep_id)
    _tell_state(lab, sweep_id, as_json)


def _tell_state(lab: Lab, sweep_id: str, as_json: bool) -> None:
    state = lab.sweeps.find(sweep_id).state
    print_json({"sweep_id": sweep_id, "state": state}) if as_json else print(f"{sweep_id} {state}")


def _spec_data(path: Path | None, preset: str) -> Any:
    if (path is None) == (not preset):
        told = str(path or preset)
        raise SpecError([Problem("sweep run", told, "either SWEEP.json or --preset NAME", "Give one of them.")])
    if path is None:
        return find_sweep_preset(preset).spec.to_json()
    try:
        return read_json(path)
    except OSError as error:
        raise SpecError([Problem("sweep", str(path), "a readable file", f"{error.strerror}.")]) from None
    except ValueError as error:
        raise SpecError([Problem("sweep", str(path), "valid JSON", f"{error}.")]) from None


def _values_of(text: str) -> tuple[str, list[Any]]:
    field, equals, told = text.partition("=")
    try:
        found = json.loads(told if told.startswith("[") else f"[{told}]")
    except ValueError:
        found = [part.strip() for part in told.split(",") if part.strip()]
    if not equals or not found:
        raise SpecError([Problem("--values", text, "AXIS=LIST", "For example --values temperature=[32,64].")])
    return field.strip(), found


def _seeds_of(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise SpecError([Problem("--seeds", text, "whole numbers with commas", "For example --seeds 5,6,7.")])
    return [int(part) for part in parts]
