"""Opens ONNX Runtime sessions under known conditions; loads no torch."""

from __future__ import annotations

from pathlib import Path

import onnxruntime

from distill_core.deployment.measuring import CPU, find_libraries, session_options
from distill_core.errors import DeviceError, ExportError, NotFound
from distill_core.processor import available_cores

CUDA = "CUDAExecutionProvider"


def open_session(path: Path, *, threads: int = 0, provider: str = CPU) -> onnxruntime.InferenceSession:
    """A session of its own for one graph; 0 threads means all cores this process may use.

    Raises NotFound without the file, DeviceError without the provider, ExportError for a broken graph.
    """
    if not path.is_file():
        raise NotFound(f"There is no ONNX graph at {path}; export the run again.")
    present = onnxruntime.get_available_providers()
    if provider not in present:
        raise DeviceError(
            f"provider is {provider!r}; allowed: {', '.join(present)}. "
            "Choose one of them or install another ONNX Runtime."
        )
    find_libraries(provider)
    options = session_options(threads or available_cores())
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=[provider])
    # The runtime raises a class of its own for each kind of broken file, without a common public base.
    except Exception as error:
        reason = _first_line(error)
        raise ExportError(f"ONNX Runtime cannot load {path.name}: {reason} Export the run again.") from error
    if session.get_providers()[0] != provider:
        raise DeviceError(f"ONNX Runtime could not start {provider} here; choose {CPU}.")
    return session


def _first_line(error: Exception) -> str:
    line = str(error).strip().partition("\n")[0][:200].rstrip(".")
    return f"{line}."
