"""What compression steps compute: rounded values, cut channels and units, quantized files; and what they refuse."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from distill_core.compression import structured
from distill_core.compression.half import store_as_half
from distill_core.compression.magnitude import hold_zeros
from distill_core.compression.onnx_graph import left_as_floats, outside, weighted_nodes
from distill_core.compression.quantization import (
    BY_BATCH,
    Batches,
    DynamicParams,
    StaticParams,
    quantize_dynamically,
    quantize_statically,
)
from distill_core.compression.recurrent_units import (
    keep_units,
    kept_of,
    recurrent_pair,
    silence_units,
    strongest_units,
)
from distill_core.compression.rounding import RoundingParams, hold_rounded, round_network, round_weights
from distill_core.compression.structured import StructuredParams, prune_structured
from distill_core.compression_step import Around, Calibration, CompressionRefused
from distill_core.deployment.onnx_export import graph_digest, is_quantized
from distill_core.pipeline.compressing import settle
from distill_core.signature import Signature
from tests.contracts.compression_cases import CASES

IMAGES = Signature(kind="image", shape=(1, 4, 4), outputs=3)


def plain_cnn() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(8 * 16, 3),
    ).eval()


def cut(network: nn.Module, **params: Any) -> nn.Module:
    around = Around(signature=IMAGES, example=torch.randn(2, 1, 4, 4))
    return prune_structured(copy.deepcopy(network), around, StructuredParams(**params))


# Rounding ------------------------------------------------------------------------------------


def test_rounding_matches_a_hand_computed_example() -> None:
    weight = torch.tensor([[1.0, -0.5, 0.2], [0.1, -0.9, 0.65]])
    # Q = 3, largest 1: times 3 is 3, -1.5, 0.6, 0.3, -2.7, 1.95; halves go to the even neighbour.
    expected = torch.tensor([[3.0, -2.0, 1.0], [0.0, -3.0, 2.0]]) / 3
    torch.testing.assert_close(round_weights(weight, 3), expected)
    # The second row has a scale of its own: 0.9.
    rows = torch.tensor([[3.0, -2.0, 1.0], [0.0, -3.0, 2.0]]) / 3 * torch.tensor([[1.0], [0.9]])
    torch.testing.assert_close(round_weights(weight, 3, per_channel=True), rows)
    assert torch.equal(round_weights(torch.zeros(2, 3), 4, per_channel=True), torch.zeros(2, 3))


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("per_channel", [False, True])
def test_few_bits_leave_few_values_and_biases_stay(bits: int, per_channel: bool) -> None:
    network = plain_cnn()
    biases = {name: value.clone() for name, value in network.named_parameters() if value.dim() == 1}
    round_network(network, RoundingParams(bits=bits, per_channel=per_channel))
    for layer in (network[0], network[3], network[6]):
        groups = list(layer.weight) if per_channel else [layer.weight]
        assert all(len(group.unique()) <= 2**bits - 1 for group in groups)
    assert len(network[6].weight.unique()) > 2 ** (bits - 1), "it uses most of them"
    assert all(torch.equal(value, biases[name]) for name, value in network.named_parameters() if name in biases)


def test_training_on_leaves_weights_rounded_and_zeros_zero() -> None:
    network = round_network(plain_cnn(), RoundingParams(bits=3))
    network[6].weight.data[:, :40] = 0
    before = network[6].weight.clone()
    holds = hold_rounded(network, RoundingParams(bits=3)) + hold_zeros(network)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.05)
    for _ in range(10):
        loss = nn.functional.cross_entropy(network.train()(torch.randn(8, 1, 4, 4)), torch.arange(8) % 3)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for hold in holds:
                hold()
    settle(network)
    assert set(network.state_dict()) == set(plain_cnn().state_dict())
    assert all(len(network[place].weight.unique()) <= 7 for place in (0, 3, 6))
    assert not torch.equal(network[6].weight, before), "it did learn"
    assert not network[6].weight[:, :40].any()


def test_recurrent_layers_cannot_be_held_rounded() -> None:
    with pytest.raises(CompressionRefused, match=r"Layer recurrent\.cell \(LSTM\) cannot be trained with rounded"):
        hold_rounded(CASES["text-classification"].network(), RoundingParams())
    assert hold_rounded(CASES["text-classification"].network(), RoundingParams(layers=("output",))) == []


# Structured pruning --------------------------------------------------------------------------


def test_the_channels_with_the_smallest_weights_go_and_the_answer_stays_whole() -> None:
    network = plain_cnn()
    with torch.no_grad():
        for place, scale in enumerate((3.0, 0.01, 2.0, 0.02)):
            network[0].weight[place] *= scale
            network[0].bias[place] *= scale
            network[3].weight[:, place] *= scale
    smaller = cut(network, ratio=0.5, layers=("0",))
    assert torch.equal(smaller[0].weight, network[0].weight[[0, 2]])
    assert torch.equal(smaller[3].weight, network[3].weight[:, [0, 2]])
    assert smaller[6].weight.shape == network[6].weight.shape and smaller[3].out_channels == 8
    everything = cut(network, ratio=0.5)
    assert (everything[0].out_channels, everything[3].out_channels) == (2, 4)
    assert everything[6].weight.shape == (3, 4 * 16)


def test_what_stays_is_rounded_up_to_a_multiple_and_never_nothing() -> None:
    assert [kept_of(10, ratio, 1) for ratio in (0.1, 0.25, 0.5, 0.94, 0.96)] == [9, 8, 5, 1, 0]
    assert [kept_of(10, 0.75, multiple) for multiple in (1, 2, 8, 64)] == [3, 4, 8, 10]
    assert cut(plain_cnn(), ratio=0.6, round_to=4)[3].out_channels == 4
    with pytest.raises(CompressionRefused, match=r"Nothing would be left of layer 0 with its 4 channels\. Cut less"):
        cut(plain_cnn(), ratio=0.9)
    with pytest.raises(CompressionRefused, match="less than one channel of any layer"):
        cut(plain_cnn(), ratio=0.01)


def test_ranked_together_the_weaker_layer_loses_more() -> None:
    network = plain_cnn()
    network[1].weight.data[:] = torch.tensor([1.0, 0.2, 1.0, 0.1])
    smaller = cut(network, ratio=0.25, scope="global")
    kept = smaller[0].out_channels + smaller[3].out_channels
    assert kept == 9, "a quarter of the twelve"
    network[0].weight.data *= 0
    network[1].weight.data *= 0
    network[1].bias.data *= 0
    network[3].weight.data *= 0
    with pytest.raises(CompressionRefused, match=r"Nothing would be left .* or the same share of each layer\."):
        cut(network, ratio=0.9, scope="global")


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"layers": ("9",)}, r"no layer '9' that this step can change; there is 0, 3\. Choose"),
        ({"layers": ("6",)}, r"no layer '6' that this step can change"),
        ({"importance": "batch-norm", "layers": ("3",)}, r"no layer '3'"),
    ],
)
def test_layers_that_cannot_be_cut_are_told(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(CompressionRefused, match=sentence):
        cut(plain_cnn(), **params)


def test_want_of_gpu_memory_is_no_property_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(structured, "_cuttable", full)
    with pytest.raises(torch.OutOfMemoryError):
        cut(plain_cnn())


def test_scales_of_normalisation_choose_where_there_are_any() -> None:
    network = plain_cnn()
    network[1].weight.data[:] = torch.tensor([0.1, 2.0, 0.2, 1.0])
    assert torch.equal(cut(network, importance="batch-norm")[0].weight, network[0].weight[[1, 3]])
    without = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3)).eval()
    with pytest.raises(CompressionRefused, match=r"no batch normalisation .* choose l2 or l1"):
        cut(without, importance="batch-norm")
    with pytest.raises(CompressionRefused, match="one layer, which gives the answer"):
        cut(nn.Sequential(nn.Flatten(), nn.Linear(16, 3)).eval())


@pytest.mark.parametrize("cell", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize("both_ways", [False, True])
def test_cut_units_are_those_that_nothing_reads(cell: type, both_ways: bool) -> None:
    torch.manual_seed(1)
    layer = cell(5, 6, 2, batch_first=True, bidirectional=both_ways)
    network = nn.ModuleDict({"cell": layer, "reader": nn.Linear(12 if both_ways else 6, 3)}).eval()
    whole = copy.deepcopy(network)
    pair, silenced = recurrent_pair(network), recurrent_pair(whole)
    assert pair is not None and silenced is not None
    units = strongest_units(pair[0], 4, norm=2)
    assert len(units) == (4 if both_ways else 2)
    silence_units(*silenced, units)
    keep_units(*pair, units)
    steps = torch.randn(3, 7, 5)
    with torch.no_grad():
        ours, theirs = (one["reader"](one["cell"](steps)[0]) for one in (network, whole))
    torch.testing.assert_close(ours, theirs)
    assert pair[0].hidden_size == 4 and pair[1].in_features == (8 if both_ways else 4)


# Files ---------------------------------------------------------------------------------------


def linear_graph(path: Path, weight: np.ndarray, *, raw: str = "Sub", back: str = "Add") -> Path:
    """(x - 5) W + 2000, with the normalisation outside the network."""
    width, outputs = weight.shape
    nodes = [
        helper.make_node(raw, ["x", "five"], ["centred"]), helper.make_node("MatMul", ["centred", "w"], ["answer"]),
        helper.make_node(back, ["answer", "many"], ["y"]),
    ]
    constants = {"five": np.float32([5.0]), "w": weight.astype(np.float32), "many": np.float32([2000.0])}
    graph = helper.make_graph(
        nodes, "linear", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", outputs])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def answers(path: Path, inputs: np.ndarray) -> np.ndarray:
    import onnxruntime

    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"x": inputs})[0]


@pytest.mark.parametrize("method", ["min-max", "entropy", "percentile"])
def test_own_units_stay_exact_around_a_quantized_network(tmp_path: Path, method: Any) -> None:
    generator = np.random.default_rng(0)
    source = linear_graph(tmp_path / "f.onnx", generator.normal(size=(6, 3)))
    inputs = (5 + generator.normal(size=(64, 6))).astype(np.float32)
    quantize_statically(source, tmp_path / "q.onnx", Calibration(inputs, "x"), StaticParams(method=method))
    expected = answers(source, inputs)
    # In eight bits from 0 to 2010 a step would be 8.
    assert np.abs(answers(tmp_path / "q.onnx", inputs) - expected).mean() < 0.02 * np.ptp(expected)
    assert is_quantized(tmp_path / "q.onnx") and not is_quantized(source)


def test_large_networks_shrink_to_a_quarter_and_a_half(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    source = linear_graph(tmp_path / "f.onnx", generator.normal(size=(500, 500)))
    inputs = (5 + generator.normal(size=(16, 500))).astype(np.float32)
    quantize_statically(source, tmp_path / "s.onnx", Calibration(inputs, "x"), StaticParams())
    assert quantize_dynamically(source, tmp_path / "d.onnx", DynamicParams()) == [BY_BATCH]
    store_as_half(source, tmp_path / "h.onnx")
    sizes = {name: (tmp_path / f"{name}.onnx").stat().st_size / source.stat().st_size for name in "sdh"}
    assert sizes["s"] < 0.27 and sizes["d"] < 0.26 and 0.49 < sizes["h"] < 0.51
    assert not left_as_floats(onnx.load(tmp_path / "s.onnx"))
    assert left_as_floats(onnx.load(source)) == "1 linear layer"


def test_files_of_other_weights_have_one_graph(tmp_path: Path) -> None:
    """Else the latency of each seed's file would be measured for itself."""
    digests = set()
    for seed in (0, 1):
        generator = np.random.default_rng(seed)
        source = linear_graph(tmp_path / f"{seed}.onnx", generator.normal(size=(6, 3)))
        inputs = (5 + generator.normal(size=(64, 6))).astype(np.float32)
        quantize_statically(source, tmp_path / f"q{seed}.onnx", Calibration(inputs, "x"), StaticParams())
        digests.add(graph_digest(tmp_path / f"q{seed}.onnx"))
    assert len(digests) == 1


def test_what_is_outside_the_network_is_found(tmp_path: Path) -> None:
    model = onnx.load(linear_graph(tmp_path / "f.onnx", np.ones((2, 2))))
    for node in model.graph.node:
        node.name = node.op_type
    assert outside(model) == ["Sub", "Add"]
    assert [node.op_type for node in weighted_nodes(model)] == ["MatMul"]


def test_files_refuse_what_they_cannot_hold(tmp_path: Path) -> None:
    source, inputs = linear_graph(tmp_path / "f.onnx", np.full((2, 2), 1e6)), np.ones((4, 2), np.float32)
    with pytest.raises(CompressionRefused, match=r"A weight of 1e\+06 is larger than a 16-bit float can hold"):
        store_as_half(source, tmp_path / "h.onnx")
    with pytest.raises(CompressionRefused, match="no sample to calibrate with; quantize dynamically"):
        quantize_statically(source, tmp_path / "q.onnx", Calibration(inputs[:0], "x"), StaticParams())
    with pytest.raises(CompressionRefused, match="A calibration sample holds NaN or infinity"):
        quantize_statically(source, tmp_path / "q.onnx", Calibration(inputs * np.nan, "x"), StaticParams())
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])], "bare",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2])],
    )
    bare = tmp_path / "bare.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), bare)
    with pytest.raises(CompressionRefused, match="Nothing in this network can be quantized in this way"):
        quantize_dynamically(bare, tmp_path / "q.onnx", DynamicParams())
    with pytest.raises(CompressionRefused, match="No layer of this network has weights"):
        store_as_half(bare, tmp_path / "q.onnx")
    assert not (tmp_path / "q.onnx").exists() and not (tmp_path / "h.onnx").exists()


@pytest.mark.parametrize(
    ("failure", "told"),
    [(OSError(28, "No space left on device"), OSError), (IndexError("quantizer"), CompressionRefused)],
)
def test_a_full_disk_is_no_refusal_but_a_broken_quantizer_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception, told: type[Exception]
) -> None:
    """Refused is for good; what the disk had no room for is made when the experiment is resumed."""

    def fail(*args: Any, **settings: Any) -> None:
        raise failure

    monkeypatch.setattr("onnxruntime.quantization.quantize_dynamic", fail)
    source = linear_graph(tmp_path / "f.onnx", np.ones((6, 3)))
    with pytest.raises(told):
        quantize_dynamically(source, tmp_path / "q.onnx", DynamicParams())


def test_calibration_is_read_part_by_part_and_whole() -> None:
    inputs = np.arange(20, dtype=np.float32)[:, None]
    batches = Batches(Calibration(inputs, "x"))
    assert len(batches) == 3
    read = []
    for place in range(len(batches)):
        batches.set_range(place, place + 1)
        while (feed := batches.get_next()) is not None:
            read.append(feed["x"])
    assert np.array_equal(np.concatenate(read), inputs)
