"""A node of a Ray cluster is killed amid a training: another goes on from the checkpoint to the same result."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distill_core.event_log import read_events
from distill_core.events import EpochEnded
from distill_core.executors import REGISTRY
from distill_core.executors.executor import WORKER, Executor, read_placement
from distill_core.executors.local import LocalExecutor
from distill_core.folders import ExperimentFolder, Home
from distill_core.jobs.dispatcher import Dispatcher
from distill_core.processes import identity_of, is_held, read_stamp
from distill_core.spec import parse_spec
from distill_core.store.store import Store
from distill_core.store.transitions import ENDED
from tests.ray_cluster import RayCluster, wait_for

pytestmark = [pytest.mark.faults, pytest.mark.ray, pytest.mark.timeout(600)]


def turn_until(dispatcher: Dispatcher, done: Callable[[], bool], *, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "waited in vain"
        dispatcher.tick()
        time.sleep(0.05)


def trained(home: Home, spec: dict[str, Any], executor: Executor, *, name: str) -> tuple[Store, Dispatcher]:
    store = Store(home)
    store.create(parse_spec(spec), experiment_id=name, created_at=time.time())
    return store, Dispatcher(home, store, executor)


def epochs(folder: ExperimentFolder) -> int:
    return sum(isinstance(event, EpochEnded) for event, _ in read_events(folder.events))


def test_a_killed_node_s_experiment_goes_on_on_another_to_the_same_result(
    ray_cluster: RayCluster, tmp_path: Path, spec_data: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in {**ray_cluster.settings, "DISTILL_CHECKPOINT_SECONDS": "0", "DISTILL_THREADS": "1"}.items():
        monkeypatch.setenv(variable, value)
    spec_data |= {"seeds": [0], "students": spec_data["students"][:2]}
    spec_data["student_training"]["epochs"] = 12
    entry = REGISTRY["ray"]
    store, dispatcher = trained(
        Home(tmp_path / "cluster"), spec_data, entry.build(entry.resolve({}), WORKER), name="on-ray"
    )
    folder = store.home.experiment("on-ray")
    turn_until(dispatcher, lambda: store.state("on-ray") == "running" and epochs(folder) > 3, seconds=240)
    placement, stamp = read_placement(folder), read_stamp(folder.worker_stamp)
    assert placement is not None and stamp is not None
    node = placement.slots[0].rpartition("-")[0].rpartition("-")[0]
    ray_cluster.kill(node)
    wait_for(lambda: identity_of(stamp.pid) is None, seconds=60)
    try:
        turn_until(dispatcher, lambda: store.state("on-ray") in ENDED, seconds=240)
    finally:
        ray_cluster.add(node)
    second = read_placement(folder)
    assert second is not None and second.token != placement.token and second.slots[0] != placement.slots[0]
    assert store.state("on-ray") == "succeeded" and store.experiment("on-ray").row.attempt == 2
    assert not is_held(folder.worker_lock)

    # Undisturbed, on this machine: every prediction is the same.
    alone, local = trained(Home(tmp_path / "local"), spec_data, LocalExecutor(), name="here")
    turn_until(local, lambda: alone.state("here") in ENDED, seconds=240)
    assert alone.state("here") == "succeeded"
    ours = {run.run_id: run for run in store.runs(experiment_ids=["on-ray"])}
    theirs = {run.run_id: run for run in alone.runs(experiment_ids=["here"])}
    assert ours.keys() == theirs.keys() and len(ours) == 3
    for run_id in ours:
        mine, other = (home.run(run_id) for home in (folder, alone.home.experiment("here")))
        np.testing.assert_array_equal(np.load(mine.test_logits), np.load(other.test_logits))
    states: list[str] = []
    turned_away = 0
    for line in map(json.loads, folder.journal.read_text().splitlines()):
        if line["kind"] == "state":
            states.append(line["state"])
            if line["state"] == "queued" and "has left" in line["reason"]:
                # Sent to the node that had just gone: no attempt, and the devices are asked for anew.
                turned_away += 1
                del states[-3:]
    assert states == ["queued", "starting", "running", "lost", "queued", "starting", "running", "succeeded"]
    assert turned_away <= 2
