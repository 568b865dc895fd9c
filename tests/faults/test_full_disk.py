"""A disk that is full: who launches is told, nobody's numbers are lost, and all goes on once there is space."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from distill_core.errors import LabError
from distill_core.folders import Home
from distill_core.jobs.starting import DispatcherStarter
from distill_core.services import Lab
from distill_core.store.transitions import ENDED
from tests.faults.scene import Scene
from tests.faults.settling import settled, wait_for
from tests.store_samples import small_spec

pytestmark = pytest.mark.faults
SIZE_BYTES = 24 * 2**20


class SmallDisk:
    """A disk of its own, which `fill` leaves without a free byte and `free` gives back."""

    def __init__(self, path: Path) -> None:
        self.path, self._filler = path, path / "filler"

    def fill(self) -> None:
        for block in (2**20, 4096, 1):
            with self._filler.open("ab", buffering=0) as file:
                try:
                    while True:
                        file.write(b"\0" * block)
                except OSError:
                    continue

    def free(self) -> None:
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A small tmpfs, where this machine lets us mount one."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES}", "tmpfs", str(path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a small disk")
    yield SmallDisk(path)
    subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.fixture
def on_disk(disk: SmallDisk) -> Iterator[Scene]:
    made = Scene(Home(disk.path / "home"))
    yield made
    made.clear()


def test_a_launch_on_a_full_disk_says_so_and_leaves_nothing_half_done(
    disk: SmallDisk, with_catalogue: Callable[[Home], Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody takes what is launched away from the queue.
    monkeypatch.setattr(DispatcherStarter, "ensure", lambda self: None)
    home = with_catalogue(Home(disk.path / "home"))
    lab = Lab(home)
    kept = lab.launch(small_spec("before"), idempotency_key="before")
    disk.fill()
    with pytest.raises(LabError, match=r"[Nn]o space|full"):
        lab.launch(small_spec("during"), idempotency_key="during")
    # Looking needs no space.
    assert [row.experiment_id for row in lab.experiments()] == [kept] and lab.experiment(kept).row.state == "queued"
    disk.free()
    made = lab.launch(small_spec("during"), idempotency_key="during")
    assert {row.experiment_id for row in lab.experiments()} == {kept, made}
    assert lab.upkeep.reindex() == (2, []), "no half folder is left"
    for name in (kept, made):
        lab.stop(name)
    assert settled(home) == dict.fromkeys(sorted((kept, made)), "cancelled")


def test_worker_and_dispatcher_outlive_a_full_disk(disk: SmallDisk, on_disk: Scene) -> None:
    scene = on_disk
    name, second = scene.launch("epochs=60 pace=0.02 waits"), scene.launch("epochs=5")
    # Its own log and what it says go elsewhere: this is about the home.
    dispatcher = scene.dispatcher()
    wait_for(lambda: scene.look(name) > 0)
    disk.fill()
    (scene.folder(name).path / "go-on").symlink_to("/dev/null")
    wait_for(lambda: scene.worker(name) is None, why=scene.story)
    before = scene.look(name)
    assert dispatcher.poll() is None, "a full disk must not end the dispatcher"
    disk.free()
    scene.look(name)

    def ended() -> bool:
        scene.look(name)
        return scene.state(name) in ENDED and scene.state(second) in ENDED

    wait_for(ended, seconds=120, why=scene.story)
    if scene.state(name) == "failed":
        # Nobody's fault: whoever resumes it goes on from its checkpoint.
        assert "space" in scene.store.experiment(name).row.reason
        scene.store.transition(name, expected={"failed"}, to="queued", at=1.0, attempt=0)
    assert scene.end(seconds=120, needs_dispatcher=True) == {name: "succeeded", second: "succeeded"}
    assert scene.look(name) >= before
