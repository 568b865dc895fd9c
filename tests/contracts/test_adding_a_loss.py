"""A loss is one new file: a copy of the product with that file alone lists it everywhere and computes it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEW_LOSS = '''
"""Logit matching by absolute error."""

from pydantic import Field

from distill_core.entries import LossEntry, Params


class LinearLogitsParams(Params):
    slope: float = Field(2.0, gt=0, le=9, description="What an error of one costs.")


def build(params, shapes):
    return lambda step: params.slope * (step.student_logits - step.teacher().detach()).abs().mean()


ENTRY = LossEntry(
    name="linear-logits", title="Logit regression (absolute)", summary="Learn raw logits, outliers and all.",
    source="https://example.org/linear", params=LinearLogitsParams,
    traits=frozenset({"teacher", "classification"}), build=build,
)
'''
ASK = """
import json, sys
import torch
from distill_core.catalog import Catalogue
from distill_core.losses.term import StepTensors
from distill_core.pipeline import installed_catalogue
from distill_core.spec import Choice
from docs.build import catalogue_markdown
catalogue = installed_catalogue()
wire = json.loads(json.dumps(catalogue.to_json()))
known = Catalogue.from_json(wire).losses
entry, params = catalogue.losses.resolve(Choice(name="linear-logits", params={"slope": 3}))
step = StepTensors(torch.zeros(2, 3), torch.ones(2, 3), torch.zeros(2, dtype=torch.int64))
json.dump({
    "wire": [loss for loss in wire["losses"] if loss["name"] == "linear-logits"],
    "form": known["linear-logits"].resolve({}).model_dump(),
    "page": catalogue_markdown(),
    "code": entry.code,
    "value": entry.build(params, None)(step).item(),
}, sys.stdout)
"""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code, and the new file in it."""
    folder = tmp_path_factory.mktemp("product")
    for part in ("distill_core", "docs"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "distill_core" / "losses" / "linear_logits.py").write_text(NEW_LOSS, encoding="utf-8")
    return folder


def test_one_new_file_is_listed_everywhere_and_works(product: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(product), "PYTHONDONTWRITEBYTECODE": "1"}
    asked = subprocess.run(
        [sys.executable, "-c", ASK], cwd=product, env=environment, capture_output=True, text=True, timeout=240
    )
    assert asked.returncode == 0, asked.stderr
    answer = json.loads(asked.stdout)
    (wired,) = answer["wire"]
    assert wired["schema"]["properties"]["slope"]["exclusiveMinimum"] == 0
    assert wired["traits"] == ["classification", "teacher"]
    assert answer["form"] == {"slope": 2.0}
    assert "### `linear-logits`: Logit regression (absolute)" in answer["page"]
    assert "| `slope` | `2.0` | number above 0 to 9 | What an error of one costs. |" in answer["page"]
    assert len(answer["code"]) == 16
    assert answer["value"] == pytest.approx(3.0)
