"""Networks as plain code: an expression that builds each, and the classes that it needs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from distill_core.signature import Signature


@dataclass(frozen=True)
class NetworkText:
    """`build`: an expression, perhaps of several lines; `classes`: definitions that it uses, by name."""

    build: str
    classes: Mapping[str, str]


def _sequential(layers: list[str]) -> NetworkText:
    lines = "".join(f"    {layer},\n" for layer in layers)
    return NetworkText(f"nn.Sequential(\n{lines})", {})


def _block(inputs: int, outputs: int, extra: str = "") -> str:
    convolution = f"nn.Conv2d({inputs}, {outputs}, 3{extra}, padding=1, bias=False)"
    return f"{convolution}, nn.BatchNorm2d({outputs}), nn.ReLU(inplace=True)"


def _small_cnn(params: Mapping[str, Any], signature: Signature) -> NetworkText:
    channels, height, width = signature.shape
    w = params["width"]
    return _sequential([
        _block(channels, w), _block(w, 2 * w), "nn.MaxPool2d(2)", _block(2 * w, 4 * w), "nn.MaxPool2d(2)",
        "nn.Flatten()", f"nn.Dropout({params['dropout']})",
        f"nn.Linear({4 * w * (height // 4) * (width // 4)}, {signature.outputs})",
    ])


def _tiny_cnn(params: Mapping[str, Any], signature: Signature) -> NetworkText:
    channels, height, width = signature.shape
    w = params["width"]
    return _sequential([
        f"nn.Conv2d({channels}, {w}, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)",
        f"nn.Conv2d({w}, {2 * w}, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)",
        f"nn.Flatten(), nn.Linear({2 * w * (height // 4) * (width // 4)}, {signature.outputs})",
    ])


def _strided_cnn(params: Mapping[str, Any], signature: Signature) -> NetworkText:
    w = params["width"]
    return _sequential([
        _block(signature.shape[0], w, ", stride=2"), _block(w, 2 * w), "nn.MaxPool2d(2)", _block(2 * w, 3 * w),
        "nn.MaxPool2d(2)", _block(3 * w, 4 * w), "nn.AdaptiveAvgPool2d(1), nn.Flatten()",
        f"nn.Linear({4 * w}, {signature.outputs})",
    ])


def _mlp(params: Mapping[str, Any], signature: Signature) -> NetworkText:
    hidden = params["hidden"]
    return _sequential([
        f"nn.Flatten(), nn.Linear({math.prod(signature.shape)}, {hidden}), nn.ReLU(inplace=True)",
        f"nn.Linear({hidden}, {signature.outputs})",
    ])


_RECURRENT = '''class Recurrent(nn.Module):
    """Reads sequences [B, steps, features] step by step and answers {answers}."""

    def __init__(self, cell, features, hidden, outputs, *, layers, both_ways, dropout):
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.steps = cell(features, hidden, layers, batch_first=True, bidirectional=both_ways, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden * (2 if both_ways else 1), outputs)
        self.hidden, self.both_ways = hidden, both_ways

    def forward(self, inputs):
        steps, _ = self.steps(inputs)
{pooling}        return self.output(self.dropout(steps))'''
_LAST = '''        last = steps[:, -1]
        # Backward, everything has been read at the first step.
        steps = torch.cat([last[:, : self.hidden], steps[:, 0, self.hidden :]], 1) if self.both_ways else last
'''


def _recurrent(cell: str, *, both_ways: bool | None) -> Callable[[Mapping[str, Any], Signature], NetworkText]:
    def text(params: Mapping[str, Any], signature: Signature) -> NetworkText:
        both = params["bidirectional"] if both_ways is None else both_ways
        tags = signature.task == "tagging"
        pooling = "" if tags else "        steps = steps.mean(1)\n" if params["pooling"] == "mean" else _LAST
        answers = "at each" if tags else "once" if params["pooling"] == "mean" else "once, at the end"
        name = "Recurrent" if tags or params["pooling"] == "mean" else "RecurrentLast"
        code = _RECURRENT.format(pooling=pooling, answers=answers).replace("class Recurrent", f"class {name}")
        build = (
            f"{name}(nn.{cell}, {signature.shape[-1]}, {params['hidden']}, {signature.outputs}, "
            f"layers={params['layers']}, both_ways={both}, dropout={params['dropout']})"
        )
        return NetworkText(build, {name: code})

    return text


NETWORKS: dict[str, Callable[[Mapping[str, Any], Signature], NetworkText]] = {
    "small-cnn": _small_cnn, "tiny-cnn": _tiny_cnn, "strided-cnn": _strided_cnn, "mlp": _mlp,
    "lstm": _recurrent("LSTM", both_ways=False), "bilstm": _recurrent("LSTM", both_ways=True),
    "gru": _recurrent("GRU", both_ways=None),
}
