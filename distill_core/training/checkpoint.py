"""Keeps a training's last two checkpoints and its best network, and finds the newest that is whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from distill_core.folders import RunFolder, write_bytes

_IN_FILE_BEST = "best."


@dataclass(frozen=True)
class Checkpoint:
    """What a training goes on from. `tensors` and `best` by name; `facts` is JSON, with the best epoch among it."""

    tensors: dict[str, Tensor]
    best: dict[str, Tensor]
    facts: dict[str, Any]


class _Damaged(Exception):
    """A file is not what was written."""


def write_checkpoint(
    folder: RunFolder, tensors: Mapping[str, Tensor], *, best: Mapping[str, Tensor], best_epoch: int,
    facts: Mapping[str, Any], fence: Callable[[], None] = lambda: None,
) -> None:
    """Keep this state and the one before, each with a checksum, and the best networks that these two name.

    The best network is a file of its own, written only when there is a better one: it is the larger part of what
    would otherwise be written again and again. Whoever is killed here leaves at least one usable checkpoint.
    """
    place = folder.checkpoint
    place.parent.mkdir(parents=True, exist_ok=True)
    for left in place.parent.glob(".*.safetensors.*.tmp"):
        # Of a predecessor that was killed; nobody else works in this folder.
        left.unlink(missing_ok=True)
    named = folder.best(best_epoch)
    if best and not named.exists():
        write_bytes(named, _serialised(best, {"epoch": best_epoch}), fence=fence)
    write_bytes(place, _serialised(tensors, {**facts, "best_file": named.name if best else ""}),
                before=folder.checkpoint_before, fence=fence)
    wanted = {_best_file(place), _best_file(folder.checkpoint_before)}
    for old in folder.bests():
        if old.name not in wanted:
            old.unlink(missing_ok=True)


def read_checkpoint(
    folder: RunFolder, *, device: str, at: int | None = None
) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole checkpoint, None if there is none; and a sentence on each that could not be used.

    `at`: only one of that step. What is damaged is removed, or the next to be written would push the whole one out of
    its place.
    """
    troubles: list[str] = []
    for path in (folder.checkpoint, folder.checkpoint_before):
        if not path.exists() or (at is not None and _fact(path, "step") != at):
            continue
        try:
            return _read(path, folder, device), troubles
        except (_Damaged, SafetensorError, OSError, KeyError, ValueError) as error:
            troubles.append(f"The checkpoint {path.name} is damaged ({error})")
            path.unlink(missing_ok=True)
    return None, troubles


def kept_steps(folder: RunFolder) -> list[int]:
    """The steps of the checkpoints that are there, by their headers alone; the newest first."""
    steps = (_fact(path, "step") for path in (folder.checkpoint, folder.checkpoint_before))
    return [int(step) for step in steps if step is not None]


def remove_checkpoints(folder: RunFolder) -> None:
    """Of a run that needs no resuming."""
    for path in (folder.checkpoint, folder.checkpoint_before, *folder.bests()):
        path.unlink(missing_ok=True)


def _read(path: Path, folder: RunFolder, device: str) -> Checkpoint:
    tensors, facts = _read_file(path, device)
    inside = {name for name in tensors if name.startswith(_IN_FILE_BEST)}
    # Before there were files of their own, the best network lay within.
    best = {name.removeprefix(_IN_FILE_BEST): tensors.pop(name) for name in inside}
    if named := facts.pop("best_file", ""):
        of_best = folder.path / Path(named).name
        try:
            best, _ = _read_file(of_best, device)
        except (_Damaged, SafetensorError, KeyError, ValueError):
            of_best.unlink(missing_ok=True)
            raise
    return Checkpoint(tensors, best, facts)


def _read_file(path: Path, device: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with safe_open(path, framework="pt", device="cpu") as file:
        metadata = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    told = metadata.get("checksum")
    if told is not None and told != _checksum(tensors, metadata["run"]):
        raise _Damaged(f"the checksum of {path.name} does not fit")
    facts: dict[str, Any] = json.loads(metadata["run"])
    return {name: value.to(device) for name, value in tensors.items()}, facts


def _serialised(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> bytes:
    # Copies: safetensors refuses tensors that share memory or are not contiguous.
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    words = json.dumps(facts)
    return save(plain, metadata={"run": words, "checksum": _checksum(plain, words)})


def _checksum(tensors: Mapping[str, Tensor], words: str) -> str:
    """SHA-256 of every tensor's name, kind, shape and bytes, and of the facts."""
    digest = hashlib.sha256(words.encode())
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(f"{name} {value.dtype} {tuple(value.shape)};".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _best_file(path: Path) -> str:
    """The best network that a checkpoint names; empty if there is no readable one."""
    return str(_fact(path, "best_file") or "")


def _fact(path: Path, name: str) -> Any:
    """One of a checkpoint's facts, from its header alone; None if there is no readable one."""
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return json.loads((file.metadata() or {})["run"]).get(name)
    except (SafetensorError, OSError, KeyError, ValueError):
        return None
