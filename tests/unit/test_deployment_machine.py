"""The name of a machine, from the files that systems keep about themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from distill_core.deployment.machine import machine_name
from distill_core.processor import _quota_cores, available_cores, cpu_model


def test_name_holds_processor_and_cores() -> None:
    name = machine_name()
    assert cpu_model() in name
    assert f"{available_cores()} " in name and "core" in name
    assert available_cores() >= 1


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("model name\t: Intel(R)  Xeon(R) CPU\n", "Intel(R) Xeon(R) CPU"),
        ("processor : 0\nModel\t\t: Raspberry Pi 5\n", "Raspberry Pi 5"),
    ],
)
def test_processor_from_cpuinfo(tmp_path: Path, content: str, expected: str) -> None:
    (tmp_path / "cpuinfo").write_text(content)
    assert cpu_model(tmp_path / "cpuinfo") == expected


def test_processor_without_cpuinfo(tmp_path: Path) -> None:
    assert cpu_model(tmp_path / "none")


@pytest.mark.parametrize(("content", "cores"), [("max 100000", 16), ("150000 100000", 2), ("nonsense", 16)])
def test_a_container_with_a_quota_has_fewer_cores(tmp_path: Path, content: str, cores: int) -> None:
    (tmp_path / "cpu.max").write_text(content)
    assert _quota_cores(tmp_path / "cpu.max", 16) == cores
    assert _quota_cores(tmp_path / "none", 16) == 16
