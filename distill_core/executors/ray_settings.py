"""Where the Ray cluster is and what a worker finds there: parameters, filled in from the environment."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field

from distill_core.entries import Params
from distill_core.errors import LabError, Problem

_ROOT = Path(__file__).resolve().parents[2]
_ADDRESSES = "http://HOST:PORT or https://HOST:PORT"


class RayParams(Params):
    """Each has an environment variable, which is read where the parameter is empty."""

    address: str = Field("", description="Where the head's dashboard answers; empty: DISTILL_RAY_ADDRESS.")
    python: str = Field(
        "", description="This installation's Python on the nodes; empty: DISTILL_RAY_PYTHON, else the same as here."
    )
    root: str = Field(
        "", description="This installation's folder on the nodes; empty: DISTILL_RAY_ROOT, else the same as here."
    )
    cpus: float = Field(
        0.0, ge=0, le=4096, description="CPUs of Ray for each process of an experiment; 0: DISTILL_RAY_CPUS, else 1."
    )
    memory_gb: float = Field(
        0.0, ge=0, le=1e6,
        description="Memory of Ray for an experiment, in GB; 0: DISTILL_RAY_MEMORY_GB, else it is not counted.",
    )


@dataclass(frozen=True)
class RaySettings:
    """Complete and checked."""

    address: str
    token: str = field(repr=False)
    python: str
    root: str
    cpus: float
    memory_bytes: int


def settings_of(params: RayParams, environment: Mapping[str, str]) -> RaySettings:
    """Raises LabError for the first setting that is wrong or missing. A token never stands in its sentence."""
    return RaySettings(
        address=_address(params.address or environment.get("DISTILL_RAY_ADDRESS", "")),
        token=_token(environment.get("DISTILL_RAY_TOKEN", "")),
        python=_path("DISTILL_RAY_PYTHON", params.python or environment.get("DISTILL_RAY_PYTHON") or sys.executable),
        root=_path("DISTILL_RAY_ROOT", params.root or environment.get("DISTILL_RAY_ROOT") or str(_ROOT)),
        cpus=params.cpus or _number(environment, "DISTILL_RAY_CPUS", default=1.0, least=0.1, most=4096.0),
        memory_bytes=round(1e9 * (
            params.memory_gb or _number(environment, "DISTILL_RAY_MEMORY_GB", default=0.0, least=0.0, most=1e6)
        )),
    )


def _address(address: str) -> str:
    try:
        parts = urlsplit(address)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) > 0
        plain = not (parts.username or parts.password or parts.query or parts.fragment)
    except ValueError:
        good = plain = False
    if not good or not plain or not address.isascii() or not address.isprintable() or " " in address:
        # What stands before an @ is a password.
        shown = address.rpartition("@")[2]
        remedy = "It is where the Ray head's dashboard answers, such as http://head:8265, without a token."
        raise LabError(str(Problem("DISTILL_RAY_ADDRESS", shown, _ADDRESSES, remedy)))
    return address.rstrip("/")


def _token(token: str) -> str:
    token = token.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise LabError(
            "DISTILL_RAY_TOKEN holds what no token can; allowed: one word of letters, digits and signs. Copy it from "
            "the file that the cluster was started with."
        )
    return token


def _path(name: str, path: str) -> str:
    if not path.startswith("/") or not path.isprintable():
        remedy = "Where this is installed on the nodes of the cluster; unset it if that is as here."
        raise LabError(str(Problem(name, path, "an absolute path", remedy)))
    return path


def _number(environment: Mapping[str, str], name: str, *, default: float, least: float, most: float) -> float:
    setting = environment.get(name, "")
    try:
        number = float(setting) if setting else default
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise LabError(str(Problem(name, setting, f"{least:g} to {most:g}", f"Unset it for {default:g}.")))
    return number
