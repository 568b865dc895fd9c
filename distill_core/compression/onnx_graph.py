"""What of an ONNX graph is the network proper, and which of its weights are stored in how many bits."""

from __future__ import annotations

import contextlib
import io
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import onnx
from onnx import TensorProto

_log = logging.getLogger(__name__)
_FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE)
_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN", "Gather")
_WORDS = {"Conv": "convolution", "Gemm": "linear layer", "MatMul": "linear layer", "Gather": "embedding"}


def name_nodes(model: onnx.ModelProto) -> None:
    """Give every node a name of its own, by which it can be left out."""
    taken = Counter(node.name for node in model.graph.node)
    for number, node in enumerate(model.graph.node):
        if not node.name or taken[node.name] > 1:
            node.name = f"node_{number}_{node.op_type}"


def weighted_nodes(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Nodes that read a matrix or kernel of floats."""
    matrices = {one.name for one in model.graph.initializer if one.data_type in _FLOATS and len(one.dims) >= 2}
    return [node for node in model.graph.node if node.op_type in _WEIGHTED and matrices & set(node.input)]


def outside(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes before the first layer with weights and behind the last one.

    They bring raw inputs into the range that the network was trained with, and a regression's answers into the units
    of the data: numbers that few bits cannot hold.
    """
    weighted = {node.name for node in weighted_nodes(model)}
    before = _untouched(model.graph.node, weighted, forward=True)
    behind = _untouched(list(reversed(model.graph.node)), weighted, forward=False)
    return [node.name for node in model.graph.node if node.name in before | behind]


def _untouched(nodes: Iterable[onnx.NodeProto], weighted: set[str], *, forward: bool) -> set[str]:
    """Nodes with no weighted one on any way to them, walking in the order of the nodes given."""
    touched, found = set[str](), set[str]()
    for node in nodes:
        read, made = (node.input, node.output) if forward else (node.output, node.input)
        if node.name in weighted or touched & set(read):
            touched |= set(made) - {""}
        else:
            found.add(node.name)
    return found


def share_of_bits(model: onnx.ModelProto) -> float:
    """Share of all weights that are stored in 8 bits."""
    sizes: Counter[bool] = Counter()
    for tensor in model.graph.initializer:
        if tensor.dims:
            count = 1
            for size in tensor.dims:
                count *= size
            sizes[tensor.data_type in (TensorProto.INT8, TensorProto.UINT8)] += count
    return sizes[True] / max(sizes.total(), 1)


def left_as_floats(model: onnx.ModelProto) -> str:
    """The layers whose weights are still floats, in words; empty if there is none."""
    kinds = Counter(_WORDS.get(node.op_type, node.op_type) for node in weighted_nodes(model))
    return ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in kinds.items())


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """What the quantizer prints and warns of goes to the log: a worker's output belongs to its reader."""
    import onnxruntime

    printed = io.StringIO()

    def to_log(record: logging.LogRecord) -> bool:
        _log.debug("quantizer: %s", record.getMessage())
        return False

    root = logging.getLogger()
    # Only what is told to no logger in particular passes here.
    root.addFilter(to_log)
    onnxruntime.set_default_logger_severity(3)
    try:
        with contextlib.redirect_stdout(printed):
            yield
    finally:
        onnxruntime.set_default_logger_severity(2)
        root.removeFilter(to_log)
        for line in printed.getvalue().splitlines():
            _log.debug("quantizer: %s", line)


def save_plain(model: onnx.ModelProto, target: Path) -> None:
    """Write one file, without the quantizer's notes of how it was made nor operator sets that it does not use."""
    del model.metadata_props[:]
    used = {"ai.onnx" if not node.domain else node.domain for node in model.graph.node}
    sets = [one for one in model.opset_import if (one.domain or "ai.onnx") in used]
    del model.opset_import[:]
    model.opset_import.extend(sets)
    onnx.save(model, target)


def load(path: Path) -> onnx.ModelProto:
    """A graph whose nodes all have names."""
    model = onnx.load(path)
    name_nodes(model)
    return model
