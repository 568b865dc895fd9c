"""Which devices this machine has, asked of the driver, so that it needs no torch."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import psutil
import pynvml

from distill_core.processor import available_cores, cpu_model

# More threads than this rarely help the small networks of a distillation, and leave the machine unusable.
MOST_THREADS = 4


@dataclass(frozen=True)
class Device:
    """`name` as in a spec's `device`."""

    name: str
    title: str
    memory_bytes: int


def list_devices() -> list[Device]:
    """The GPUs that torch will see, then the processor."""
    return [*_gpus(), Device("cpu", f"{cpu_model()} ({available_cores()} cores)", psutil.virtual_memory().total)]


def resolve_device(wanted: str) -> str:
    """What `auto` means here; anything else as it is, with the index spelled out."""
    if wanted == "auto":
        return "cuda:0" if _gpus() else "cpu"
    return "cuda:0" if wanted == "cuda" else wanted


def gpu_memory_bytes(device: str, *, pid: int) -> int:
    """Memory that a process holds on a GPU; 0 on the processor or where the driver does not tell."""
    if not device.startswith("cuda"):
        return 0
    try:
        pynvml.nvmlInit()
        handle = _visible_handles()[int(device.partition(":")[2] or 0)]
        used = [p.usedGpuMemory or 0 for p in pynvml.nvmlDeviceGetComputeRunningProcesses(handle) if p.pid == pid]
        return sum(used)
    except (pynvml.NVMLError, IndexError):
        return 0


def gpu_free_bytes(device: str) -> int | None:
    """Memory of a GPU that no process holds; None on the processor or where the driver does not tell."""
    if not device.startswith("cuda"):
        return None
    try:
        pynvml.nvmlInit()
        return int(pynvml.nvmlDeviceGetMemoryInfo(_visible_handles()[int(device.partition(":")[2] or 0)]).free)
    except (pynvml.NVMLError, IndexError):
        return None


def default_threads() -> int:
    """The most threads a worker may use: DISTILL_THREADS, else the cores up to MOST_THREADS."""
    chosen = os.environ.get("DISTILL_THREADS", "")
    physical = min(available_cores(), psutil.cpu_count(logical=False) or available_cores())
    return max(1, int(chosen)) if chosen.isdecimal() else max(1, min(physical, MOST_THREADS))


def package_versions() -> dict[str, str]:
    """Versions of what decides the numbers, without importing it."""
    found = {"python": platform.python_version()}
    for name in ("torch", "torchvision", "onnx", "onnxruntime", "scikit-learn", "numpy", "streamlit"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _gpus() -> list[Device]:
    # A build of torch for the processor alone says so in its version.
    if "+cpu" in package_versions().get("torch", "+cpu"):
        return []
    try:
        pynvml.nvmlInit()
        return [
            Device(f"cuda:{index}", str(pynvml.nvmlDeviceGetName(handle)), pynvml.nvmlDeviceGetMemoryInfo(handle).total)
            for index, handle in enumerate(_visible_handles())
        ]
    except pynvml.NVMLError:
        return []


def _visible_handles() -> list[pynvml.c_nvmlDevice_t]:
    """Devices in the order torch numbers them; needs nvmlInit. See CUDA_VISIBLE_DEVICES in the CUDA guide."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
    handles = []
    for part in (part.strip() for part in visible.split(",")):
        if part.isdecimal() and int(part) < pynvml.nvmlDeviceGetCount():
            handles.append(pynvml.nvmlDeviceGetHandleByIndex(int(part)))
        elif part.startswith("GPU-"):
            handles.append(pynvml.nvmlDeviceGetHandleByUUID(part))
        else:
            # CUDA ignores everything from the first invalid entry on.
            break
    return handles
