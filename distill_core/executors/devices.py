"""Which devices this machine has, asked of the driver, so that it needs no torch."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import psutil
import pynvml

from distill_core.language import sayable
from distill_core.processor import available_cores, cpu_model

# The oldest GPUs that PyPI's torch has code for (Turing); on older ones nothing runs.
OLDEST_CAPABILITY = (7, 5)
# More threads than this rarely help the small networks of a distillation, and leave the machine unusable.
MOST_THREADS = 4
_PACKAGES = (
    "torch", "torchvision", "onnx", "onnxruntime", "onnxruntime-gpu", "scikit-learn", "numpy", "streamlit",
)


@dataclass(frozen=True)
class Device:
    """`name` as in a spec's `device`."""

    name: str
    title: str
    memory_bytes: int


def list_devices() -> list[Device]:
    """The GPUs that torch will see, then the processor."""
    return [*_gpus(), Device("cpu", f"{cpu_model()} ({available_cores()} cores)", psutil.virtual_memory().total)]


def unused_gpus() -> list[str]:
    """A sentence for each reason why torch will not see a GPU that the driver knows."""
    return _look()[1]


def resolve_device(wanted: str) -> str:
    """What `auto` means here; anything else as it is, with the index spelled out."""
    if wanted == "auto":
        gpus = _gpus()
        return gpus[0].name if gpus else "cpu"
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
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _gpus() -> list[Device]:
    return _look()[0]


def _look() -> tuple[list[Device], list[str]]:
    """The GPUs that torch can use, by the numbers it gives them, and why it cannot use others."""
    # A build of torch for the processor alone says so in its version.
    if "+cpu" in package_versions().get("torch", "+cpu"):
        return [], []
    try:
        pynvml.nvmlInit()
        driver, wanted = pynvml.nvmlSystemGetCudaDriverVersion_v2() // 1000, _cuda_of_torch()
        handles = _visible_handles()
    except pynvml.NVMLError:
        return [], []
    if handles and driver < wanted:
        return [], [sayable(f"The GPU's driver is for CUDA {driver}, this torch for CUDA {wanted}: update the driver.")]
    gpus, reasons = [], []
    for index, handle in enumerate(handles):
        try:
            title = str(pynvml.nvmlDeviceGetName(handle))
            if tuple(pynvml.nvmlDeviceGetCudaComputeCapability(handle)) < OLDEST_CAPABILITY:
                oldest = ".".join(map(str, OLDEST_CAPABILITY))
                reasons.append(sayable(f"{title} is too old for this torch, which needs compute capability {oldest}."))
            else:
                gpus.append(Device(f"cuda:{index}", title, _memory_of(handle)))
        except pynvml.NVMLError as error:
            # One that has fallen off the bus must not hide the others.
            reasons.append(sayable(f"The driver does not tell of GPU {index}: {error}."))
    return gpus, reasons


def _memory_of(handle: pynvml.c_nvmlDevice_t) -> int:
    try:
        return int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)
    except pynvml.NVMLError_NotSupported:
        # It has none of its own: processor and GPU share the machine's.
        return int(psutil.virtual_memory().total)


def _cuda_of_torch() -> int:
    """The major version of the CUDA that torch was built with, as its packages tell; 0 where they do not."""
    for name in ("nvidia-cuda-runtime", "nvidia-cuda-runtime-cu12"):
        try:
            return int(version(name).partition(".")[0])
        except (PackageNotFoundError, ValueError):
            continue
    return 0


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
