"""`queue`: who runs where and who waits for what; its order and its pause."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from distill_core.cli.finding import find_experiment
from distill_core.cli.terminal import print_json, print_table
from distill_core.services import Lab

queue = typer.Typer(help="Show the queue, change its order, pause it.", invoke_without_command=True)
Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
ExperimentId = Annotated[str, typer.Argument(metavar="ID", help="Experiment id, or the beginning of one.")]


@queue.callback()
def show(context: typer.Context, as_json: Json = False) -> None:
    """Show what runs on each device and what waits, in order."""
    if context.invoked_subcommand is not None:
        return
    view = Lab().queue.view()
    if as_json:
        print_json(asdict(view))
        return
    if view.paused:
        print(f"Paused by {view.paused.by}; nothing begins. Go on: python -m distill_core queue unpause")
    if view.trouble:
        print(view.trouble)
    print_table("Running", ("device", "id", "name", "runs"), (
        (device.name, row.experiment_id, row.name, f"{row.runs_done}/{row.runs_total}")
        for device in view.devices for row in device.running
    ))
    print_table("Waiting", ("place", "id", "name", "device", "waits"), (
        (one.number, one.row.experiment_id, one.row.name, one.row.device, one.why) for one in view.waiting
    ))


@queue.command()
def move(
    experiment: ExperimentId, to: Annotated[int, typer.Argument(min=1, metavar="PLACE", help="1 is the front.")]
) -> None:
    """Move a waiting experiment to a place in the queue."""
    lab = Lab()
    experiment_id = find_experiment(lab, experiment)
    lab.queue.move(experiment_id, to=to)
    place = lab.queue.place_of(experiment_id)
    print(f"{experiment_id} {f'place {place.number}' if place else 'has begun'}")


@queue.command()
def remove(experiment: ExperimentId) -> None:
    """Take a waiting experiment out of the queue; `resume` brings it back."""
    lab = Lab()
    experiment_id = find_experiment(lab, experiment)
    lab.queue.remove(experiment_id)
    print(f"{experiment_id} removed")


@queue.command()
def pause() -> None:
    """Let nothing begin until `unpause`; what runs goes on."""
    Lab().queue.pause()
    print("paused")


@queue.command()
def unpause() -> None:
    """Let the queue go on."""
    Lab().queue.unpause()
    print("goes on")
