"""How much of the disk an experiment takes, by kind of file; and which checkpoints can go once it has ended."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from distill_core.folders import ExperimentFolder, RunFolder

Kind = Literal["models", "checkpoints", "onnx", "logs", "data"]
KINDS: tuple[Kind, ...] = ("models", "checkpoints", "onnx", "logs", "data")
_TOOLS = ("tensorboard", "mlflow", "wandb", "exports")


@dataclass(frozen=True)
class DiskUse:
    """Bytes by kind: trained networks, checkpoints to resume from, exported files, logs and curves, all else."""

    models: int = 0
    checkpoints: int = 0
    onnx: int = 0
    logs: int = 0
    data: int = 0

    @property
    def total(self) -> int:
        return sum(getattr(self, kind) for kind in KINDS)

    def by_kind(self) -> dict[Kind, int]:
        return {kind: getattr(self, kind) for kind in KINDS}

    def __add__(self, other: DiskUse) -> DiskUse:
        return DiskUse(**{kind: getattr(self, kind) + getattr(other, kind) for kind in KINDS})


def disk_use(folder: Path) -> DiskUse:
    """Of an experiment's folder; one that is gone takes nothing."""
    sums: dict[str, int] = dict.fromkeys(KINDS, 0)
    for entry in _files(folder):
        try:
            sums[_kind(entry, folder)] += entry.stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            # A worker replaces its files all the time.
            continue
    return DiskUse(**sums)


def folder_bytes(folder: Path) -> int:
    """Of any folder and what is below it."""
    return disk_use(folder).total


def needless_checkpoints(folder: ExperimentFolder) -> list[Path]:
    """What an ended experiment needs only to be resumed: all checkpoints, but the best network of a run without model.

    A stopped or finished run has its best network as its model; of one that failed the best so far may be all there is.
    """
    found: list[Path] = []
    for path in sorted(folder.path.glob("runs/*")):
        run = RunFolder(path)
        found += [path for path in (run.checkpoint, run.checkpoint_before) if path.exists()]
        bests = run.bests()
        found += bests if run.model.exists() else bests[:-1]
    return found


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        else:
            yield entry


def _kind(entry: os.DirEntry[str], folder: Path) -> Kind:
    name = entry.name
    if name.endswith(".safetensors"):
        return "checkpoints" if name.startswith(("checkpoint", "best-")) else "models"
    if name.endswith((".onnx", ".onnx.data")):
        return "onnx"
    top = entry.path[len(str(folder)) + 1 :].split(os.sep)[0]
    if name.endswith((".log", ".jsonl")) or top in _TOOLS:
        return "logs"
    return "data"
