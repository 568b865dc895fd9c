"""From a trained network to a verified graph and its latency, with the real exporter and runtime."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torchvision
from torch import Tensor, nn

from distill_core.deployment.latency import measure
from distill_core.deployment.machine import available_cores
from distill_core.deployment.onnx_export import ReadyGraphs, export_onnx, graph_digest
from distill_core.deployment.parity import check_parity, onnx_logits
from distill_core.deployment.session import open_session
from distill_core.errors import DeviceError, ExportError, NotFound
from distill_core.signature import Signature

Shape = tuple[int, int, int]
SMALL: Shape = (1, 8, 8)


def image(shape: Shape = SMALL) -> Signature:
    return Signature(kind="image", shape=shape, outputs=10)


def cnn(seed: int = 0, *, width: int = 16, stride: int = 1) -> nn.Module:
    """A small CNN whose batch normalisation has seen data."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1, stride=stride, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True),
        nn.Conv2d(width, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Dropout(0.5), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(32, 10),
    )
    return _seen(model, SMALL)


def resnet18(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return _seen(torchvision.models.resnet18(num_classes=10), (3, 32, 32))


def _seen(model: nn.Module, shape: Shape) -> nn.Module:
    with torch.no_grad():
        for _ in range(3):
            model.train()(torch.randn(16, *shape))
    return model


def statistics(shape: Shape) -> dict[str, list[float]]:
    return {"mean": [0.3, 0.4, 0.5][: shape[0]], "std": [0.25, 0.3, 0.35][: shape[0]]}


def expected(model: nn.Module, images: np.ndarray) -> np.ndarray:
    """The network's own logits, normalised by hand."""
    numbers = statistics(images.shape[1:])
    mean, std = (torch.tensor(numbers[name]).view(1, -1, 1, 1) for name in ("mean", "std"))
    with torch.no_grad():
        logits: Tensor = copy.deepcopy(model).eval()((torch.from_numpy(images).float() / 255 - mean) / std)
    return logits.numpy()


def pictures(count: int, shape: Shape) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, *shape), dtype=np.uint8)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    export_onnx(cnn(), path, signature=image(), **statistics(SMALL))
    return path


@pytest.mark.parametrize(("build", "shape"), [(cnn, SMALL), (resnet18, (3, 32, 32))])
def test_the_graph_answers_as_the_network(tmp_path: Path, build: Callable[[], nn.Module], shape: Shape) -> None:
    model, path = build(), tmp_path / "new" / "model.onnx"
    size = export_onnx(model, path, signature=image(shape), **statistics(shape))
    assert size == path.stat().st_size
    assert sorted(file.name for file in path.parent.iterdir()) == ["model.onnx"]
    images = pictures(70, shape)
    parity = check_parity(path, images, expected(model, images), signature=image(shape), batch=32)
    assert parity.max_abs_diff < 1e-5
    assert (parity.same_class, parity.total) == (70, 70)


@pytest.mark.parametrize("count", [1, 7])
def test_the_batch_is_free(exported: Path, count: int) -> None:
    images = pictures(count, SMALL)
    assert onnx_logits(exported, images, signature=image()) == pytest.approx(expected(cnn(), images), abs=1e-5)


def test_input_and_output_are_as_promised(exported: Path) -> None:
    model = onnx.load(exported)
    onnx.checker.check_model(model)
    (pixels,), (logits,) = model.graph.input, model.graph.output
    assert (pixels.name, logits.name) == ("pixels", "logits")
    assert [dim.dim_param or dim.dim_value for dim in pixels.type.tensor_type.shape.dim] == ["batch", 1, 8, 8]
    assert pixels.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert [dim.dim_param or dim.dim_value for dim in logits.type.tensor_type.shape.dim] == ["batch", 10]


def test_the_file_tells_nothing_of_the_machine_it_was_made_on(exported: Path) -> None:
    content = exported.read_bytes()
    assert b"stack_trace" not in content
    assert str(Path(__file__).parents[2]).encode() not in content
    assert b".py" not in content


def test_the_model_is_left_as_it_was_and_nothing_is_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    model = cnn()
    before = copy.deepcopy(model.state_dict())
    export_onnx(model, tmp_path / "model.onnx", signature=image(), **statistics(SMALL))
    assert all(module.training for module in model.modules())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert capfd.readouterr().out == ""
    assert not recwarn.list


def test_parity_sees_a_wrong_graph(exported: Path) -> None:
    images = pictures(64, SMALL)
    parity = check_parity(exported, images, expected(cnn(seed=5), images), signature=image())
    assert parity.max_abs_diff > 1e-2
    logits = expected(cnn(), images)
    logits[3] = np.nan
    broken = check_parity(exported, images, logits, signature=image())
    assert np.isnan(broken.max_abs_diff) and broken.same_class == 63
    with pytest.raises(ValueError, match="pair up"):
        check_parity(exported, images, logits[:5], signature=image())


class Branching(nn.Module):
    """Decides by the numbers themselves, which a graph cannot follow."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) if x.sum() > 0 else -x.flatten(1)


def test_what_cannot_be_exported_is_one_sentence(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "model.onnx"
    with caplog.at_level(logging.ERROR), pytest.raises(ExportError, match="Branching cannot be exported"):
        export_onnx(Branching(), path, signature=image(), **statistics(SMALL))
    assert not path.exists()
    assert "Branching" in caplog.text


def test_broken_or_missing_graphs_and_absent_providers_are_one_sentence(tmp_path: Path, exported: Path) -> None:
    with pytest.raises(NotFound, match="export the run again"):
        open_session(tmp_path / "none.onnx")
    (tmp_path / "broken.onnx").write_bytes(exported.read_bytes()[:500])
    with pytest.raises(ExportError, match=r"cannot load broken\.onnx"):
        open_session(tmp_path / "broken.onnx")
    with pytest.raises(DeviceError, match=r"allowed: .*CPUExecutionProvider"):
        open_session(exported, provider="NoSuchExecutionProvider")


def test_digest_is_of_the_graph_not_of_weights_or_names(tmp_path: Path, exported: Path) -> None:
    def digest_of(model: nn.Module) -> str:
        export_onnx(model, tmp_path / "other.onnx", signature=image(), **statistics(SMALL))
        return graph_digest(tmp_path / "other.onnx")

    assert digest_of(cnn(seed=9)) == graph_digest(exported)
    assert digest_of(cnn(width=24)) != graph_digest(exported)
    assert digest_of(cnn(stride=2)) != graph_digest(exported)

    renamed = onnx.load(exported)
    for number, node in enumerate(renamed.graph.node):
        node.name = f"step-{number}"
    onnx.save(renamed, tmp_path / "renamed.onnx")
    assert graph_digest(tmp_path / "renamed.onnx") == graph_digest(exported)

    rewired = onnx.load(exported)
    relu = next(node for node in rewired.graph.node if node.op_type == "Relu")
    relu.op_type = "Sigmoid"
    onnx.save(rewired, tmp_path / "rewired.onnx")
    assert graph_digest(tmp_path / "rewired.onnx") != graph_digest(exported)


def test_a_ready_graph_takes_other_weights(tmp_path: Path) -> None:
    ready = ReadyGraphs()
    images = pictures(64, SMALL)
    for seed in range(3):
        model, path = cnn(seed), tmp_path / f"{seed}.onnx"
        export_onnx(model, path, signature=image(), **statistics(SMALL), ready=ready, key="cnn")
        assert check_parity(path, images, expected(model, images), signature=image()).max_abs_diff < 1e-5
    assert len({graph_digest(tmp_path / f"{seed}.onnx") for seed in range(3)}) == 1
    # The first one was not changed by what came after.
    assert check_parity(tmp_path / "0.onnx", images, expected(cnn(0), images), signature=image()).max_abs_diff < 1e-5


def test_latency_rows_hold_their_conditions(exported: Path) -> None:
    rows = measure(
        {"a": exported, "b": exported}, batches=(1, 8), threads=(1, 0), warmup=3, repeats=30, signature=image(),
        machine="here",
    )
    conditions = [(batch, threads) for threads in dict.fromkeys((1, available_cores())) for batch in (1, 8)]
    for found in rows.values():
        assert [(row.batch, row.threads) for row in found] == conditions
        assert all(0 < row.p50 <= row.p95 <= row.p99 for row in found)
        assert {(row.provider, row.repeats, row.machine) for row in found} == {("CPUExecutionProvider", 30, "here")}


def test_a_stopped_measurement_gives_nothing(exported: Path) -> None:
    rows = measure(
        {"a": exported}, batches=(1,), threads=(1,), warmup=1, repeats=20, signature=image(), machine="",
        should_stop=lambda: True,
    )
    assert rows == {}


def test_p50_agrees_with_a_loop_timed_by_hand(tmp_path: Path) -> None:
    """Within a factor that a busy test machine needs; wrong units or wrong batches are off by far more."""
    path, shape = tmp_path / "model.onnx", (3, 32, 32)
    export_onnx(resnet18(), path, signature=image(shape), **statistics(shape))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    pixels = np.random.default_rng(0).random((1, *shape), dtype=np.float32)

    def by_hand() -> float:
        times = []
        for _ in range(60):
            start = time.perf_counter()
            session.run(None, {"pixels": pixels})
            times.append(1000 * (time.perf_counter() - start))
        return float(np.median(times[10:]))

    # Before and after: other work that comes or goes meanwhile moves both bounds.
    before = by_hand()
    rows = measure(
        {"a": path}, batches=(1,), threads=(1,), warmup=10, repeats=60, signature=image(shape), machine=""
    )
    (row,) = rows["a"]
    after = by_hand()
    assert 0.1 * min(before, after) < row.p50 < 10 * max(before, after)
