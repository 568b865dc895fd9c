"""Turns a trained network into one ONNX file that takes raw inputs, and names the graph of such a file."""

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

from distill_core.datasets.samples import example_inputs
from distill_core.errors import ExportError
from distill_core.folders import write_bytes
from distill_core.signature import Signature

_log = logging.getLogger(__name__)
# They read weights that are integers.
_OF_QUANTIZED = (
    "DequantizeLinear", "QuantizeLinear", "ConvInteger", "MatMulInteger", "DynamicQuantizeLSTM",
    "DynamicQuantizeMatMul",
)


class InOwnUnits(nn.Module):
    """A network behind the normalisation it was trained with, so that whoever runs it needs only raw inputs.

    Images are normalised per channel, sequences and tables per feature, texts not at all. Of a regression the answer
    is put back into the units of the data.
    """

    mean: Tensor
    std: Tensor
    label_mean: Tensor
    label_std: Tensor

    def __init__(
        self,
        network: nn.Module,
        *,
        signature: Signature,
        mean: Sequence[float],
        std: Sequence[float],
        label_mean: Sequence[float] = (),
        label_std: Sequence[float] = (),
    ) -> None:
        super().__init__()
        self.network = network
        self.normalises = signature.kind != "text"
        self.scales = signature.task == "regression" and len(label_mean) > 0
        per = (1, -1, 1, 1) if signature.kind == "image" else (-1,)
        if self.normalises:
            self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).reshape(per))
            self.register_buffer("std", torch.tensor(std, dtype=torch.float32).reshape(per))
        if self.scales:
            self.register_buffer("label_mean", torch.tensor(label_mean, dtype=torch.float32))
            self.register_buffer("label_std", torch.tensor(label_std, dtype=torch.float32))

    def forward(self, inputs: Tensor) -> Tensor:
        """Raw inputs [B,*shape], float32 or token ids int64 -> logits [B,K] or [B,L,K], or values [B,D]."""
        answer: Tensor = self.network((inputs - self.mean) / self.std if self.normalises else inputs)
        return answer * self.label_std + self.label_mean if self.scales else answer


class ReadyGraphs:
    """Graphs captured before, which need only other weights: 20 ms instead of a second.

    A key must name all that shapes the graph: architecture, parameters and signature.
    """

    def __init__(self) -> None:
        self._programs: dict[str, torch.onnx.ONNXProgram] = {}

    def captured(self, key: str, model: InOwnUnits, signature: Signature) -> torch.onnx.ONNXProgram:
        """An unoptimised program of its own with the weights of `model`."""
        if key not in self._programs:
            self._programs[key] = _capture(model, signature)
        program = torch.onnx.ONNXProgram(self._programs[key].model.clone(), None)
        known = program.model.graph.initializers
        program.apply_weights({name: value for name, value in model.state_dict().items() if name in known})
        return program


def export_onnx(
    model: nn.Module,
    path: Path,
    *,
    signature: Signature,
    mean: Sequence[float],
    std: Sequence[float],
    label_mean: Sequence[float] = (),
    label_std: Sequence[float] = (),
    ready: ReadyGraphs | None = None,
    key: str = "",
) -> int:
    """Write one ONNX file for raw inputs and return its bytes.

    The input is named `signature.input_name`: "pixels" 0..1 float32 [batch,C,H,W], "steps" float32 [batch,L,F],
    "tokens" int64 [batch,L] or "features" float32 [batch,F]; `mean` and `std` are those of Samples. The output is named
    `signature.output_name`: "logits" [batch,K], for tagging [batch,L,K], or "values" [batch,D] of a regression, the
    network's answer * label_std + label_mean.
    The model stays as it is; a copy on the CPU, in evaluation mode, is exported. With `ready` and a `key` the graph
    of an earlier network of the same architecture is filled with this one's weights. Raises ExportError.
    """
    wrapped = InOwnUnits(
        copy.deepcopy(model).cpu().float(), signature=signature, mean=mean, std=std, label_mean=label_mean,
        label_std=label_std,
    ).eval().requires_grad_(False)
    try:
        with _quietly():
            program = ready.captured(key, wrapped, signature) if ready and key else _capture(wrapped, signature)
            # Done here, after the weights are in: it folds batch normalisation into the convolutions.
            program.optimize()
            content = _without_traces(program.model_proto)
    except (torch.onnx.OnnxExporterError, RuntimeError, ValueError, TypeError) as error:
        _log.exception("export of %s failed", type(model).__name__)
        raise ExportError(
            f"{type(model).__name__} cannot be exported to ONNX ({type(error).__name__}); "
            "choose another architecture, the log has the details."
        ) from error
    _check_free_batch(content, type(model).__name__)
    data = content.SerializeToString()
    write_bytes(path, data)
    return len(data)


def _capture(model: InOwnUnits, signature: Signature) -> torch.onnx.ONNXProgram:
    program = torch.onnx.export(
        # Two samples: a batch of one would be taken for a constant.
        model, (example_inputs(signature, 2),),
        dynamo=True, dynamic_shapes=({0: torch.export.Dim("batch")},), external_data=False, optimize=False,
        input_names=[signature.input_name], output_names=[signature.output_name], verbose=False,
    )
    assert program is not None  # only the deprecated exporter returns None
    return program


def _check_free_batch(model: onnx.ModelProto, name: str) -> None:
    """A network that counts its samples in Python would be frozen at the two it was captured with."""
    for value in (*model.graph.input, *model.graph.output):
        dims = value.type.tensor_type.shape.dim
        if not dims or dims[0].HasField("dim_value"):
            raise ExportError(
                f"{name} cannot be exported to ONNX: its graph would answer batches of one fixed size only; "
                "choose another architecture."
            )


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
        _clean_nodes(graph)
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
    return model


def _clean_nodes(graph: onnx.GraphProto | onnx.FunctionProto) -> None:
    """Here and in the bodies of loops and branches."""
    for node in graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                _clean_nodes(attribute.g)
    for value in graph.value_info:
        del value.metadata_props[:]


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


def is_quantized(path: Path) -> bool:
    """Whether a graph computes in integers somewhere."""
    return any(node.op_type in _OF_QUANTIZED for node in onnx.load(path).graph.node)


def _graph(graph: onnx.GraphProto, outer: Mapping[str, Any]) -> dict[str, Any]:
    """The graph without names: a value is known by where it comes from. `outer`: what a subgraph sees around it."""
    inputs = {value.name: ["input", len(outer), index, _type(value.type)] for index, value in enumerate(graph.input)}
    scaled = {name for node in graph.node if node.op_type in _OF_QUANTIZED for name in node.input}
    constants = {
        tensor.name: ["constant", *_tensor(tensor, weights=tensor.name in scaled)] for tensor in graph.initializer
    }
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


def _tensor(tensor: onnx.TensorProto, *, weights: bool = False) -> list[Any]:
    weights = weights or tensor.data_type in (
        onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16,
    )
    values = None if weights else onnx.numpy_helper.to_array(tensor).tolist()
    return [tensor.data_type, list(tensor.dims), values]


def _type(value: onnx.TypeProto) -> list[Any]:
    shape = value.tensor_type.shape.dim
    return [value.tensor_type.elem_type, [dim.dim_value if dim.HasField("dim_value") else "?" for dim in shape]]
