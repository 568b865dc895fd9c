"""The web process never loads torch, and a training nothing that it does not use."""

from __future__ import annotations

import subprocess
import sys

LIGHT = [
    "distill_core.errors", "distill_core.spec", "distill_core.events", "distill_core.folders", "distill_core.presets",
    "distill_core.catalog", "distill_core.plan", "distill_core.evaluation.figures", "distill_core.evaluation.verdict",
    "distill_core.charts.tradeoff", "distill_core.store.store", "distill_core.executors", "distill_core.exporters",
    "distill_core.jobs.exporting",
    "distill_core.services", "distill_core.jobs.dispatcher", "distill_core.jobs.preview_client",
    "distill_core.deployment.bundle", "distill_core.cli",
]  # fmt: skip


def test_light_modules_load_neither_torch_nor_streamlit() -> None:
    """All of them in one process; which of them is to blame is asked one by one only where one is."""
    if heavy_after(*LIGHT):
        assert {module: heavy_after(module) for module in LIGHT} == {module: [] for module in LIGHT}


def test_a_training_on_the_digits_loads_nothing_that_it_does_not_use() -> None:
    """Each of them would hold up the first point of every curve by seconds."""
    code = (
        "import sys, pathlib, torch, distill_core.pipeline, distill_core.jobs.exporting\n"
        "from distill_core import architectures, datasets\n"
        "digits, net = datasets.REGISTRY['digits'], architectures.REGISTRY['tiny-cnn']\n"
        "data = digits.load(digits.resolve({}), pathlib.Path('nowhere'))\n"
        "net.build(net.resolve({}), data.signature)(torch.zeros(1, 1, 8, 8))\n"
        "print(*(name for name in ('torchvision', 'sklearn', 'pandas', 'scipy.stats', 'optuna') "
        "if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == []


def heavy_after(*modules: str) -> list[str]:
    """What of the large libraries a process has loaded that imports these."""
    heavy = ("torch", "streamlit", "sklearn", "mlflow", "wandb", "optuna")
    code = f"import sys, {', '.join(modules)}; print(*(name for name in {heavy} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.split()
