"""Devices are found as torch will number them, without torch."""

from __future__ import annotations

from types import SimpleNamespace

import pynvml
import pytest

from distill_core.executors import devices
from distill_core.executors.devices import default_threads, gpu_memory_bytes, list_devices, resolve_device


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver with two GPUs whose handles are their indices."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(devices, "package_versions", lambda: {"torch": "2.15.0"})
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: 2)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lambda index: index)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByUUID", lambda name: {"GPU-b": 1}[name])
    monkeypatch.setattr(pynvml, "nvmlDeviceGetName", lambda handle: f"GPU number {handle}")
    monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", lambda handle: SimpleNamespace(total=(handle + 1) * 10**9))
    monkeypatch.setattr(
        pynvml, "nvmlDeviceGetComputeRunningProcesses",
        lambda handle: [SimpleNamespace(pid=7, usedGpuMemory=handle + 5), SimpleNamespace(pid=8, usedGpuMemory=None)],
    )


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(
    ("visible", "names"),
    [
        (None, ["GPU number 0", "GPU number 1"]), ("1", ["GPU number 1"]), ("1,0", ["GPU number 1", "GPU number 0"]),
        ("GPU-b", ["GPU number 1"]), ("", []), ("-1", []), ("0,-1,1", ["GPU number 0"]), ("7,0", []),
    ],
)
def test_only_visible_devices_count_in_their_order(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, names: list[str]
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    *gpus, cpu = list_devices()
    assert [gpu.title for gpu in gpus] == names and cpu.name == "cpu"
    assert [gpu.name for gpu in gpus] == [f"cuda:{index}" for index in range(len(names))]
    assert resolve_device("auto") == ("cuda:0" if names else "cpu")


@pytest.mark.usefixtures("two_gpus")
def test_a_process_s_memory_on_its_gpu() -> None:
    assert gpu_memory_bytes("cuda:1", pid=7) == 6
    assert gpu_memory_bytes("cuda:1", pid=8) == gpu_memory_bytes("cuda:9", pid=7) == gpu_memory_bytes("cpu", pid=7) == 0


@pytest.mark.usefixtures("two_gpus")
def test_a_torch_for_the_processor_alone_has_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "package_versions", lambda: {"torch": "2.15.0+cpu"})
    assert resolve_device("auto") == "cpu"


def test_without_a_driver_there_is_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", fail)
    assert [device.name for device in list_devices()] == ["cpu"]
    assert [resolve_device(name) for name in ("auto", "cpu", "cuda", "cuda:3")] == ["cpu", "cpu", "cuda:0", "cuda:3"]


@pytest.mark.parametrize(("chosen", "threads"), [("3", 3), ("0", 1)])
def test_threads_can_be_chosen(monkeypatch: pytest.MonkeyPatch, chosen: str, threads: int) -> None:
    monkeypatch.setenv("DISTILL_THREADS", chosen)
    assert default_threads() == threads


@pytest.mark.parametrize("chosen", ["", "many", "-2"])
def test_else_threads_follow_the_cores(monkeypatch: pytest.MonkeyPatch, chosen: str) -> None:
    monkeypatch.setenv("DISTILL_THREADS", chosen)
    monkeypatch.setattr(devices, "available_cores", lambda: 64)
    monkeypatch.setattr(devices.psutil, "cpu_count", lambda logical: 32)
    assert default_threads() == devices.MOST_THREADS
    monkeypatch.setattr(devices.psutil, "cpu_count", lambda logical: None)
    monkeypatch.setattr(devices, "available_cores", lambda: 2)
    assert default_threads() == 2
