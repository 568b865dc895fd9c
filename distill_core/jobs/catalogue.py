"""The catalogue without torch: a child process describes the entries once for every version of the code."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from functools import cache
from pathlib import Path

from distill_core.catalog import Catalogue
from distill_core.errors import HelperUnavailable
from distill_core.folders import Home, read_json

_DESCRIBED = ("architectures", "datasets", "losses", "generators", "executors", "exporters", "compression")
_LONGEST_SECONDS = 180


def load_catalogue(home: Home) -> Catalogue:
    """From the home's cache, or from a child process that takes seconds; raises HelperUnavailable, HomeUnusable."""
    path = home.catalogue(code_version())
    try:
        return Catalogue.from_json(read_json(path))
    except (OSError, ValueError, KeyError):
        with home.usable():
            path.parent.mkdir(parents=True, exist_ok=True)
        _describe(path)
    return Catalogue.from_json(read_json(path))


@cache
def code_version() -> str:
    """Digest of all code that entries and their parameters are made of, as it was when this process began to use it."""
    package = Path(__file__).parent.parent
    content = hashlib.sha256(sys.version.encode())
    files = [package / f"{name}.py" for name in ("catalog", "entries", "signature", "spec")]
    for name in _DESCRIBED:
        files += sorted((package / name).glob("*.py"))
    for file in files:
        content.update(file.name.encode() + b"\0" + file.read_bytes())
    return content.hexdigest()[:16]


def _describe(path: Path) -> None:
    command = [sys.executable, "-m", "distill_core.jobs.describe", str(path)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_LONGEST_SECONDS, check=False,
            cwd=Path(__file__).resolve().parents[2],
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HelperUnavailable(f"The catalogue could not be read: {error}. Try again.") from error
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise HelperUnavailable(
            f"The catalogue could not be read: {last[0][:300]}. "
            "Check the installation with `python -m distill_core doctor`."
        )
