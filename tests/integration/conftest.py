"""Shared by the tests of the pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.pipeline_lab import PipelineLab


@pytest.fixture
def lab(tmp_path: Path) -> PipelineLab:
    return PipelineLab(tmp_path)
