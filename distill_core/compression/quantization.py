"""Quantization of the exported graph to 8-bit integers by ONNX Runtime, with or without calibration."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from pydantic import Field

from distill_core.compression.onnx_graph import (
    left_as_floats,
    load,
    name_nodes,
    outside,
    quietly,
    save_plain,
    share_of_bits,
)
from distill_core.compression_step import Calibration, CompressionRefused, FileStep
from distill_core.entries import CompressionEntry, Params
from distill_core.signature import INPUT_KINDS, TASKS

_log = logging.getLogger(__name__)
BY_BATCH = (
    "Ranges are found anew in each batch, so answers shift a little with it; these figures are of batches of 256."
)
# Samples in one go: entropy and percentile keep all inner values of a batch at once.
_BATCH = 8
_SOURCE = "ONNX Runtime, https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html"
_TRAITS = frozenset({"file", *INPUT_KINDS, *TASKS})


class DynamicParams(Params):
    weights: Literal["signed", "unsigned"] = Field(
        "unsigned", description="Range of the 8-bit weights; signed ones are much slower in convolutions."
    )
    per_channel: bool = Field(False, description="A scale for each output of a layer instead of one for the layer.")


class StaticParams(Params):
    method: Literal["min-max", "entropy", "percentile"] = Field(
        "min-max",
        description="How ranges are chosen from what calibration sees: all of it, or without rare large values.",
    )
    samples: int = Field(200, ge=1, le=10_000, description="Training samples that it is calibrated with, at most.")
    activations: Literal["unsigned", "signed"] = Field(
        "unsigned", description="unsigned: fastest on x86 processors; signed and symmetric: for ARM and accelerators."
    )
    per_channel: bool = Field(True, description="A scale for each output of a layer instead of one for the layer.")
    seven_bits: bool = Field(
        False, description="Weights of 7 bits: on x86 processors without VNNI the sums of 8 bits can overflow."
    )


class Batches:
    """Calibration samples as the quantizer reads them, a part at a time."""

    def __init__(self, calibration: Calibration) -> None:
        inputs, name = calibration.inputs, calibration.input_name
        self._feeds = [{name: inputs[start : start + _BATCH]} for start in range(0, len(inputs), _BATCH)]
        self.set_range(0, len(self._feeds))

    def __len__(self) -> int:
        return len(self._feeds)

    def set_range(self, start_index: int, end_index: int) -> None:
        self._waiting = iter(self._feeds[start_index:end_index])

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        return next(self._waiting, None)


def prepared(source: Path, folder: Path) -> Path:
    """The graph with inferred shapes and merged operators, as the quantizer wants it, in the folder."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    ready = folder / "prepared.onnx"
    # Its symbolic inference knows fewer operators than onnx's own, and breaks on the rest.
    quant_pre_process(str(source), str(ready), skip_symbolic_shape=True)
    model = onnx.load(ready)
    # A transposed weight keeps its name but not its shape; what is wrong here, the quantizer would believe.
    del model.graph.value_info[:]
    name_nodes(model)
    onnx.save(model, ready)
    return ready


@contextmanager
def refusing() -> Iterator[None]:
    """Whatever the quantizer cannot do with a graph is this step's matter, not the experiment's."""
    try:
        yield
    # A full disk is not the graph's fault: whoever resumes goes on from here.
    except (CompressionRefused, OSError):
        raise
    # The quantizer raises whatever its parts raise, without a class in common.
    except Exception as error:
        _log.exception("quantization failed")
        raise CompressionRefused(
            f"ONNX Runtime cannot quantize this graph ({type(error).__name__}, the log has the details); try the other "
            "kind of quantization, or float16."
        ) from error


def quantize_dynamically(source: Path, target: Path, params: DynamicParams) -> list[str]:
    """Weights become 8-bit integers; activations become so while it runs, each by its own range."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder, quietly(), refusing():
        made = Path(folder) / "made.onnx"
        quantize_dynamic(
            str(prepared(source, Path(folder))), str(made), per_channel=params.per_channel,
            weight_type=QuantType.QInt8 if params.weights == "signed" else QuantType.QUInt8,
        )
        return [*_finish(made, target), BY_BATCH]


def quantize_statically(source: Path, target: Path, calibration: Calibration, params: StaticParams) -> list[str]:
    """Weights and activations become 8-bit integers, with ranges fixed by the calibration's samples."""
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    if not len(calibration.inputs):
        raise CompressionRefused(
            "There is no sample to calibrate with; quantize dynamically, which needs none, or give some."
        )
    if calibration.inputs.dtype != np.int64 and not np.isfinite(calibration.inputs).all():
        raise CompressionRefused("A calibration sample holds NaN or infinity; clean the data.")
    methods = {
        "min-max": CalibrationMethod.MinMax, "entropy": CalibrationMethod.Entropy,
        "percentile": CalibrationMethod.Percentile,
    }
    with tempfile.TemporaryDirectory() as folder, quietly(), refusing():
        ready, made = prepared(source, Path(folder)), Path(folder) / "made.onnx"
        quantize_static(
            str(ready), str(made), Batches(calibration), quant_format=QuantFormat.QDQ,
            per_channel=params.per_channel, reduce_range=params.seven_bits, weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8 if params.activations == "unsigned" else QuantType.QInt8,
            calibrate_method=methods[params.method], nodes_to_exclude=outside(load(ready)),
            # One batch a stride: else all inner values of all samples are held at once.
            extra_options={"CalibStridedMinMax": 1, "ActivationSymmetric": params.activations == "signed"},
        )
        return _finish(made, target)


def _finish(made: Path, target: Path) -> list[str]:
    """Keep the made graph, and tell what stayed as it was. Raises CompressionRefused if that is all of it."""
    model = onnx.load(made)
    share, left = share_of_bits(model), left_as_floats(model)
    if not share:
        raise CompressionRefused(
            f"Nothing in this network can be quantized in this way ({left or 'no layer has weights'}); try the other "
            "kind of quantization, or float16."
        )
    save_plain(model, target)
    return [f"{share:.0%} of the weights are stored in 8 bits; still in 32 bits: {left}."] if left else []


def _dynamic(params: DynamicParams) -> FileStep:
    def apply(source: Path, target: Path, calibration: Calibration) -> Sequence[str]:
        return quantize_dynamically(source, target, params)

    return FileStep(apply)


def _static(params: StaticParams) -> FileStep:
    def apply(source: Path, target: Path, calibration: Calibration) -> Sequence[str]:
        return quantize_statically(source, target, calibration, params)

    return FileStep(apply, calibrates=params.samples)


ENTRIES = [
    CompressionEntry(
        name="dynamic-int8", title="Quantization to int8, dynamic",
        summary="8-bit weights; ranges of activations are found while it runs. Needs no data; the choice for LSTMs.",
        source=_SOURCE, params=DynamicParams, traits=_TRAITS, label="int8 dynamic", build=_dynamic,
    ),
    CompressionEntry(
        name="static-int8", title="Quantization to int8, static",
        summary="8-bit weights and activations, calibrated with training samples. The choice for CNNs; recurrent "
        "layers stay floats.",
        source=_SOURCE, params=StaticParams, traits=_TRAITS, label="int8 static", build=_static,
    ),
]
