"""The environment torchdistill runs in: its own, with its pinned version, on the same torch as ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

TORCHDISTILL = "1.1.5"
"""The newest release on PyPI when this was written; it asks for torch 2.12 or newer."""


class NotMeasured(Exception):
    """Why a rival cannot run here, in a sentence."""


def cache_folder() -> Path:
    """Where what is costly to make stays between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "distill-lab-benchmarks"


def torchdistill_python(*, install: bool = True) -> Path:
    """The interpreter that has torchdistill; makes its environment once. Raises NotMeasured with the reason.

    A path file lends it the packages of this environment: the same torch for both, and no second download of it.
    """
    folder = cache_folder() / f"torchdistill-{TORCHDISTILL}-python{sys.version_info.major}.{sys.version_info.minor}"
    python, done = folder / "bin" / "python", folder / "complete"
    if done.exists():
        return python
    if not install:
        raise NotMeasured("torchdistill's environment has not been made")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _called([sys.executable, "-m", "venv", str(folder)])
        own = _called([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip()
        Path(own, "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
        _called([str(python), "-m", "pip", "install", "-q", f"torchdistill=={TORCHDISTILL}"])
        _called([str(python), "-c", "import torchdistill.core.distillation"])
    except subprocess.CalledProcessError as error:
        lines = [line for line in (error.stderr or "").splitlines() if line.strip()]
        raise NotMeasured(f"torchdistill {TORCHDISTILL} cannot be installed: {lines[-1] if lines else error}") from None
    done.touch()
    return python


def _called(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=900).stdout
