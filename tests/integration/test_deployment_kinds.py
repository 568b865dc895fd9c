"""Every kind of input and task: the graph takes raw inputs, answers as the network, any batch, and can be timed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from distill_core.deployment.latency import measure
from distill_core.deployment.onnx_export import ReadyGraphs, export_onnx, graph_digest
from distill_core.deployment.parity import as_inputs, check_parity, onnx_logits
from distill_core.errors import ExportError
from distill_core.signature import Signature
from tests.integration.deployment_cases import CASES, Case


def export(case: Case, network: nn.Module, path: Path, *, ready: ReadyGraphs | None = None) -> None:
    export_onnx(
        network, path, signature=case.signature, mean=case.mean, std=case.std, label_mean=case.label_mean,
        label_std=case.label_std, ready=ready, key="one",
    )


@pytest.mark.parametrize("name", CASES)
def test_the_graph_answers_as_the_network(name: str, tmp_path: Path) -> None:
    case, path, ready = CASES[name], tmp_path / "model.onnx", ReadyGraphs()
    stored = case.stored(33)
    digests = set()
    # The second one fills the graph captured for the first with its own weights.
    for seed in range(2):
        network = case.network(seed)
        expected = case.answers(network, stored)
        export(case, network, path, ready=ready)
        parity = check_parity(
            path, stored, expected, signature=case.signature, label_mean=case.label_mean, label_std=case.label_std,
            batch=16,
        )
        assert parity.holds and parity.max_abs_diff < 1e-4
        digests.add(graph_digest(path))
        one = onnx_logits(path, stored[:1], signature=case.signature)
        assert one.shape == (1, *case.signature.answer_shape)
        spread = np.asarray(case.label_std) if case.label_std else 1.0
        mean = np.asarray(case.label_mean) if case.label_mean else 0.0
        assert (one - mean) / spread == pytest.approx(expected[:1], abs=1e-4)
        steps = {"text-tagging": int((stored != 0).sum()), "sequence-tagging": 33 * 7}
        assert parity.total == parity.same_class == steps.get(name, 33)
    assert len(digests) == 1
    other = check_parity(
        path, stored, case.answers(case.network(0), stored), signature=case.signature, label_mean=case.label_mean,
        label_std=case.label_std,
    )
    assert not other.holds
    assert case.signature.task != "regression" or other.same_class < other.total


@pytest.mark.parametrize(
    ("name", "taken", "given"),
    [
        ("sequence", ("steps", onnx.TensorProto.FLOAT, ["batch", 7, 4]), ("logits", ["batch", 3])),
        ("text", ("tokens", onnx.TensorProto.INT64, ["batch", 7]), ("logits", ["batch", 2])),
        ("text-tagging", ("tokens", onnx.TensorProto.INT64, ["batch", 7]), ("logits", ["batch", 7, 4])),
        ("regression", ("features", onnx.TensorProto.FLOAT, ["batch", 4]), ("values", ["batch", 2])),
    ],
)
def test_names_types_and_shapes(name: str, taken: tuple, given: tuple, tmp_path: Path) -> None:
    case, path = CASES[name], tmp_path / "model.onnx"
    export(case, case.network(), path)
    model = onnx.load(path)
    onnx.checker.check_model(model)
    (entered,), (answered,) = model.graph.input, model.graph.output

    def shape(value: onnx.ValueInfoProto) -> list:
        return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]

    assert (entered.name, entered.type.tensor_type.elem_type, shape(entered)) == taken
    assert (answered.name, shape(answered)) == given
    assert b".py" not in path.read_bytes()


def test_digest_of_recurrent_graphs_sees_size_and_direction(tmp_path: Path) -> None:
    class Last(nn.Module):
        def __init__(self, hidden: int, *, both: bool) -> None:
            super().__init__()
            self.lstm = nn.LSTM(4, hidden, batch_first=True, bidirectional=both)
            self.head = nn.Linear(hidden * (2 if both else 1), 3)

        def forward(self, x: Tensor) -> Tensor:
            answer: Tensor = self.head(self.lstm(x)[0][:, -1])
            return answer

    def digest(network: nn.Module) -> str:
        export(CASES["sequence"], network, tmp_path / "model.onnx")
        return graph_digest(tmp_path / "model.onnx")

    torch.manual_seed(0)
    first = digest(Last(6, both=False))
    assert digest(Last(6, both=False)) == first
    assert len({first, digest(Last(8, both=False)), digest(Last(6, both=True))}) == 3


class Counting(nn.Module):
    """Answers with the same two rows, whatever the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.ones(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.rows + x.mean()


def test_a_graph_of_one_fixed_batch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="Counting cannot be exported to ONNX"):
        export(CASES["table"], Counting(), tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_stored_samples_become_what_graphs_take() -> None:
    image, text, table = (Signature(kind=kind, shape=(1,), outputs=2) for kind in ("image", "text", "table"))
    pixels = as_inputs(np.array([[0], [51], [255]], dtype=np.uint8), image)
    assert pixels.dtype == np.float32 and pixels.ravel().tolist() == pytest.approx([0, 0.2, 1])
    tokens = as_inputs(np.array([[7]], dtype=np.int32), text)
    assert tokens.dtype == np.int64 and tokens.tolist() == [[7]]
    numbers = as_inputs(np.array([[-300.5]], dtype=np.float32), table)
    assert numbers.dtype == np.float32 and numbers.tolist() == [[-300.5]]


@pytest.mark.parametrize("name", ["text", "sequence-tagging", "regression"])
def test_latency_is_measured(name: str, tmp_path: Path) -> None:
    case, path = CASES[name], tmp_path / "model.onnx"
    export(case, case.network(), path)
    rows = measure(
        {"a": path}, batches=(1, 4), threads=(1,), warmup=1, repeats=20, signature=case.signature, machine="here"
    )["a"]
    assert [row.batch for row in rows] == [1, 4] and all(0 < row.p50 <= row.p99 for row in rows)
