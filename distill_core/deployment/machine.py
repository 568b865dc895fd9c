"""Names the machine that a figure was measured on; loads no torch."""

from __future__ import annotations

import psutil
import pynvml

from distill_core.processor import available_cores, cpu_model


def machine_name() -> str:
    """Such as "AMD EPYC 7B13, 2 of 16 cores, 1x NVIDIA H100": what a reader needs to judge a latency."""
    usable, present = available_cores(), psutil.cpu_count() or 1
    cores = f"{usable} core{'s' if usable > 1 else ''}" if usable == present else f"{usable} of {present} cores"
    return ", ".join([cpu_model(), cores, *_gpu_names()])


def _gpu_names() -> list[str]:
    try:
        pynvml.nvmlInit()
    # No driver is the common case on a laptop, not a fault.
    except pynvml.NVMLError:
        return []
    try:
        names = [_text(pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(index)))
                 for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()
    return [f"{names.count(name)}x {name}" for name in dict.fromkeys(names)]


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
