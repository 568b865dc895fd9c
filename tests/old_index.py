"""An index as an earlier release left it, made by that release's own revisions, with rows in it."""

from __future__ import annotations

import json
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from distill_core.folders import Home
from distill_core.store import database, migrations
from tests.store_samples import small_spec

RELEASED = ("0001", "0002", "0003", "0004", "0005", "0006")
EXPERIMENTS, POINTS = 40, 50
_EXPERIMENT = {
    "created_at": 1.0, "deleted": False, "spec": json.dumps(small_spec().to_json()),
    "name": "old one", "dataset": "digits", "teacher": "small-cnn", "students": '["alone"]', "seeds": 2,
    "wanted_device": "cpu", "state": "succeeded", "reason": "", "attempt": 0, "busy_seconds": 3.0,
    "class_names": '["zero","one"]', "journal_offset": 7, "events_offset": 0,
}
_RUN = {
    "run_id": "r", "role": "student", "name": "distilled", "seed": 0, "state": "finished",
    "architecture": "tiny-cnn", "parameters": 10, "macs": 20, "size_bytes": 40, "epochs": 3, "samples_seen": "",
    "teacher_terms": "[]", "reused_from": "", "stop_rule": "", "accuracy": 0.9, "nll": "nan", "per_class": "[0.9,0.8]",
    "confusion": "[]", "latency": "[]", "latency_shared_from": "",
}
_POINT = {
    "run_id": "r", "step": 6, "learning_rate": 0.1, "train_loss": 0.5, "validation_accuracy": 0.8,
    "validation_nll": "nan", "raw_terms": "{}", "weighted_terms": "{}", "best": True,
}
_WORKER = {
    "pid": 7, "device": "cpu", "device_name": "a processor", "threads": 2, "machine": "m", "versions": "{}",
    "memory_bytes": 1, "gpu_memory_bytes": 0, "cpu_percent": 1.5, "started_offset": 1, "ended_offset": 0,
    "outcome_reason": "",
}


def make_old_index(home: Home, revision: str) -> None:
    """In whichever database the environment names; 40 experiments with a run and 50 points each."""
    home.path.mkdir(parents=True, exist_ok=True)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    index = database._index(home)
    with index.writing.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        ids = [{"experiment_id": f"old-{number:02d}"} for number in range(EXPERIMENTS)]
        _insert(connection, "experiments", [_EXPERIMENT | key for key in ids])
        _insert(connection, "runs", [_RUN | key for key in ids])
        _insert(connection, "workers", [_WORKER | key for key in ids])
        _insert(connection, "epochs", [_POINT | key | {"epoch": number} for key in ids for number in range(POINTS)])
    index.engine.dispose()


def _insert(connection: Connection, table: str, rows: list[dict[str, object]]) -> None:
    columns, values = ", ".join(rows[0]), ", ".join(f":{name}" for name in rows[0])
    connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({values})"), rows)
