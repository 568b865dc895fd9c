"""Reads of the index: rows in, frozen views out; no query a row."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, String, Text, case, cast, func, or_, select

from distill_core.events import LatencyRow, LayerZeros, State
from distill_core.rows import (
    ExperimentRow,
    ExperimentView,
    NoteRow,
    RunRow,
    StepRow,
    WorkerRow,
)
from distill_core.spec import parse_spec
from distill_core.store.schema import epochs, experiments, notes, runs, steps, workers

# A run of these states needs no further work.
DONE = ("finished", "reused", "diverged", "refused")
# Ids sort by time: of more equal experiments than these the newest count.
_MOST_CANDIDATES = 100
_LISTED = tuple(column for column in experiments.c if column.name != "spec")


def experiment_rows(
    connection: Connection, *, limit: int, offset: int, search: str, states: Collection[State], include_deleted: bool,
    owner: str = "",
) -> list[ExperimentRow]:
    """Newest first."""
    statement = (
        select(*_LISTED, workers.c.device)
        .outerjoin(workers, workers.c.experiment_id == experiments.c.experiment_id)
        .where(*_conditions(search=search, states=states, include_deleted=include_deleted, owner=owner))
        .order_by(experiments.c.created_at.desc(), experiments.c.experiment_id.desc())
        .limit(limit)
        .offset(offset)
    )
    return _with_counts(connection, connection.execute(statement).mappings().all())


def active_rows(connection: Connection, states: Collection[State]) -> list[ExperimentRow]:
    """Experiments in the given states in the order of the queue; deleted ones too."""
    statement = (
        select(*_LISTED, workers.c.device)
        .outerjoin(workers, workers.c.experiment_id == experiments.c.experiment_id)
        .where(experiments.c.state.in_(states))
        .order_by(func.coalesce(experiments.c.rank, experiments.c.queued_at), experiments.c.experiment_id)
    )
    return _with_counts(connection, connection.execute(statement).mappings().all())


def deleted_rows(connection: Connection) -> list[ExperimentRow]:
    """Everything in the trash, in no order."""
    statement = (
        select(*_LISTED, workers.c.device)
        .outerjoin(workers, workers.c.experiment_id == experiments.c.experiment_id)
        .where(experiments.c.deleted.is_(True))
    )
    return _with_counts(connection, connection.execute(statement).mappings().all())


def candidates(
    connection: Connection, *, dataset: str, teacher: str, students: list[str], seeds: int
) -> list[tuple[str, State, bool, dict[str, Any]]]:
    """(id, state, whether deleted, spec) of experiments that agree in all this, newest first.

    Students are compared here, for databases differ in how they compare JSON; specs are read of those alone.
    """
    alike = connection.execute(
        select(experiments.c.experiment_id, experiments.c.students).where(
            experiments.c.dataset == dataset, experiments.c.teacher == teacher, experiments.c.seeds == seeds
        ).order_by(experiments.c.experiment_id)
    )
    chosen = [experiment_id for experiment_id, names in alike if list(names) == students]
    found = connection.execute(
        select(experiments.c.experiment_id, experiments.c.state, experiments.c.deleted, experiments.c.spec)
        .where(experiments.c.experiment_id.in_(chosen[-_MOST_CANDIDATES:]))
        .order_by(experiments.c.created_at.desc(), experiments.c.experiment_id.desc())
    )
    return [(row.experiment_id, row.state, bool(row.deleted), row.spec) for row in found]


def count_by_state(
    connection: Connection, *, search: str, include_deleted: bool, owner: str = ""
) -> dict[str, int]:
    statement = (
        select(experiments.c.state, func.count())
        .where(*_conditions(search=search, states=(), include_deleted=include_deleted, owner=owner))
        .group_by(experiments.c.state)
    )
    return {state: int(number) for state, number in connection.execute(statement)}


def experiment_view(connection: Connection, experiment_id: str) -> ExperimentView | None:
    found = connection.execute(
        select(experiments, workers.c.device)
        .outerjoin(workers, workers.c.experiment_id == experiments.c.experiment_id)
        .where(experiments.c.experiment_id == experiment_id)
    ).mappings().one_or_none()
    if found is None:
        return None
    of_this = experiment_id
    worker = connection.execute(select(workers).where(workers.c.experiment_id == of_this)).mappings().one_or_none()
    return ExperimentView(
        row=_with_counts(connection, [found])[0],
        spec=parse_spec(found["spec"]),
        steps=tuple(
            StepRow(**_without(row, "number", "experiment_id"))
            for row in connection.execute(
                select(steps).where(steps.c.experiment_id == of_this).order_by(steps.c.number)
            ).mappings()
        ),
        runs=tuple(run_rows(connection, runs.c.experiment_id == of_this)),
        notes=tuple(
            NoteRow(at=row.at, level=row.level, text=row.text)
            for row in connection.execute(
                select(notes).where(notes.c.experiment_id == of_this).order_by(notes.c.at, notes.c.number)
            )
        ),
        worker=None if worker is None else WorkerRow(**_only(worker, WorkerRow.__dataclass_fields__)),
        class_names=tuple(found["class_names"]),
        task=found["task"],
        input_kind=found["input_kind"],
    )


def run_rows(connection: Connection, *conditions: ColumnElement[bool]) -> list[RunRow]:
    """Runs in the order they were declared, experiment by experiment, oldest experiment first."""
    # The last epoch that was the best so far is the one whose weights are kept.
    kept = (
        select(func.coalesce(epochs.c.validation_r2, epochs.c.validation_accuracy))
        .where(epochs.c.experiment_id == runs.c.experiment_id, epochs.c.run_id == runs.c.run_id, epochs.c.best)
        .order_by(epochs.c.epoch.desc()).limit(1).scalar_subquery()
    )
    statement = (
        select(runs, experiments.c.name.label("experiment_name"), experiments.c.task, kept.label("validation"))
        .join(experiments, experiments.c.experiment_id == runs.c.experiment_id)
        .where(*conditions)
        .order_by(experiments.c.created_at, experiments.c.experiment_id, runs.c.number)
    )
    return [_run(row) for row in connection.execute(statement).mappings()]


def live_points(
    connection: Connection, experiment_id: str, *, since: int, limit: int
) -> tuple[list[tuple[Any, ...]], int]:
    """What a live curve draws: (run id, epoch, training loss, accuracy, NLL, weighted terms, best, gradient norms).

    Of a regression R² and the mean squared error stand where accuracy and NLL do. Points above a cursor, and the
    newest cursor among them (or the one asked from if there is none).
    """
    columns = epochs.c
    newest = connection.scalar(select(func.max(columns.cursor)).where(columns.experiment_id == experiment_id))
    if newest is not None and since > newest:
        # The reader's cursor is of a database that was replaced since; it gets everything again.
        since = 0
    found = connection.execute(
        select(
            columns.cursor, columns.run_id, columns.epoch, columns.train_loss,
            func.coalesce(columns.validation_r2, columns.validation_accuracy),
            func.coalesce(columns.validation_mse, columns.validation_nll), columns.weighted_terms, columns.best,
            columns.gradient_norms,
        )
        .where(columns.experiment_id == experiment_id, columns.cursor > since)
        .order_by(columns.cursor)
        .limit(limit)
    ).all()
    return [tuple(row)[1:] for row in found], int(found[-1][0]) if found else since


def kept_validation(connection: Connection, experiment_id: str) -> dict[str, float]:
    """By run id the validation figure of the epoch whose weights are kept: accuracy, or R² of a regression."""
    columns = epochs.c
    figure = func.coalesce(columns.validation_r2, columns.validation_accuracy)
    found = connection.execute(
        select(columns.run_id, figure)
        .where(columns.experiment_id == experiment_id, columns.best)
        .order_by(columns.epoch)
    )
    # The last epoch that was the best so far.
    return {run_id: float(value) for run_id, value in found}


def budget_points(connection: Connection, experiment_id: str, *, most: int) -> list[tuple[Any, ...]]:
    """(run id, epoch, weighted terms, gradient norms) of the epochs whose gradients were measured.

    Of runs without any such epoch all of several terms, the newest `most` in all. In the order they were stored.
    """
    columns = epochs.c
    told = select(columns.run_id, columns.epoch, columns.weighted_terms, columns.gradient_norms).where(
        columns.experiment_id == experiment_id
    )
    measured = columns.gradient_norms != {}
    found = [tuple(row) for row in connection.execute(told.where(measured).order_by(columns.cursor))]
    # Of one term the JSON has no comma.
    rest = told.where(
        columns.run_id.not_in({row[0] for row in found}), cast(columns.weighted_terms, Text).contains(",")
    )
    older = connection.execute(rest.order_by(columns.cursor.desc()).limit(most)).all()
    return [*found, *(tuple(row) for row in reversed(older))]


def _conditions(
    *, search: str, states: Collection[State], include_deleted: bool, owner: str
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if owner:
        conditions.append(experiments.c.owner == owner)
    if not include_deleted:
        conditions.append(experiments.c.deleted.is_(False))
    if states:
        conditions.append(experiments.c.state.in_(states))
    for word in search.replace("\0", " ").split():
        columns = experiments.c
        fields = (columns.name, columns.dataset, columns.teacher, cast(columns.students, String))
        conditions.append(
            or_(
                *(field.icontains(word, autoescape=True) for field in fields),
                columns.experiment_id.startswith(word.lower(), autoescape=True),
            )
        )
    return conditions


def _with_counts(connection: Connection, found: Iterable[Mapping[Any, Any]]) -> list[ExperimentRow]:
    """Views of experiments' rows, with the counts of their runs from one query for all."""
    found = list(found)
    ids = [row["experiment_id"] for row in found]
    statement = (
        select(
            runs.c.experiment_id,
            func.count(),
            func.sum(case((runs.c.state.in_(DONE), 1), else_=0)),
            func.sum(case((runs.c.state == "reused", 1), else_=0)),
        )
        .where(runs.c.experiment_id.in_(ids))
        .group_by(runs.c.experiment_id)
    )
    counts = {key: numbers for key, *numbers in connection.execute(statement)} if ids else {}
    fields = [name for name in ExperimentRow.__dataclass_fields__ if not name.startswith("runs_")]
    rows = []
    for row in found:
        total, done, reused = counts.get(row["experiment_id"], (0, 0, 0))
        values = _only(row, fields) | {
            "students": tuple(row["students"]), "device": row["device"] or row["wanted_device"],
            "runs_total": total, "runs_done": done, "runs_reused": reused,
        }
        rows.append(ExperimentRow(**values))
    return rows


def _run(row: Mapping[Any, Any]) -> RunRow:
    values = _only(row, RunRow.__dataclass_fields__) | {
        "per_class": tuple(row["per_class"]),
        "confusion": tuple(tuple(line) for line in row["confusion"]),
        "latency": tuple(LatencyRow.model_construct(**measured) for measured in row["latency"]),
        "layers": tuple(LayerZeros.model_construct(**layer) for layer in row["layers"]),
        "compression_notes": tuple(row["compression_notes"]),
    }
    return RunRow(**values)


def _only(row: Mapping[Any, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: row[name] for name in names}


def _without(row: Mapping[Any, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
