"""The commands and their options; each calls `Lab` and prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from distill_core.cli.access import access
from distill_core.cli.dashboard import ui
from distill_core.cli.finding import find_experiment, find_run
from distill_core.cli.latency import latency
from distill_core.cli.queue import queue
from distill_core.cli.report import report
from distill_core.cli.settings import with_absolute_path, with_settings
from distill_core.cli.sweep import sweep
from distill_core.cli.terminal import (
    print_experiment,
    print_experiments,
    print_json,
    print_table,
    say,
    wait_until_done,
)
from distill_core.cli.tools import tools
from distill_core.cli.upkeep import backup, disk, purge, restore
from distill_core.cli.weights import weights
from distill_core.errors import Conflict, LabError, NotFound, Problem, SpecError, UnknownName
from distill_core.folders import read_json
from distill_core.presets import find_preset
from distill_core.rows import ExperimentView
from distill_core.services import Lab
from distill_core.spec import ExperimentSpec

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Distill Lab: design, run and compare knowledge distillation experiments.",
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
ExperimentId = Annotated[str, typer.Argument(metavar="ID", help="Experiment id, or the beginning of one.")]
DATASET_PATH = "data.dataset.params.path"
BAD_INPUT, INTERRUPTED = 2, 130


@app.command()
def run(
    spec: Annotated[Path | None, typer.Argument(metavar="SPEC.json", help="A spec file; or use --preset.")] = None,
    preset: Annotated[str, typer.Option(help="A ready experiment; `catalog` lists them.")] = "",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change a field: seeds=[0,1]")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait for the end.")] = False,
    as_json: Json = False,
) -> None:
    """Launch an experiment and wait for its result. Exits with 0 only when it succeeded."""
    lab = Lab()
    data = with_settings(_spec_data(spec, preset), settings or [])
    if preset and find_preset(preset).needs_path and not any(s.startswith("data") for s in settings or []):
        remedy = f"Preset {preset} needs your data: --set {DATASET_PATH}=PATH."
        raise SpecError([Problem(DATASET_PATH, None, "a folder or file of yours", remedy)])
    checked = lab.check(with_absolute_path(data, folder=Path.cwd()))
    experiment_id = lab.launch(checked)
    if detach:
        _tell_state(lab, experiment_id, as_json)
        return
    say(f"Experiment {experiment_id} is queued.")
    view = _wait(lab, experiment_id)
    _show(lab, view, as_json)
    if view.row.state != "succeeded":
        say(f"Experiment {experiment_id} {view.row.state}: {view.row.reason or 'see its log'}")
        raise typer.Exit(1)


@app.command("list")
def list_experiments(
    search: Annotated[str, typer.Option(help="Words in name, dataset, teacher or students.")] = "",
    state: Annotated[list[str] | None, typer.Option(help="Only these states.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    deleted: Annotated[bool, typer.Option("--deleted", help="Deleted ones too.")] = False,
    as_json: Json = False,
) -> None:
    """List experiments, newest first."""
    states: Any = state or []
    rows = Lab().experiments(search=search, states=states, limit=limit, include_deleted=deleted)
    print_json([asdict(row) for row in rows]) if as_json else print_experiments(rows)


@app.command()
def show(experiment: ExperimentId, as_json: Json = False) -> None:
    """Show an experiment's state, verdicts and runs."""
    lab = Lab()
    _show(lab, lab.experiment(find_experiment(lab, experiment)), as_json)


@app.command()
def cancel(experiment: ExperimentId, as_json: Json = False) -> None:
    """Stop an experiment; what was trained so far is evaluated and kept."""
    lab = Lab()
    experiment_id = find_experiment(lab, experiment)
    lab.stop(experiment_id)
    _tell_state(lab, experiment_id, as_json)


@app.command()
def resume(experiment: ExperimentId, as_json: Json = False) -> None:
    """Go on with a stopped or failed experiment, in the background."""
    lab = Lab()
    experiment_id = find_experiment(lab, experiment)
    lab.resume(experiment_id)
    _tell_state(lab, experiment_id, as_json)


@app.command()
def export(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Run id or its beginning; or EXPERIMENT/RUN.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new or empty folder.")],
    as_json: Json = False,
) -> None:
    """Write a run's bundle: ONNX model, labels, samples, model card, spec and a script that runs it."""
    lab = Lab()
    experiment_id, run = find_run(lab, run_id)
    view = lab.experiment(experiment_id)
    if not any(row.run_id == run and row.onnx_path for row in view.runs):
        told = set(view.notes)
        lab.request_export(experiment_id, run)
        say(f"Run {run} is not exported yet; exporting it now.")
        view = _wait(lab, experiment_id)
        if not any(row.run_id == run and row.onnx_path for row in view.runs):
            news = [note.text for note in view.notes if note not in told and note.level != "info"]
            raise Conflict(f"Run {run} could not be exported. {' '.join(news) or 'See the end of its log.'}")
    path = lab.bundles.write(experiment_id, run, out)
    print_json({"run_id": run, "experiment_id": experiment_id, "path": str(path)}) if as_json else print(path)


app.command()(ui)
app.add_typer(access, name="access")
app.command()(weights)
app.command()(latency)
app.command()(report)
app.command()(tools)
app.add_typer(queue, name="queue")
app.add_typer(sweep, name="sweep")
for command in (backup, restore, purge, disk):
    app.command()(command)


@app.command()
def catalog(as_json: Json = False) -> None:
    """List what can be chosen: presets, datasets, architectures, losses, generators, executors."""
    lab = Lab()
    presets = [{"name": p.name, "title": p.title, "summary": p.summary} for p in lab.presets()]
    found = {"presets": presets, **lab.catalogue().to_json()}
    if as_json:
        print_json(found | {"spec_schema": ExperimentSpec.model_json_schema()})
        return
    for kind, entries in found.items():
        columns = ("name", "title", "summary")
        print_table(kind.capitalize(), columns, ([entry[name] for name in columns] for entry in entries))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Show devices, threads, versions, free disk and the home folder."""
    report = Lab().doctor()
    if as_json:
        print_json(report)
        return
    print_table("Devices", ("name", "title", "GB"), (
        (device["name"], device["title"], round(device["memory_bytes"] / 1e9, 1)) for device in report["devices"]
    ))
    print_table("This installation", ("what", "value"), [
        ("home", report["home"] + ("" if report["home_writable"] else " (cannot be written)")),
        ("machine", report["machine"]),
        ("threads a worker", report["threads"]["most_per_worker"]),
        ("free disk", f"{report['disk']['free_bytes'] / 1e9:.1f} GB"),
        ("free memory", f"{report['memory']['available_bytes'] / 1e9:.1f} GB"),
        ("database", report["database"]),
        ("dispatcher", "at work" if report["dispatcher_alive"] else "asleep"),
        ("executor", f"{report['executor']} (DISTILL_EXECUTOR; there are: {', '.join(report['executors'])})"),
        *report["versions"].items(),
    ])


@app.command()
def reindex(as_json: Json = False) -> None:
    """Rebuild the database from the experiments' folders."""
    number, problems = Lab().upkeep.reindex()
    for problem in problems:
        say(problem)
    print_json({"experiments": number, "problems": problems}) if as_json else print(f"{number} experiments indexed.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; every failure a user can meet is one sentence on standard error."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name="python -m distill_core")
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    except SpecError as error:
        for problem in error.problems:
            say(str(problem))
        return BAD_INPUT
    except LabError as error:
        say(error.sentence)
        return BAD_INPUT if isinstance(error, (NotFound, UnknownName)) else 1
    return 0


def _spec_data(path: Path | None, preset: str) -> Any:
    if (path is None) == (not preset):
        raise SpecError([Problem("run", str(path or preset), "either SPEC.json or --preset NAME", "Give one of them.")])
    if path is None:
        return find_preset(preset).spec.to_json()
    try:
        return read_json(path)
    except OSError as error:
        raise SpecError([Problem("spec", str(path), "a readable file", f"{error.strerror}.")]) from None
    except ValueError as error:
        raise SpecError([Problem("spec", str(path), "valid JSON", f"{error}.")]) from None


def _wait(lab: Lab, experiment_id: str) -> ExperimentView:
    try:
        return wait_until_done(lambda: lab.experiment(experiment_id))
    except KeyboardInterrupt:
        say(
            f"\nExperiment {experiment_id} goes on in the background. Look: python -m distill_core show {experiment_id}"
            f"\nStop it: python -m distill_core cancel {experiment_id}"
        )
        raise typer.Exit(INTERRUPTED) from None


def _show(lab: Lab, view: ExperimentView, as_json: bool) -> None:
    if as_json:
        print_json(lab.result(view.row.experiment_id))
    else:
        print_experiment(view, lab.verdicts(view.row.experiment_id))


def _tell_state(lab: Lab, experiment_id: str, as_json: bool) -> None:
    state = lab.store.state(experiment_id)
    print_json({"experiment_id": experiment_id, "state": state}) if as_json else print(f"{experiment_id} {state}")
