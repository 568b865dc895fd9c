"""Devices are found as torch will number them, without torch."""

from __future__ import annotations

from types import SimpleNamespace

import pynvml
import pytest
import torch

from distill_core.executors import devices
from distill_core.executors.devices import (
    default_threads,
    gpu_memory_bytes,
    list_devices,
    resolve_device,
    unused_gpus,
)


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver with two GPUs whose handles are their indices."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(devices, "package_versions", lambda: {"torch": "2.15.0"})
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: 2)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lambda index: index)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByUUID", lambda name: {"GPU-b": 1}[name])
    monkeypatch.setattr(pynvml, "nvmlSystemGetCudaDriverVersion_v2", lambda: 13020)
    monkeypatch.setattr(devices, "_cuda_of_torch", lambda: 13)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCudaComputeCapability", lambda handle: (9, 0))
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
def test_an_old_gpu_is_not_used_and_the_other_keeps_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCudaComputeCapability", lambda handle: ((7, 0), (7, 5))[handle])
    assert [device.name for device in list_devices()] == ["cuda:1", "cpu"] and resolve_device("auto") == "cuda:1"
    assert unused_gpus() == ["GPU number 0 is too old for this torch, which needs compute capability 7.5."]


@pytest.mark.usefixtures("two_gpus")
def test_a_driver_older_than_torch_s_cuda_has_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pynvml, "nvmlSystemGetCudaDriverVersion_v2", lambda: 12080)
    assert resolve_device("auto") == "cpu"
    assert unused_gpus() == ["The GPU's driver is for CUDA 12, this torch for CUDA 13: update the driver."]


@pytest.mark.usefixtures("two_gpus")
def test_a_lost_gpu_hides_no_other_and_shared_memory_is_the_machine_s(monkeypatch: pytest.MonkeyPatch) -> None:
    def memory(handle: int) -> SimpleNamespace:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED if handle else pynvml.NVML_ERROR_GPU_IS_LOST)

    monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", memory)
    found, cpu = list_devices()
    assert (found.name, found.memory_bytes) == ("cuda:1", cpu.memory_bytes)
    assert unused_gpus() == ["The driver does not tell of GPU 0: GPU is lost."]


def test_what_torch_needs_of_a_gpu_is_what_it_was_built_for() -> None:
    flags = torch._C._cuda_getArchFlags() if torch.version.cuda else None
    if not flags:
        pytest.skip("a torch for the processor alone")
    oldest = min(int(flag.removeprefix("sm_").rstrip("af")) for flag in flags.split() if flag.startswith("sm_"))
    assert divmod(oldest, 10) == devices.OLDEST_CAPABILITY
    assert devices._cuda_of_torch() == int(torch.version.cuda.partition(".")[0])


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
