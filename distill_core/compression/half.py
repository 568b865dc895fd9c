"""Stores the weights of the exported graph as 16-bit floats: half the size, nearly the same answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from distill_core.compression.onnx_graph import save_plain
from distill_core.compression_step import Calibration, CompressionRefused, FileStep
from distill_core.entries import CompressionEntry, Params
from distill_core.signature import INPUT_KINDS, TASKS

_LARGEST = float(np.finfo(np.float16).max)


class HalfParams(Params):
    pass


def store_as_half(source: Path, target: Path) -> list[str]:
    """Write a graph whose matrices and kernels are 16-bit floats, cast back when it is loaded; it computes in 32 bits.

    Vectors stay as they are: biases, and the means and deviations of the data, which 16 bits may be too few for.
    Raises CompressionRefused.
    """
    model = onnx.load(source)
    graph, casts = model.graph, []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or sum(size > 1 for size in tensor.dims) < 2:
            continue
        values = numpy_helper.to_array(tensor)
        largest = float(np.abs(values).max(initial=0))
        if not largest <= _LARGEST:
            raise CompressionRefused(
                f"A weight of {largest:.3g} is larger than a 16-bit float can hold ({_LARGEST:,.0f}); train with "
                "weight decay, or quantize to int8."
            )
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], name=f"{name}.whole", to=TensorProto.FLOAT))
    if not casts:
        raise CompressionRefused("No layer of this network has weights that could be stored in 16 bits.")
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *nodes])
    save_plain(model, target)
    return ["The weights are stored in 16 bits and read into 32, in which it computes: about as fast as before."]


def build(params: HalfParams) -> FileStep:
    def apply(source: Path, target: Path, calibration: Calibration) -> Sequence[str]:
        return store_as_half(source, target)

    return FileStep(apply)


ENTRY = CompressionEntry(
    name="float16", title="16-bit floats",
    summary="Weights are stored in half the bytes; it computes in 32 bits as before, about as fast.",
    source="IEEE 754-2008 binary16, https://doi.org/10.1109/IEEESTD.2008.4610935", params=HalfParams,
    traits=frozenset({"file", *INPUT_KINDS, *TASKS}), label="float16", build=build,
)
