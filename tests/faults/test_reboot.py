"""The machine went down under everybody and came up again: stamps of the old boot name nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from distill_core.folders import read_json, write_json
from distill_core.processes import identity_of, read_stamp
from tests.faults.quick_worker import RUNS, loss_of
from tests.faults.scene import Scene
from tests.faults.settling import seen, wait_for

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("reused", [pytest.param(False, marks=pytest.mark.slow), True])
def test_after_a_reboot_all_goes_on_and_strangers_with_old_pids_are_left_alone(scene: Scene, reused: bool) -> None:
    names = [scene.launch("epochs=20 waits", device=device) for device in ("cpu", "cuda:0")]
    waiting = scene.launch("epochs=5")
    scene.dispatcher()
    wait_for(lambda: all(scene.look(name) for name in names), why=scene.story)
    scene.kill_dispatcher()
    for name in names:
        scene.kill_worker(name)
    wait_for(lambda: not any(scene.worker(name) for name in names))
    # A pid that was given out again: now a stranger has it, who must not be taken for the worker, nor be killed.
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    for name in names:
        path = scene.folder(name).worker_stamp
        stamp = read_json(path)
        boot, pid, ticks = stamp["identity"].split(":")
        stamp["identity"] = f"{'0' * 8}{boot[8:]}:{pid}:{ticks}"
        if reused:
            own = str(identity_of(stranger.pid)).split(":")
            stamp |= {"pid": stranger.pid, "identity": f"{'0' * 8}{boot[8:]}:{stranger.pid}:{own[2]}"}
        write_json(path, stamp)
        # A power cut in the middle of a line.
        with scene.folder(name).events.open("ab") as events:
            events.write(json.dumps({"kind": "epoch"}).encode()[:-4])
        (scene.folder(name).path / "go-on").touch()
        assert read_stamp(path) is not None
    assert scene.end(needs_dispatcher=True) == dict.fromkeys([*names, waiting], "succeeded")
    for name in names:
        assert scene.store.experiment(name).row.attempt == 2
        assert seen(scene.store, name) == {(run, number, loss_of(run, number)) for run in RUNS for number in
                                           range(1, 21)}
    assert stranger.poll() is None, "a stranger was killed"
    os.kill(stranger.pid, 9)
    stranger.wait()
