"""Bundles of compressed runs: they run alone, allow for other processors' rounding, and tell how they were made."""

from __future__ import annotations

import subprocess
import venv
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from safetensors.numpy import load_file

from distill_core.bundles import Bundles
from distill_core.compression.quantization import DynamicParams, quantize_dynamically
from distill_core.deployment.bundle import write_bundle, write_test_samples
from distill_core.deployment.onnx_export import is_quantized
from distill_core.deployment.parity import onnx_logits
from distill_core.folders import ExperimentFolder, Home
from distill_core.pipeline import installed_catalogue
from distill_core.rows import RunRow
from distill_core.spec import ExperimentSpec, parse_spec
from distill_core.store.store import Store
from tests.conftest import tiny_spec_data
from tests.integration.deployment_cases import CASES, WORDS
from tests.integration.pipeline_lab import PipelineLab
from tests.integration.test_deployment_bundle import RUN_ID, execute, view_of
from tests.integration.test_deployment_bundle_kinds import names, ship

PRUNE = {"name": "magnitude-pruning", "params": {"sparsity": 0.4, "scope": "layer"}}
CUT = {"name": "structured-pruning", "params": {"ratio": 0.25}}
INT8 = {"name": "static-int8", "params": {"samples": 30, "method": "percentile"}}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Bundles]:
    """A finished experiment with a pruned, an int8, and a float16 child."""
    lab, data = PipelineLab(tmp_path_factory.mktemp("home")), tiny_spec_data()
    data["seeds"], data["students"] = [0], data["students"][1:2]
    chains = [[CUT, PRUNE, INT8], [{"name": "float16", "params": {}}]]
    data["compression"] = {"chains": [{"of": "distilled", "steps": steps} for steps in chains]}
    store = Store(Home(lab.home.path))
    store.create(parse_spec(data), experiment_id="one", created_at=0.0)
    assert lab.run("one", data).outcome == "succeeded"
    store.ingest("one")
    return store, Bundles(lab.home, lambda: store, installed_catalogue)


def run_named(store: Store, end: str) -> RunRow:
    return next(run for run in store.experiment("one").runs if run.name.endswith(end))


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that holds nothing but ONNX Runtime and NumPy."""
    folder = tmp_path_factory.mktemp("alone") / "environment"
    venv.create(folder, with_pip=False)
    place = next(folder.glob("lib/python*/site-packages"))
    for package in (onnxruntime, np):
        source = Path(str(package.__file__)).parent
        for part in (source, source.with_name(f"{source.name}.libs")):
            if part.is_dir():
                (place / part.name).symlink_to(part)
    return folder / "bin" / "python"


@pytest.mark.parametrize("end", ["› int8 static", "› float16", "› 40% zeros"])
def test_a_bundle_runs_with_onnxruntime_and_numpy_alone(
    end: str, home: tuple[Store, Bundles], python: Path, tmp_path: Path
) -> None:
    store, bundles = home
    out = bundles.write("one", run_named(store, end).run_id, tmp_path / "bundle")
    command = [str(python), "-I", str(out / "run.py")]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd="/", check=False)
    assert done.returncode == 0, done.stderr
    assert "as expected" in done.stdout and "NOT" not in done.stdout
    quantized = end == "› int8 static"
    assert ("32 of 32 get the class expected; 8-bit kernels round differently" in done.stdout) == quantized
    assert is_quantized(out / "model.onnx") == quantized
    assert (out / "model.safetensors").is_file() == (end == "› 40% zeros")
    missing = [str(python), "-c", "import torch"]
    assert subprocess.run(missing, capture_output=True, check=False).returncode == 1


def test_the_card_tells_the_line_of_descent(home: tuple[Store, Bundles], tmp_path: Path) -> None:
    store, bundles = home
    run = run_named(store, "› int8 static")
    out = bundles.write("one", run.run_id, tmp_path / "bundle")
    card = (out / "model_card.md").read_text()
    lines = [line for line in card.splitlines() if line.startswith("|")]
    table = [line for line in lines if "pruning`" in line or "static-int8`" in line or "| student distilled" in line]
    assert len(table) == 4
    assert table[0].startswith("| student distilled · seed 0 |")
    assert table[1].startswith("| `structured-pruning` (ratio 0.25")
    assert table[2].startswith("| `magnitude-pruning` (sparsity 0.4") and " | 4" in table[2] and "% |" in table[2]
    assert table[3].startswith("| `static-int8` (") and "samples 30" in table[3] and "percentile" in table[3]
    assert f"{run.onnx_size_bytes:,} |" in table[3]
    assert "those of this model are of `model.onnx` beside this card" in card
    assert "## How it differs from the float file" in card and "## Is the exported graph" not in card
    assert f"for {run.same_class} of {run.test_total} images; their logits" in card
    assert "elsewhere a few answers may differ" in card
    assert "## How the network it was made of was trained" in card
    assert "1 times `cross-entropy` + 1 times `kd` (temperature 4.0)" in card, "of the student, not of its child"
    assert "the trained network it was made of |" in card
    assert "`model.safetensors`" not in card
    pruned = bundles.write("one", run_named(store, "› 40% zeros").run_id, tmp_path / "pruned")
    card = (pruned / "model_card.md").read_text()
    assert "## Is the exported graph the trained network?" in card and "`model.safetensors`" in card
    weights = load_file(pruned / "model.safetensors")
    zeros = [float((value == 0).mean()) for value in weights.values() if value.ndim >= 2]
    assert zeros and min(zeros) > 0.3


def test_expected_answers_are_those_of_the_file_itself(home: tuple[Store, Bundles], tmp_path: Path) -> None:
    store, bundles = home
    out = bundles.write("one", run_named(store, "› int8 static").run_id, tmp_path / "bundle")
    samples = np.load(out / "test_samples.npz")
    session = onnxruntime.InferenceSession(out / "model.onnx", providers=["CPUExecutionProvider"])
    ours = session.run(["logits"], {"pixels": samples["x"]})[0]
    assert np.abs(ours - samples["expected_logits"]).max() < 0.1 * np.ptp(ours)
    float_parent = run_named(store, "› 40% zeros")
    theirs = onnx_logits(
        store.home.experiment("one").run(float_parent.run_id).onnx,
        np.round(samples["x"] * 255).astype(np.uint8), signature=CASES["image"].signature,
    )
    assert np.abs(theirs - samples["expected_logits"]).max() > np.abs(ours - samples["expected_logits"]).max()


@pytest.mark.parametrize("name", ["sequence-tagging", "text", "regression"])
def test_quantized_files_of_other_kinds_allow_for_rounding_and_for_no_more(
    name: str, tmp_path: Path, tiny_spec: ExperimentSpec
) -> None:
    case, folder = CASES[name], ExperimentFolder(tmp_path / "experiment")
    row = replace(ship(case, folder), role="compressed")
    place, stored = folder.run(RUN_ID), case.stored(40)
    quantize_dynamically(place.onnx, tmp_path / "q.onnx", DynamicParams())
    (tmp_path / "q.onnx").replace(place.onnx)
    answers = onnx_logits(place.onnx, stored, signature=case.signature)
    own_units = {"label_mean": case.label_mean, "label_std": case.label_std}
    if case.label_mean:
        answers = (answers - np.asarray(case.label_mean)) / np.asarray(case.label_std)
    write_test_samples(
        place.test_samples, stored, case.labels(40), answers, signature=case.signature,
        words=WORDS if case.signature.kind == "text" else (), quantized=True, **own_units,
    )
    out = write_bundle(folder, row, view_of(tiny_spec, row, classes=names(case)), tmp_path / "bundle")
    done = execute(out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8-bit kernels round differently" in done.stdout
    output = f"expected_{case.signature.output_name}"
    samples = dict(np.load(out / "test_samples.npz"))
    near, far = dict(samples), dict(samples)
    # A rounding of another processor is nothing; answers of another network are.
    near[output] = samples[output] + 1e-3 * np.ptp(samples[output], axis=0)
    far[output] = -samples[output]
    for content, code in ((near, 0), (far, 1)):
        np.savez(out / "test_samples.npz", **content)
        assert execute(out).returncode == code
