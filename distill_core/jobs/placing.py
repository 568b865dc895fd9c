"""Who goes where: finds free devices for an experiment that waits, or tells what it waits for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from distill_core.errors import LabError, Problem
from distill_core.executors.executor import Placement, Slot
from distill_core.folders import ExperimentFolder, read_json
from distill_core.spec import ExperimentSpec

# The driver and the allocator need some of a GPU for themselves.
USABLE_SHARE = 0.95
GB = 10**9


class CannotBePlaced(LabError):
    """No device that there is could ever take it; the sentence says what is allowed."""


@dataclass(frozen=True)
class Need:
    """What an experiment asks of devices. `gpu_memory_bytes` 0: a whole GPU, or several."""

    device: str
    """As in a spec: auto, cpu, cuda or cuda:1."""
    began_on: Literal["", "cpu", "cuda"]
    """The kind of device that its runs are named by; empty if it never began."""
    gpu_memory_bytes: int
    processes: int


def need_of(spec: ExperimentSpec, folder: ExperimentFolder) -> Need:
    """Of a spec, and of how the experiment in this folder began: its figures belong to one kind of device."""
    try:
        kind = str(read_json(folder.origin)["device_kind"])
    except (OSError, ValueError, KeyError, TypeError):
        kind = ""
    began_on: Literal["", "cpu", "cuda"] = "cpu" if kind == "cpu" else "cuda" if kind else ""
    return Need(spec.device, began_on, round((spec.gpu_memory_gb or 0) * GB), spec.processes)


class Board:
    """The devices, who is on them, and what is kept free for who waits first."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self._slots = {slot.name: slot for slot in slots}
        # What each of those on a device declared to need; 0: all of it.
        self._needs: dict[str, list[int]] = {name: [] for name in self._slots}
        self._kept: set[str] = set()

    def occupy(self, names: Iterable[str], gpu_memory_bytes: int) -> None:
        """Devices that are no longer there are nobody's."""
        for name in names:
            if name in self._needs:
                self._needs[name].append(gpu_memory_bytes)

    def place(self, need: Need) -> tuple[Slot, ...] | str:
        """The devices it gets, or what it waits for; those are then kept from whoever asks later.

        Raises CannotBePlaced. What it gets is not yet occupied: `occupy` it once it has begun.
        """
        fitting = self._fitting(need)
        number = need.processes if fitting[0].is_gpu else 1
        free = [slot for slot in fitting if slot.name not in self._kept and self._has_room(slot, need)]
        free.sort(key=self._tenths_of_strangers)
        for together in _by_node(free):
            if len(together) >= number:
                return tuple(together[:number])
        # Else a small one could always slip in before one that needs all of a GPU, or several.
        self._kept.update(slot.name for slot in fitting)
        return _waits_for(fitting, need, number)

    def _fitting(self, need: Need) -> list[Slot]:
        """The devices that could take it if they were free."""
        gpus = [slot for slot in self._slots.values() if slot.is_gpu]
        processors = [slot for slot in self._slots.values() if not slot.is_gpu]
        if need.began_on == "cuda" and not gpus:
            raise CannotBePlaced(
                "It began on a GPU, to which its figures belong, and there is none now. Resume it when there is, or "
                "start a new experiment from its settings."
            )
        if need.device == "auto":
            kind = need.began_on or ("cuda" if gpus else "cpu")
            found = gpus if kind == "cuda" else processors
        elif need.device in ("cpu", "cuda"):
            found = gpus if need.device == "cuda" else processors
        else:
            found = [slot for slot in gpus if need.device in (slot.name, slot.device)]
        if not found:
            there = ["auto", *self._slots]
            raise CannotBePlaced(str(Problem("device", need.device, ", ".join(there), "There is no other device.")))
        if found[0].is_gpu:
            self._check_gpus(found, need)
        return found

    def _check_gpus(self, gpus: list[Slot], need: Need) -> None:
        together = max(len(on_one) for on_one in _by_node(gpus))
        if need.processes > together:
            remedy = "Each process needs a GPU of its own, on one machine."
            raise CannotBePlaced(str(Problem("processes", need.processes, f"up to {together}", remedy)))
        most = max(USABLE_SHARE * slot.memory_bytes for slot in gpus)
        # A node that has just joined a cluster does not tell yet.
        if need.gpu_memory_bytes > most and all(slot.memory_bytes for slot in gpus):
            allowed = f"up to {most / GB:.1f} on these GPUs"
            raise CannotBePlaced(str(Problem("gpu_memory_gb", need.gpu_memory_bytes / GB, allowed, "Declare less.")))

    def _has_room(self, slot: Slot, need: Need) -> bool:
        others, wanted = self._needs[slot.name], need.gpu_memory_bytes
        if not slot.is_gpu or not wanted:
            return not others
        if slot.free_bytes is not None and wanted > slot.free_bytes:
            # Somebody else's process, or one of ours that took more than it declared.
            return False
        return 0 not in others and sum(others) + wanted <= USABLE_SHARE * slot.memory_bytes

    def _tenths_of_strangers(self, slot: Slot) -> int:
        """How much of a GPU that is free of ours is taken; in tenths, for a screen's few bytes decide nothing."""
        if not slot.is_gpu or slot.free_bytes is None or not slot.memory_bytes or self._needs[slot.name]:
            return 0
        return 10 * (slot.memory_bytes - slot.free_bytes) // slot.memory_bytes


def _by_node(slots: Sequence[Slot]) -> list[list[Slot]]:
    """Those of each machine, in the order in which the machines first appear."""
    found: dict[str, list[Slot]] = {}
    for slot in slots:
        found.setdefault(slot.node, []).append(slot)
    return list(found.values())


def _waits_for(fitting: list[Slot], need: Need, number: int) -> str:
    if not fitting[0].is_gpu:
        return "Waits until the processor is free."
    if number > 1:
        return f"Waits for {number} free GPUs."
    which = fitting[0].name if len(fitting) == 1 else "a GPU"
    if need.gpu_memory_bytes:
        return f"Waits for {need.gpu_memory_bytes / GB:g} GB of {which}."
    return f"Waits until {which} is free."


def placement_on(slots: Sequence[Slot], need: Need, *, token: str, attempt: int) -> Placement:
    """What is written for the worker."""
    memory = need.gpu_memory_bytes if slots[0].is_gpu else 0
    return Placement(token, attempt, tuple(slot.name for slot in slots), slots[0].device, memory)
