"""The web process never loads torch, and the docs name every command and catalogue entry that exists."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIGHT = [
    "distill_core.errors", "distill_core.spec", "distill_core.events", "distill_core.folders", "distill_core.presets",
    "distill_core.catalog", "distill_core.plan", "distill_core.evaluation.figures", "distill_core.evaluation.verdict",
    "distill_core.charts.tradeoff", "distill_core.store.store", "distill_core.executors", "distill_core.exporters",
    "distill_core.jobs.exporting",
    "distill_core.services", "distill_core.jobs.dispatcher", "distill_core.jobs.preview_client",
    "distill_core.deployment.bundle", "distill_core.cli",
]  # fmt: skip


@pytest.mark.parametrize("module", LIGHT)
def test_a_light_module_loads_neither_torch_nor_streamlit(module: str) -> None:
    heavy = ("torch", "streamlit", "sklearn", "mlflow", "wandb", "optuna")
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
