"""Turns a trained network into one ONNX file that takes raw pixels, and names the graph of such a file."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import json
import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from distill_core.errors import ExportError
from distill_core.folders import write_bytes

INPUT, OUTPUT = "pixels", "logits"
_log = logging.getLogger(__name__)


class WithNormalisation(nn.Module):
    """A network behind the normalisation it was trained with, so that whoever runs it needs only raw pixels."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, *, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).reshape(1, -1, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels 0..1 float32 [B,C,H,W] -> logits [B,K]."""
        logits: Tensor = self.network((pixels - self.mean) / self.std)
        return logits


class ReadyGraphs:
    """Graphs captured before, which need only other weights: 20 ms instead of a second.

    A key must name all that shapes the graph: architecture, parameters, image shape and classes.
    """

    def __init__(self) -> None:
        self._programs: dict[str, torch.onnx.ONNXProgram] = {}

    def captured(self, key: str, model: WithNormalisation, shape: tuple[int, int, int]) -> torch.onnx.ONNXProgram:
        """An unoptimised program of its own with the weights of `model`."""
        if key not in self._programs:
            self._programs[key] = _capture(model, shape)
        program = torch.onnx.ONNXProgram(self._programs[key].model.clone(), None)
        known = program.model.graph.initializers
        program.apply_weights({name: value for name, value in model.state_dict().items() if name in known})
        return program


def export_onnx(
    model: nn.Module,
    path: Path,
    *,
    shape: tuple[int, int, int],
    mean: Sequence[float],
    std: Sequence[float],
    ready: ReadyGraphs | None = None,
    key: str = "",
) -> int:
    """Write one ONNX file and return its bytes: input "pixels" 0..1 float32 [batch,C,H,W], output "logits" [batch,K].

    The model stays as it is; a copy on the CPU, in evaluation mode, is exported. With `ready` and a `key` the graph
    of an earlier network of the same architecture is filled with this one's weights. Raises ExportError.
    """
    wrapped = WithNormalisation(copy.deepcopy(model).cpu().float(), mean=mean, std=std).eval().requires_grad_(False)
    try:
        with _quietly():
            program = ready.captured(key, wrapped, shape) if ready and key else _capture(wrapped, shape)
            # Done here, after the weights are in: it folds batch normalisation into the convolutions.
            program.optimize()
            content = _without_traces(program.model_proto).SerializeToString()
    except (torch.onnx.OnnxExporterError, RuntimeError, ValueError, TypeError) as error:
        _log.exception("export of %s failed", type(model).__name__)
        raise ExportError(
            f"{type(model).__name__} cannot be exported to ONNX ({type(error).__name__}); "
            "choose another architecture, the log has the details."
        ) from error
    write_bytes(path, content)
    return len(content)


def _capture(model: WithNormalisation, shape: tuple[int, int, int]) -> torch.onnx.ONNXProgram:
    program = torch.onnx.export(
        # Two samples: a batch of one would be taken for a constant.
        model, (torch.zeros(2, *shape),),
        dynamo=True, dynamic_shapes=({0: torch.export.Dim("batch")},), external_data=False, optimize=False,
        input_names=[INPUT], output_names=[OUTPUT], verbose=False,
    )
    assert program is not None  # only the deprecated exporter returns None
    return program


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """What the exporter prints and warns of goes to the log: a worker's output belongs to its reader."""
    printed = io.StringIO()
    with warnings.catch_warnings(record=True) as warned, contextlib.redirect_stdout(printed):
        warnings.simplefilter("always")
        try:
            yield
        finally:
            for line in [*printed.getvalue().splitlines(), *(str(warning.message) for warning in warned)]:
                _log.debug("exporter: %s", line)


def _without_traces(model: onnx.ModelProto) -> onnx.ModelProto:
    """Drop what the exporter notes of its own machine: source paths and stack traces in every node."""
    for traced in (model, model.graph, *model.functions):
        del traced.metadata_props[:]
        traced.doc_string = ""
    for graph in (model.graph, *model.functions):
        for node in graph.node:
            del node.metadata_props[:]
            node.doc_string = ""
        for value in graph.value_info:
            del value.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
    return model


def graph_digest(path: Path) -> str:
    """16 hexadecimal digits, equal for files that do the same work with other weights.

    Counts operators, attributes, wiring, types and shapes, and the values of integer constants, which are shapes and
    axes; not the values of weights, nor any name.
    """
    model = onnx.load(path, load_external_data=False)
    content = {
        "opsets": sorted((item.domain, item.version) for item in model.opset_import),
        "graph": _graph(model.graph, {}),
        "functions": [_function(function) for function in model.functions],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _graph(graph: onnx.GraphProto, outer: Mapping[str, Any]) -> dict[str, Any]:
    """The graph without names: a value is known by where it comes from. `outer`: what a subgraph sees around it."""
    inputs = {value.name: ["input", len(outer), index, _type(value.type)] for index, value in enumerate(graph.input)}
    constants = {tensor.name: ["constant", *_tensor(tensor)] for tensor in graph.initializer}
    nodes, known = _nodes(graph.node, {**outer, **constants, **inputs}, depth=len(outer))
    outputs = [[known.get(value.name), _type(value.type)] for value in graph.output]
    return {"inputs": list(inputs.values()), "nodes": nodes, "outputs": outputs}


def _function(function: onnx.FunctionProto) -> list[Any]:
    nodes, known = _nodes(function.node, {name: ["input", index] for index, name in enumerate(function.input)}, depth=0)
    return [function.domain, function.name, nodes, [known.get(name) for name in function.output]]


def _nodes(
    nodes: Iterable[onnx.NodeProto], known: Mapping[str, Any], *, depth: int
) -> tuple[list[Any], dict[str, Any]]:
    """The nodes without names, and what every value name stands for after them."""
    known, found = dict(known), []
    for node in nodes:
        found.append(_node(node, known))
        known.update({name: ["node", depth, len(found) - 1, index] for index, name in enumerate(node.output)})
    return found, known


def _node(node: onnx.NodeProto, known: Mapping[str, Any]) -> list[Any]:
    inputs = [known.get(name) if name else None for name in node.input]
    attributes = sorted((item.name, _attribute(item, known)) for item in node.attribute)
    return [node.domain, node.op_type, inputs, len(node.output), attributes]


def _attribute(item: onnx.AttributeProto, known: Mapping[str, Any]) -> str:
    if item.type == onnx.AttributeProto.GRAPH:
        return json.dumps(_graph(item.g, known), sort_keys=True)
    if item.type == onnx.AttributeProto.TENSOR:
        return json.dumps(_tensor(item.t))
    value = onnx.helper.get_attribute_value(item)
    return repr(list(value) if isinstance(value, (list, tuple)) else value)


def _tensor(tensor: onnx.TensorProto) -> list[Any]:
    weights = tensor.data_type in (
        onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16,
    )
    values = None if weights else onnx.numpy_helper.to_array(tensor).tolist()
    return [tensor.data_type, list(tensor.dims), values]


def _type(value: onnx.TypeProto) -> list[Any]:
    shape = value.tensor_type.shape.dim
    return [value.tensor_type.elem_type, [dim.dim_value if dim.HasField("dim_value") else "?" for dim in shape]]
