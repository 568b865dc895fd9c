"""Reads of the index about sweeps: rows in, frozen views out; no query a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from distill_core.errors import DamagedFile
from distill_core.events import LatencyRow
from distill_core.store.queries import DONE
from distill_core.store.schema import epochs, experiments, rounds, runs, sweeps, trials
from distill_core.store.sweep_records import unknown
from distill_core.sweep_rows import GOING, Round, SweepRow, SweepRun, Trial
from distill_core.sweep_spec import parse_sweep

_TRAINED = ("student", "baseline")


def sweep_rows(
    connection: Connection, *, sweep_id: str = "", search: str = "", limit: int = 50, offset: int = 0,
    deleted: bool | None = False, owner: str = "",
) -> list[SweepRow]:
    """Newest first; with `sweep_id` that one alone."""
    conditions: list[ColumnElement[bool]] = [sweeps.c.sweep_id == sweep_id] if sweep_id else []
    if owner:
        conditions.append(sweeps.c.owner == owner)
    if deleted is not None:
        conditions.append(sweeps.c.deleted.is_(deleted))
    for word in search.replace("\0", " ").split():
        conditions.append(
            or_(
                sweeps.c.name.icontains(word, autoescape=True),
                sweeps.c.sweep_id.startswith(word.lower(), autoescape=True),
            )
        )
    found = connection.execute(
        select(sweeps).where(*conditions).order_by(sweeps.c.created_at.desc(), sweeps.c.sweep_id.desc())
        .limit(limit).offset(offset)
    ).mappings().all()
    ids = [row["sweep_id"] for row in found]
    made, left = _counts_of_trials(connection, ids)
    by_sweep: dict[str, list[Any]] = {}
    for line in connection.execute(
        select(
            rounds.c.sweep_id, rounds.c.number, rounds.c.experiment_id, rounds.c.trials, rounds.c.seeds,
            rounds.c.outcome, experiments.c.state, experiments.c.failure,
        )
        .outerjoin(experiments, experiments.c.experiment_id == rounds.c.experiment_id)
        .where(rounds.c.sweep_id.in_(ids)).order_by(rounds.c.number)
    ):
        by_sweep.setdefault(line.sweep_id, []).append(line)
    done = _counts_of_runs(connection, [line.experiment_id for lines in by_sweep.values() for line in lines])
    result = []
    for row in found:
        lines, spec = by_sweep.get(row["sweep_id"], []), parse_sweep(row["spec"])
        # Between two rounds of few seeds a trial has not ended, unless its sweep has.
        whole = [line for line in lines if row["state"] not in GOING or len(line.seeds) >= len(spec.base.seeds)]
        open_trials = {number for line in lines if not line.outcome for number in line.trials}
        ended = {number for line in whole for number in line.trials} - open_trials
        counts = [done.get(line.experiment_id, (0, 0)) for line in lines]
        result.append(
            SweepRow(
                sweep_id=row["sweep_id"], name=row["name"], state=row["state"], reason=row["reason"],
                created_at=row["created_at"], finished_at=row["finished_at"], owner=row["owner"],
                spec=spec, trials=made.get(row["sweep_id"], 0),
                trials_ended=len(ended | left.get(row["sweep_id"], set())),
                runs_total=sum(total for total, _ in counts), runs_done=sum(number for _, number in counts),
                experiment_ids=tuple(line.experiment_id for line in lines),
                broken_off=tuple(
                    line.number for place, line in enumerate(lines) if _is_broken_off(line, lines[place + 1 :])
                ),
                deleted=bool(row["deleted"]), deleted_at=row["deleted_at"],
            )
        )
    return result


def _is_broken_off(line: Any, later: Sequence[Any]) -> bool:
    """Whether a round would train something if it went on.

    Not one that diverged, for it would again; nor one that was resumed by itself, or whose trials were trained anew.
    """
    if line.outcome not in ("failed", "cancelled") or line.state == "succeeded" or line.failure == "diverged":
        return False
    return not any(set(line.trials) <= set(one.trials) and set(line.seeds) <= set(one.seeds) for one in later)


def going(connection: Connection) -> list[str]:
    """Oldest first."""
    return list(
        connection.scalars(select(sweeps.c.sweep_id).where(sweeps.c.state.in_(GOING)).order_by(sweeps.c.sweep_id))
    )


def made_by(connection: Connection, idempotency_key: str) -> str | None:
    """The sweep that was launched with this key; None for no key."""
    if not idempotency_key:
        return None
    found: str | None = connection.scalar(select(sweeps.c.sweep_id).where(sweeps.c.idempotency_key == idempotency_key))
    return found


def ids_starting(connection: Connection, prefix: str, *, limit: int) -> list[str]:
    """Newest first."""
    found = connection.scalars(
        select(sweeps.c.sweep_id).where(sweeps.c.sweep_id.startswith(prefix, autoescape=True))
        .order_by(sweeps.c.created_at.desc()).limit(limit)
    )
    return list(found)


def trials_of(connection: Connection, sweep_id: str) -> list[Trial]:
    """By number. Raises DamagedFile where the sweep's file lacks one, in whose place another would come."""
    found = connection.execute(
        select(trials).where(trials.c.sweep_id == sweep_id).order_by(trials.c.number)
    ).mappings().all()
    begun = connection.scalars(select(rounds.c.trials).where(rounds.c.sweep_id == sweep_id))
    there = {row["number"] for row in found}
    wanted = max([len(there), *(number + 1 for numbers in begun for number in numbers)])
    lost = next((number for number in range(wanted) if number not in there), None)
    if lost is not None:
        raise DamagedFile(
            f"Trial {lost + 1} of sweep {sweep_id} cannot be read: mend its line in sweeps/{sweep_id}/trials.jsonl, or "
            "take the file from a backup, run `python -m distill_core reindex`, then resume the sweep if it has failed."
        )
    return [
        Trial(
            number=row["number"], name=row["name"], values=row["chosen"], twins=tuple(row["twins"]),
            epochs=row["epochs"], batch=row["batch"], refused=row["refused"], pruned=row["pruned"], attrs=row["attrs"],
        )
        for row in found
    ]


def rounds_of(connection: Connection, sweep_id: str) -> list[Round]:
    """By number."""
    found = connection.execute(
        select(rounds).where(rounds.c.sweep_id == sweep_id).order_by(rounds.c.number)
    ).mappings()
    return [
        Round(
            number=row["number"], at=row["at"], experiment_id=row["experiment_id"], trials=tuple(row["trials"]),
            seeds=tuple(row["seeds"]), outcome=row["outcome"], reason=row["reason"], reopened_at=row["reopened_at"],
        )
        for row in found
    ]


def runs_of(connection: Connection, experiment_ids: Sequence[str]) -> list[SweepRun]:
    """Without the confusion matrices and curves, which are most of what the index holds of a run."""
    of_these = runs.c.experiment_id.in_(experiment_ids)
    best = and_(
        epochs.c.experiment_id == runs.c.experiment_id, epochs.c.run_id == runs.c.run_id,
        epochs.c.epoch == runs.c.best_epoch,
    )
    reached = select(epochs.c.experiment_id, epochs.c.run_id, func.max(epochs.c.epoch).label("reached")).where(
        epochs.c.experiment_id.in_(experiment_ids)
    ).group_by(epochs.c.experiment_id, epochs.c.run_id).subquery()
    at = and_(reached.c.experiment_id == runs.c.experiment_id, reached.c.run_id == runs.c.run_id)
    regression = experiments.c.task == "regression"
    found = connection.execute(
        select(
            runs.c.experiment_id, runs.c.run_id, runs.c.name, runs.c.seed, runs.c.state,
            case((regression, epochs.c.validation_r2), else_=epochs.c.validation_accuracy).label("validation"),
            case((regression, runs.c.r2), else_=runs.c.accuracy).label("test"),
            func.coalesce(reached.c.reached, 0).label("epochs_done"), runs.c.epochs, runs.c.parameters,
            runs.c.onnx_size_bytes, runs.c.latency, experiments.c.task,
        )
        .join(experiments, experiments.c.experiment_id == runs.c.experiment_id)
        .outerjoin(epochs, best).outerjoin(reached, at)
        .where(of_these, runs.c.role.in_(_TRAINED)).order_by(runs.c.number)
    ).mappings()
    return [
        SweepRun(**{**row, "latency": tuple(LatencyRow.model_construct(**one) for one in row["latency"])})
        for row in found
    ]


def version_of(connection: Connection, sweep_id: str) -> str:
    """Changes whenever anything of the sweep, its experiments' states, runs or curves does. Raises NotFound."""
    own = connection.execute(
        select(sweeps.c.journal_offset, sweeps.c.trials_offset, sweeps.c.deleted).where(sweeps.c.sweep_id == sweep_id)
    ).one_or_none()
    if own is None:
        raise unknown(sweep_id)
    ids = list(connection.scalars(select(rounds.c.experiment_id).where(rounds.c.sweep_id == sweep_id)))
    told = connection.execute(
        select(func.sum(experiments.c.events_offset), func.sum(experiments.c.journal_offset))
        .where(experiments.c.experiment_id.in_(ids))
    ).one()
    return "-".join(str(int(number or 0)) for number in (*own, *told))


def of_experiment(connection: Connection, experiment_id: str) -> tuple[str, int] | None:
    found = connection.execute(
        select(rounds.c.sweep_id, rounds.c.number).where(rounds.c.experiment_id == experiment_id).limit(1)
    ).one_or_none()
    return None if found is None else (str(found[0]), int(found[1]))


def _counts_of_trials(connection: Connection, ids: Sequence[str]) -> tuple[dict[str, int], dict[str, set[int]]]:
    """How many trials each sweep has, and the numbers of those that were pruned or refused."""
    counted = connection.execute(
        select(trials.c.sweep_id, func.count()).where(trials.c.sweep_id.in_(ids)).group_by(trials.c.sweep_id)
    ).all()
    left: dict[str, set[int]] = {}
    for sweep_id, number in connection.execute(
        select(trials.c.sweep_id, trials.c.number)
        .where(trials.c.sweep_id.in_(ids), or_(trials.c.refused != "", trials.c.pruned != ""))
    ):
        left.setdefault(sweep_id, set()).add(number)
    return {sweep_id: int(number) for sweep_id, number in counted}, left


def _counts_of_runs(connection: Connection, ids: Iterable[str]) -> dict[str, tuple[int, int]]:
    """All runs and those done of each experiment."""
    found = connection.execute(
        select(runs.c.experiment_id, func.count(), func.sum(case((runs.c.state.in_(DONE), 1), else_=0)))
        .where(runs.c.experiment_id.in_(list(ids))).group_by(runs.c.experiment_id)
    )
    return {row[0]: (int(row[1]), int(row[2])) for row in found}
