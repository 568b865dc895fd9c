"""The last two checkpoints and the best network: whoever is killed, and whatever is damaged, one of them is usable."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from distill_core.folders import RunFolder
from distill_core.training.checkpoint import read_checkpoint, remove_checkpoints, write_checkpoint

CALLS = ("open", "fsync", "close", "replace", "unlink")


class Killed(BaseException):
    """kill -9: nothing that the process would still do gets done."""


def state(step: int) -> dict[str, Tensor]:
    return {"model.weight": torch.full((3, 4), float(step)), "optimizer.0.step": torch.tensor(float(step))}


def write(folder: RunFolder, step: int, *, best_epoch: int = 0) -> None:
    best = {"weight": torch.full((3, 4), float(best_epoch))} if best_epoch else {}
    facts = {"step": step, "best_was": best_epoch}
    write_checkpoint(folder, state(step), best=best, best_epoch=best_epoch, facts=facts)


def assert_usable(folder: RunFolder, *, steps: set[int]) -> int:
    found, _ = read_checkpoint(folder, device="cpu")
    assert found is not None
    step, best = found.facts["step"], found.facts["best_was"]
    assert step in steps
    assert all(torch.equal(found.tensors[name], value) for name, value in state(step).items())
    assert not best or torch.equal(found.best["weight"], torch.full((3, 4), float(best)))
    return int(step)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run")


def test_the_last_two_and_the_best_that_they_name_are_kept(folder: RunFolder) -> None:
    for step, best in ((1, 0), (2, 1), (3, 1), (4, 3), (5, 3)):
        write(folder, step, best_epoch=best)
    assert assert_usable(folder, steps={5}) == 5
    names = {path.name for path in folder.path.iterdir()}
    assert names == {folder.checkpoint.name, folder.checkpoint_before.name, folder.best(3).name}
    remove_checkpoints(folder)
    assert list(folder.path.iterdir()) == []


@pytest.mark.parametrize("damage", ["cut", "a byte", "empty", "gone"])
def test_a_damaged_newest_falls_back_to_the_one_before_and_says_so(folder: RunFolder, damage: str) -> None:
    write(folder, 1, best_epoch=1)
    write(folder, 2, best_epoch=2)
    data = bytearray(folder.checkpoint.read_bytes())
    if damage == "gone":
        folder.best(2).unlink()
    else:
        data[-3] ^= 1
        folder.checkpoint.write_bytes({"cut": bytes(data[:-9]), "a byte": bytes(data), "empty": b""}[damage])
    found, troubles = read_checkpoint(folder, device="cpu")
    assert found is not None and found.facts["step"] == 1
    assert len(troubles) == 1 and "checkpoint.safetensors is damaged" in troubles[0]
    # Going on must not push the whole one out by the damaged one.
    write(folder, 2, best_epoch=2)
    folder.checkpoint.write_bytes(b"damaged again")
    assert assert_usable(folder, steps={1}) == 1


def test_a_best_network_of_flipped_bits_is_never_taken(folder: RunFolder) -> None:
    write(folder, 1, best_epoch=1)
    data = bytearray(folder.best(1).read_bytes())
    data[-1] ^= 128
    folder.best(1).write_bytes(data)
    found, troubles = read_checkpoint(folder, device="cpu")
    assert found is None and len(troubles) == 1
    write(folder, 1, best_epoch=1)
    assert_usable(folder, steps={1})


def test_checkpoints_of_before_are_still_read(folder: RunFolder) -> None:
    """They had no checksum, and the best network within."""
    folder.path.mkdir()
    save_file(state(4) | {"best.weight": torch.ones(3, 4)}, folder.checkpoint, metadata={"run": '{"step": 4}'})
    found, troubles = read_checkpoint(folder, device="cpu")
    assert troubles == [] and found is not None and found.facts["step"] == 4
    assert set(found.best) == {"weight"} and set(found.tensors) == set(state(4))


def test_killed_before_any_system_call_of_a_write_one_is_usable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every call that changes the folder, one by one; then the next attempt goes on and leaves nothing behind."""
    survived = 0
    for fatal in range(200):
        folder = RunFolder(tmp_path / str(fatal))
        write(folder, 1, best_epoch=1)
        write(folder, 2, best_epoch=1)
        if not killed_at(fatal, monkeypatch, lambda folder=folder: write(folder, 3, best_epoch=3)):
            break
        survived += 1
        assert_usable(folder, steps={2, 3})
        write(folder, 4, best_epoch=3)
        assert assert_usable(folder, steps={4}) == 4
        assert not list(folder.path.glob(".*")), "halves of a killed process go"
    assert survived > 12, "the calls were not met"


def killed_at(number: int, monkeypatch: pytest.MonkeyPatch, work: Callable[[], None]) -> bool:
    """Whether the work came to its `number`-th call, before which it was killed."""
    count = 0

    def deadly(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            if count >= number:
                raise Killed
            count += 1
            return real(*args, **kwargs)

        return call

    with monkeypatch.context() as patched:
        for name in CALLS:
            patched.setattr(os, name, deadly(getattr(os, name)))
        # Python's own file objects and paths do not all go through `os`.
        for name in ("open", "replace", "unlink"):
            patched.setattr(Path, name, deadly(getattr(Path, name)))
        try:
            work()
        except Killed:
            return True
    return False


def test_a_full_disk_takes_neither_checkpoint_nor_room(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, 1)

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
        patched.setattr(os, "fsync", full)
        write(folder, 2)
    assert_usable(folder, steps={1})
    assert [path.name for path in folder.path.iterdir()] == [folder.checkpoint.name]


def test_the_best_network_is_written_once_not_at_every_checkpoint(folder: RunFolder) -> None:
    write(folder, 1, best_epoch=1)
    written = folder.best(1).stat().st_mtime_ns, folder.best(1).stat().st_ino
    write(folder, 2, best_epoch=1)
    assert (folder.best(1).stat().st_mtime_ns, folder.best(1).stat().st_ino) == written
    assert "best.weight" not in load_file(folder.checkpoint)
