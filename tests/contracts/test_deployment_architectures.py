"""Every architecture of the catalogue can be profiled and shipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from distill_core.architectures import REGISTRY
from distill_core.catalog import ArchitectureEntry
from distill_core.deployment.onnx_export import export_onnx
from distill_core.deployment.parity import check_parity
from distill_core.deployment.profile import profile

SHAPES = ((1, 8, 8), (3, 32, 32))


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
@pytest.mark.parametrize("entry", list(REGISTRY), ids=lambda entry: entry.name)
def test_architecture_ships(entry: ArchitectureEntry, shape: tuple[int, int, int], tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = entry.build(entry.resolve({}), shape, 10)
    with torch.no_grad():
        # Batch normalisation that has seen data: an untrained one is almost the identity and hides mistakes.
        network.train()(torch.randn(16, *shape))
    network.eval()
    path = tmp_path / "model.onnx"
    size = export_onnx(network, path, shape=shape, mean=[0.4] * shape[0], std=[0.3] * shape[0])
    images = np.random.default_rng(0).integers(0, 256, (33, *shape), dtype=np.uint8)
    with torch.no_grad():
        expected = network((torch.from_numpy(images).float() / 255 - 0.4) / 0.3).numpy()
    parity = check_parity(path, images, expected, batch=16)
    assert parity.max_abs_diff < 1e-4 * max(1.0, float(np.abs(expected).max()))
    assert (parity.same_class, parity.total) == (33, 33)

    figures = profile(network, shape=shape)
    assert figures.parameters == sum(parameter.numel() for parameter in network.parameters())
    assert figures.macs > 0
    assert figures.size_bytes >= 4 * figures.parameters
    # Folding normalisation away saves less than the graph's description costs, or little more.
    assert 0.5 < size / figures.size_bytes < 3
