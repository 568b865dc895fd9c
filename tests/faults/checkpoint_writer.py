"""`checkpoint_writer.py FOLDER`: writes checkpoints until it is killed, again and again; says how many were written."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

from distill_core.folders import RunFolder
from distill_core.training.checkpoint import read_checkpoint, write_checkpoint

SIDE = 200
KILLS = 50


def write_forever(folder: RunFolder, told: int) -> None:
    found, _ = read_checkpoint(folder, device="cpu")
    step = found.facts["step"] if found else 0
    while True:
        step += 1
        tensors = {"model.weight": torch.full((SIDE, SIDE), float(step))}
        best_epoch = step // 3
        best = {"weight": torch.full((SIDE, SIDE), float(best_epoch))} if best_epoch else {}
        write_checkpoint(
            folder, tensors, best=best, best_epoch=best_epoch, facts={"step": step, "best_epoch": best_epoch}
        )
        os.write(told, f"{step}\n".encode())


def main(path: Path) -> None:
    """Each kill at a random moment; what was acknowledged must be there, whole, or a later one."""
    torch.set_num_threads(1)
    folder, acknowledged, randomness = RunFolder(path), 0, random.Random(5)
    begun = time.perf_counter()
    timed = RunFolder(path / "timed")
    write_checkpoint(timed, {"model.weight": torch.zeros(SIDE, SIDE)}, best={}, best_epoch=0, facts={})
    # On a busy disk a write takes long, and some must be finished between two kills.
    longest = min(1.0, max(0.05, 4 * (time.perf_counter() - begun)))
    for _ in range(KILLS):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            write_forever(folder, writing)
        os.close(writing)
        time.sleep(randomness.uniform(0.005, longest))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(reading) as lines:
            acknowledged = max([acknowledged, *(int(line) for line in lines if line.endswith("\n"))])
        found, troubles = read_checkpoint(folder, device="cpu")
        assert not troubles, troubles
        assert found is not None or acknowledged == 0, f"lost {acknowledged}"
        if found is not None:
            step, best_epoch = found.facts["step"], found.facts["best_epoch"]
            assert step >= acknowledged, f"{step} after {acknowledged}"
            assert bool((found.tensors["model.weight"] == step).all())
            assert not best_epoch or bool((found.best["weight"] == best_epoch).all())
    print(acknowledged)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
