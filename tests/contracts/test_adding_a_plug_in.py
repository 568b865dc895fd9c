"""A new loss, architecture, dataset, generator or exporter is one file: a copy of the product works with them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NEW = {
    "losses/linear_logits.py": '''
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
''',
    "architectures/one_layer.py": '''
"""A linear classifier."""

import math

from torch import nn

from distill_core.entries import ArchitectureEntry, Params


class OneLayerParams(Params):
    pass


def build(params, signature):
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(signature.shape), signature.outputs))


ENTRY = ArchitectureEntry(
    name="one-layer", title="One layer", summary="As simple as it gets.", source="https://example.org/one",
    params=OneLayerParams, traits=frozenset({"image", "classification"}), build=build,
)
''',
    "datasets/stripes.py": '''
"""Horizontal and vertical stripes."""

import torch

from distill_core.datasets.samples import Samples
from distill_core.entries import DatasetEntry, Params, silent


class StripesParams(Params):
    pass


def load(params, cache, tell=silent):
    lines = torch.arange(8) % 2 * 255
    both = torch.stack([lines[:, None].expand(8, 8), lines[None].expand(8, 8)]).to(torch.uint8)[:, None]
    labels = torch.arange(60) % 2
    return Samples(
        train_inputs=both[labels], train_labels=labels, test_inputs=both[labels[:20]], test_labels=labels[:20],
        class_names=("horizontal", "vertical"), mean=(0.5,), std=(0.5,),
    )


ENTRY = DatasetEntry(
    name="stripes", title="Stripes", summary="Two kinds of stripes.", source="https://example.org/stripes",
    params=StripesParams, traits=frozenset({"image", "classification"}), load=load, fingerprint=lambda params: "1",
)
''',
    "generators/dimming.py": '''
"""Darker samples."""

from distill_core.entries import GeneratorEntry, Params
from distill_core.generators.variants import Variants


class DimmingParams(Params):
    pass


ENTRY = GeneratorEntry(
    name="dimming", title="Dimming", summary="Half as bright.", source="https://example.org/dim",
    params=DimmingParams, traits=frozenset({"image"}),
    build=lambda params: lambda originals, generator: Variants(originals.inputs / 2, originals.labels),
)
''',
    "exporters/diary.py": '''
"""Writes a line a record."""

from distill_core.entries import ExporterEntry, Params


class DiaryParams(Params):
    pass


class Diary:
    def __init__(self, path):
        self.path, self.lines = path, []

    def write(self, record):
        self.lines.append(type(record).__name__)

    def flush(self):
        self.path.mkdir(exist_ok=True)
        with (self.path / "diary.txt").open("a") as file:
            file.writelines(f"{line}\\n" for line in self.lines)
        self.lines.clear()
        return {}

    def close(self):
        pass


ENTRY = ExporterEntry(
    name="diary", title="Diary", summary="What happened.", source="https://example.org/diary", params=DiaryParams,
    build=lambda params, folder, position: Diary(folder.exported("diary")), why_off=lambda: None,
    look=lambda home: f"cat {home}",
)
''',
    "compression/clamping.py": '''
"""No weight is larger than a limit."""

from pydantic import Field

from distill_core.compression_step import NetworkStep
from distill_core.entries import CompressionEntry, Params


class ClampingParams(Params):
    limit: float = Field(0.5, gt=0, le=9, description="The largest weight.")


def build(params):
    def apply(network, around):
        for parameter in network.parameters():
            parameter.data.clamp_(-params.limit, params.limit)
        around.note("Clamped.")
        return network

    return NetworkStep(apply)


ENTRY = CompressionEntry(
    name="clamping", title="Clamping", summary="Small weights only.", source="https://example.org/clamp",
    params=ClampingParams, traits=frozenset({"network", "image", "classification"}), label="up to {limit:g}",
    strength="limit", build=build,
)
''',
}
NAMES = {
    "losses": "linear-logits", "architectures": "one-layer", "datasets": "stripes", "generators": "dimming",
    "exporters": "diary", "compression": "clamping",
}
ASK = """
import json, sys
from pathlib import Path
from distill_core.catalog import Catalogue
from distill_core.event_log import EventLog
from distill_core.events import RunCompressed, RunDeclared, RunFinished
from distill_core.exporters import switched_on
from distill_core.folders import Home, write_json
from distill_core.jobs.exporting import serve
from distill_core.pipeline import installed_catalogue, run_experiment
from distill_core.spec import parse_spec
from docs.build import catalogue_markdown
wire = json.loads(json.dumps(installed_catalogue().to_json()))
Catalogue.from_json(wire).check(parse_spec(json.loads(sys.argv[2])))
told, folder = [], Home(Path(sys.argv[1])).experiment("new")
log = EventLog(folder.events)
write_json(folder.spec, json.loads(sys.argv[2]))
run_experiment(
    parse_spec(json.loads(sys.argv[2])), folder, reuse={}, request={},
    emit=lambda event: (told.append(event), log(event)), should_stop=lambda: False, clock=lambda: 0.0,
)
for exporter in switched_on():
    if exporter.name == "diary":
        serve(folder, exporter, rest=lambda: True, note=print)
json.dump({
    "wire": {kind: {entry["name"]: entry for entry in entries} for kind, entries in wire.items()},
    "page": catalogue_markdown(),
    "diary": (folder.exported("diary") / "diary.txt").read_text().split(),
    "accuracies": [event.accuracy for event in told if isinstance(event, RunFinished)],
    "compressed": [
        [event.name, event.strength] for event in told if isinstance(event, RunDeclared) and event.parent
    ],
    "notes": [event.notes for event in told if isinstance(event, RunCompressed)],
}, sys.stdout)
"""
NETWORK = {"name": "one-layer", "params": {}}
BUDGET = {"epochs": 2, "batch_size": 8}
SPEC = {
    "name": "all new", "seeds": [0], "data": {"dataset": {"name": "stripes", "params": {}}},
    "teacher": {"architecture": NETWORK, "training": BUDGET},
    "students": [
        {"name": "taught", "architecture": NETWORK, "generator": {"name": "dimming", "params": {}},
         "terms": [{"loss": {"name": "linear-logits", "params": {"slope": 3}}, "weight": 1}]},
    ],
    "compression": {"chains": [{"of": "taught", "steps": [{"name": "clamping", "params": {"limit": 2}}]}]},
    "student_training": BUDGET, "latency": {"batches": [1], "threads": [1], "warmup": 1, "repeats": 20},
}  # fmt: skip


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a copy of the code with the new files says and does; no other file is changed."""
    folder = tmp_path_factory.mktemp("product")
    for part in ("distill_core", "docs"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for place, content in NEW.items():
        (folder / "distill_core" / place).write_text(content, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    asked = subprocess.run(
        [sys.executable, "-c", ASK, str(folder / "home"), json.dumps(SPEC)], cwd=folder, env=environment,
        capture_output=True, text=True, timeout=240,
    )
    assert asked.returncode == 0, asked.stderr
    found: dict[str, Any] = json.loads(asked.stdout)
    return found


@pytest.mark.parametrize(("kind", "name"), NAMES.items())
def test_one_new_file_is_in_the_registry_the_json_and_the_docs(answer: dict[str, Any], kind: str, name: str) -> None:
    wired = answer["wire"][kind][name]
    assert f"### `{name}`: {wired['title']}" in answer["page"]


def test_its_parameters_are_in_the_schema_and_the_docs(answer: dict[str, Any]) -> None:
    wired = answer["wire"]["losses"]["linear-logits"]
    assert wired["schema"]["properties"]["slope"]["exclusiveMinimum"] == 0
    assert wired["traits"] == ["classification", "teacher"]
    assert "| `slope` | `2.0` | number above 0 to 9 | What an error of one costs. |" in answer["page"]


def test_an_experiment_of_nothing_but_new_files_succeeds(answer: dict[str, Any]) -> None:
    assert len(answer["accuracies"]) == 4
    assert answer["compressed"] == [["taught › up to 2", 2.0]] and answer["notes"] == [["Clamped."]]
    assert all(accuracy > 0.9 for accuracy in answer["accuracies"])


def test_a_new_exporter_is_told_what_happened(answer: dict[str, Any]) -> None:
    assert answer["diary"].count("Curves") == 3 * BUDGET["epochs"] and answer["diary"].count("RunOver") == 4
    assert answer["diary"].count("ModelFile") >= 1
