"""Whether static int8 is faster than float: torchvision's resnet18 at 224x224 on this processor.

    python -m benchmarks.int8_resnet18

Quantised by onnxruntime.quantization: QDQ, unsigned 8-bit activations, signed 8-bit weights a channel, ranges from 16
random pictures (they set the ranges, not the speed). Both graphs are measured by the latency lab's own code, in turns.
A processor with VNNI multiplies 8-bit numbers; without it int8 may be slower.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
import torchvision
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from benchmarks.report import write_result
from distill_core.deployment.measuring import CPU, digest_of, measure_models
from distill_core.deployment.onnx_export import export_onnx
from distill_core.signature import Signature

PICTURES, REPEATS, LONGEST_SECONDS = 16, 200, 20.0
PHOTO = Signature(kind="image", shape=(3, 224, 224), outputs=1000)


class RandomPictures(CalibrationDataReader):
    """One picture at a time, by the name of the graph's input."""

    def __init__(self, pictures: np.ndarray) -> None:
        self._left = iter(pictures)

    def get_next(self) -> dict[str, np.ndarray] | None:
        picture = next(self._left, None)
        return None if picture is None else {PHOTO.input_name: picture[None]}


def has_vnni() -> bool:
    """Linux on x86 lists it among the processor's flags; elsewhere it is not known, and False."""
    told = Path("/proc/cpuinfo")
    flags = told.read_text(encoding="ascii", errors="replace") if told.exists() else ""
    return "avx512_vnni" in flags or "avx_vnni" in flags


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        real, prepared, small = place / "float.onnx", place / "prepared.onnx", place / "int8.onnx"
        export_onnx(
            torchvision.models.resnet18().eval(), real, signature=PHOTO, mean=[0.485, 0.456, 0.406],
            std=[0.229, 0.224, 0.225],
        )
        pictures = np.random.default_rng(0).random((PICTURES, *PHOTO.shape), dtype=np.float32)
        quant_pre_process(str(real), str(prepared))
        quantize_static(
            str(prepared), str(small), RandomPictures(pictures), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        )
        samples = place / "samples.npz"
        np.savez(samples, x=pictures)
        named = {digest_of(path): path for path in (real, small)}
        cells = measure_models(
            named, dict.fromkeys(named, samples), provider=CPU, batches=[1], threads=[1], io_binding=False, warmup=10,
            repeats=REPEATS, longest_seconds=LONGEST_SECONDS,
        )
        assert cells is not None
        rows = [
            {
                "graph": name, "MB": round(path.stat().st_size / 1e6, 1), "p50 ms": round(cell["p50_ms"], 2),
                "p95 ms": round(cell["p95_ms"], 2), "times as fast": round(cells[0]["p50_ms"] / cell["p50_ms"], 2),
                "start ms": cell["start_ms"], "peak MB": round((cell["memory_bytes"] or 0) / 1e6), "VNNI": has_vnni(),
                "repeats": len(cell["samples_ms"]),
            }
            for name, path, cell in zip(("float32", "int8, static QDQ"), (real, small), cells, strict=True)
        ]
    write_result("int8_resnet18", __doc__ or "", rows)
    if has_vnni() and rows[1]["times as fast"] <= 1:
        raise SystemExit("int8 is not faster here, although this processor has VNNI.")


if __name__ == "__main__":
    main()
