"""Tells which experiment keeps a device busy, from the locks that its worker holds; opens no database."""

from __future__ import annotations

from pathlib import Path

from distill_core.charts.names import plain_name
from distill_core.errors import LabError
from distill_core.executors.devices import resolve_device
from distill_core.executors.executor import read_placement
from distill_core.folders import ExperimentFolder, Home
from distill_core.processes import is_held
from distill_core.spec import read_spec

_ON_GPU = {"CUDAExecutionProvider", "TensorrtExecutionProvider"}


def processor_busy(home: Home) -> str:
    """What a measurement on the processor waits for, in one sentence; empty if nothing is in the way."""
    if not is_held(home.processor_lock):
        return ""
    working = _working(home)
    # One that trains on a GPU holds the processor too while it measures there.
    holder = next((folder for folder, device in working if device == "cpu"), working[0][0] if working else None)
    if holder is None:
        return "Another measurement keeps this processor busy; measuring begins at its end."
    return _sentence(holder, "this processor")


def gpu_lock(home: Home) -> Path:
    """Of the GPU on which ONNX Runtime measures: the first that it sees."""
    return home.device_lock("cuda:0")


def gpu_busy(home: Home, provider: str) -> str:
    """The same of the GPU that a provider measures on; empty for providers that use none."""
    if not on_gpu(provider) or not is_held(gpu_lock(home)):
        return ""
    holder = next((folder for folder, device in _working(home) if device == "cuda:0"), None)
    if holder is None:
        return "Another measurement keeps this GPU busy; measuring begins at its end."
    return _sentence(holder, "this GPU")


def on_gpu(provider: str) -> bool:
    """Whether an execution provider of ONNX Runtime computes on a GPU."""
    return provider in _ON_GPU


def _working(home: Home) -> list[tuple[ExperimentFolder, str]]:
    """Experiments whose worker is alive, and its device; one for each of its devices."""
    if not home.experiments.is_dir():
        return []
    found = []
    for path in sorted(home.experiments.iterdir()):
        folder = ExperimentFolder(path)
        if is_held(folder.worker_lock):
            found += [(folder, device) for device in _devices(folder)]
    return found


def _devices(folder: ExperimentFolder) -> tuple[str, ...]:
    if placement := read_placement(folder):
        return placement.slots
    try:
        # Begun by hand.
        return (resolve_device(read_spec(folder.spec).device),)
    # A spec that cannot be read ends its worker soon; until then it may well use the processor.
    except LabError:
        return ("cpu",)


def _sentence(folder: ExperimentFolder, where: str) -> str:
    try:
        name = plain_name(read_spec(folder.spec).name)
    except LabError:
        name = "without a readable spec"
    return (
        f"Experiment “{name}” ({folder.path.name}) is at work on {where}; measuring begins at its end."
    )


