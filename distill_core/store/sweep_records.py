"""From a sweep's folder to its rows: lines of its two files, and the part of the index that a reindex repeats."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, TypeAdapter, ValidationError
from sqlalchemy import Connection, delete, insert, select, update

from distill_core.errors import NotFound
from distill_core.event_log import whole_lines
from distill_core.folders import SweepFolder, read_json
from distill_core.spec_parts import Frozen
from distill_core.store.deleted import deleted_at
from distill_core.store.schema import SWEEP_DETAILS, rounds, sweeps, trials
from distill_core.sweep_rows import GOING, RoundOutcome, SweepState, Trial
from distill_core.sweep_spec import SweepSpec, parse_sweep


class TrialLine(Frozen):
    """See sweep_rows.Trial."""

    number: int
    name: str
    values: dict[str, JsonValue]
    twins: tuple[dict[str, JsonValue], ...] = ()
    epochs: int
    batch: int
    refused: str = ""
    attrs: dict[str, JsonValue] = Field(default_factory=dict)


class StateLine(Frozen):
    """The sweep is in another state from here on; also written when it was extended."""

    kind: Literal["state"] = "state"
    at: float
    state: SweepState
    reason: str = ""


class RoundLine(Frozen):
    """A round begins: its experiment, which may not be made yet, is to have this id."""

    kind: Literal["round"] = "round"
    at: float
    number: int
    experiment_id: str
    trials: tuple[int, ...]
    seeds: tuple[int, ...]


class MovedLine(Frozen):
    """A round's experiment was there already, under another id."""

    kind: Literal["moved"] = "moved"
    at: float
    number: int
    experiment_id: str


class ToldLine(Frozen):
    """The sweep has taken note of how a round's experiment ended."""

    kind: Literal["told"] = "told"
    at: float
    number: int
    outcome: RoundOutcome
    reason: str = ""


class ReopenedLine(Frozen):
    """Rounds that were stopped or failed go on."""

    kind: Literal["reopened"] = "reopened"
    at: float
    numbers: tuple[int, ...]


class JudgedLine(Frozen):
    """The pruner has judged a batch after so many seeds; `pruned` tells of a trial's number why."""

    kind: Literal["judged"] = "judged"
    at: float
    batch: int
    seeds: int
    pruned: dict[int, str] = Field(default_factory=dict)


AnyLine = StateLine | RoundLine | MovedLine | ToldLine | ReopenedLine | JudgedLine
_LINES: TypeAdapter[AnyLine] = TypeAdapter(Annotated[AnyLine, Field(discriminator="kind")])
_TRIALS = TypeAdapter(TrialLine)


def append(path: Path, lines: Sequence[Frozen]) -> None:
    """Append lines in one write; they are on the disk when this returns. A half-written last line is cut off first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        whole = file.read().rfind(b"\n") + 1
        if whole < size:
            file.truncate(whole)
        file.seek(0, os.SEEK_END)
        file.write(b"".join(line.model_dump_json().encode() + b"\n" for line in lines))
        file.flush()
        os.fsync(file.fileno())


def identity_of(folder: SweepFolder) -> dict[str, Any]:
    """The sweep's own file, its spec parsed. Raises SpecError, or OSError, ValueError, KeyError for a damaged one."""
    found = read_json(folder.sweep)
    return {
        "sweep_id": folder.path.name, "created_at": float(found["created_at"]), "owner": str(found["owner"]),
        "idempotency_key": str(found["idempotency_key"]) or None, "spec": parse_sweep(found["spec"]),
        "networks": dict(found.get("networks", {})),
    }


def add(connection: Connection, folder: SweepFolder) -> None:
    """Insert all rows of a sweep's folder. Raises as `identity_of` does."""
    told = identity_of(folder)
    spec: SweepSpec = told["spec"]
    key = told["idempotency_key"]
    if key and connection.scalar(select(sweeps.c.sweep_id).where(sweeps.c.idempotency_key == key)):
        key = None
    gone = deleted_at(folder.deleted)
    row = told | {
        "idempotency_key": key, "spec": spec.to_json(), "name": spec.name, "deleted": gone is not None,
        "deleted_at": gone, "state": "running", "reason": "", "finished_at": None, "judged": [],
        "journal_offset": 0, "trials_offset": 0,
    }
    connection.execute(insert(sweeps).values(**row))
    catch_up(connection, folder)


def forget(connection: Connection, sweep_id: str) -> None:
    for table in (*SWEEP_DETAILS, sweeps):
        connection.execute(delete(table).where(table.c.sweep_id == sweep_id))


def get(connection: Connection, sweep_id: str) -> dict[str, Any]:
    """The sweep's own row; raises NotFound."""
    row = connection.execute(select(sweeps).where(sweeps.c.sweep_id == sweep_id)).mappings().one_or_none()
    if row is None:
        raise unknown(sweep_id)
    return dict(row)


def unknown(sweep_id: str) -> NotFound:
    return NotFound(f"There is no sweep {sweep_id[:60]!r} in this home folder.")


def catch_up(connection: Connection, folder: SweepFolder) -> dict[str, Any]:
    """Apply lines that the index does not hold yet, and return the sweep's row as it is then. Raises NotFound."""
    row = get(connection, folder.path.name)
    changes: dict[str, Any] = {}
    for content, after in whole_lines(folder.trials, offset=row["trials_offset"]):
        changes["trials_offset"] = after
        if (trial := _parsed(_TRIALS, content)) is not None:
            _insert_trial(connection, row["sweep_id"], trial)
    for content, after in whole_lines(folder.journal, offset=row["journal_offset"]):
        changes["journal_offset"] = after
        if (line := _parsed(_LINES, content)) is not None:
            changes |= _applied(connection, row | changes, line)
    if changes:
        connection.execute(update(sweeps).where(sweeps.c.sweep_id == row["sweep_id"]).values(**changes))
    return row | changes


def line_of(trial: Trial) -> TrialLine:
    return TrialLine(
        number=trial.number, name=trial.name, values=dict(trial.values), epochs=trial.epochs, batch=trial.batch,
        twins=tuple(dict(twin) for twin in trial.twins), refused=trial.refused, attrs=dict(trial.attrs),
    )


def _insert_trial(connection: Connection, sweep_id: str, trial: TrialLine) -> None:
    """A number that is there already is a line written twice, and says nothing new."""
    known = connection.scalar(
        select(trials.c.number).where(trials.c.sweep_id == sweep_id, trials.c.number == trial.number)
    )
    if known is None:
        told = trial.model_dump(mode="json")
        connection.execute(
            insert(trials).values(sweep_id=sweep_id, chosen=told.pop("values"), pruned="", **told)
        )


def _applied(connection: Connection, row: Mapping[str, Any], line: AnyLine) -> dict[str, Any]:
    """Apply one line of the journal; returns what it changes in the sweep's own row."""
    sweep_id = row["sweep_id"]
    if isinstance(line, StateLine):
        ended = None if line.state in GOING else line.at
        return {"state": line.state, "reason": line.reason, "finished_at": ended}
    if isinstance(line, RoundLine):
        connection.execute(
            delete(rounds).where(rounds.c.sweep_id == sweep_id, rounds.c.number == line.number)
        )
        connection.execute(
            insert(rounds).values(
                sweep_id=sweep_id, number=line.number, at=line.at, experiment_id=line.experiment_id,
                trials=list(line.trials), seeds=list(line.seeds), outcome="", reason="", reopened_at=None,
            )
        )
    elif isinstance(line, MovedLine):
        _change_rounds(connection, sweep_id, [line.number], experiment_id=line.experiment_id)
    elif isinstance(line, ToldLine):
        _change_rounds(connection, sweep_id, [line.number], outcome=line.outcome, reason=line.reason)
    elif isinstance(line, ReopenedLine):
        _change_rounds(connection, sweep_id, line.numbers, outcome="", reason="", reopened_at=line.at)
    elif isinstance(line, JudgedLine):
        for number, reason in line.pruned.items():
            connection.execute(
                update(trials).where(trials.c.sweep_id == sweep_id, trials.c.number == number).values(pruned=reason)
            )
        return {"judged": [*row["judged"], [line.batch, line.seeds]]}
    return {}


def _change_rounds(connection: Connection, sweep_id: str, numbers: Iterable[int], **changes: Any) -> None:
    connection.execute(
        update(rounds).where(rounds.c.sweep_id == sweep_id, rounds.c.number.in_(list(numbers))).values(**changes)
    )


def _parsed(kind: TypeAdapter[Any], content: bytes) -> Any:
    """None for a damaged line: what else the file tells must not be lost."""
    try:
        return kind.validate_python(json.loads(content))
    except (ValidationError, ValueError):
        return None
