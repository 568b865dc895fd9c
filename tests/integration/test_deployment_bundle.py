"""A bundle works alone, tells the truth, and is written whole or not at all."""

from __future__ import annotations

import ast
import io
import json
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np
import pytest
import torch
from markdown_it import MarkdownIt
from torch import nn

from distill_core.deployment.bundle import bundle_zip, write_bundle, write_test_samples
from distill_core.deployment.onnx_export import export_onnx
from distill_core.deployment.parity import check_parity, onnx_logits
from distill_core.deployment.run_script import run_script
from distill_core.errors import Conflict, NotFound
from distill_core.events import LatencyRow
from distill_core.folders import ExperimentFolder
from distill_core.rows import ExperimentRow, ExperimentView, RunRow, WorkerRow
from distill_core.signature import INPUT_KINDS, TASKS, InputKind, Signature, Task
from distill_core.spec import ExperimentSpec, parse_spec

RUN_ID = "0123456789abcdef"
DIGITS = Signature(kind="image", shape=(1, 8, 8), outputs=10)
FILES = ["labels.json", "measure.py", "model.onnx", "model_card.md", "run.py", "spec.json", "test_samples.npz"]
NASTY = "<script>alert(1)</script> | [x](http://e.com) `code` **bold**\n# heading " + "a" * 500


def run_row(**changes: object) -> RunRow:
    row = RunRow(
        run_id=RUN_ID, experiment_id="e1", experiment_name="tiny", role="student", name="distilled", seed=0,
        state="finished", architecture="tiny-cnn", parameters=666, macs=7232, size_bytes=3072, epochs=3,
        samples_seen="100 labelled images", best_epoch=2, stopped_epoch=3, stop_rule="best validation accuracy",
        seconds=1.5, accuracy=0.946, nll=0.21, ece=0.034, agreement=0.95,
    )
    return replace(row, **changes)


def view_of(spec: ExperimentSpec, *runs: RunRow, classes: tuple[str, ...] = tuple("0123456789")) -> ExperimentView:
    row = ExperimentRow(
        experiment_id="e1", name=spec.name, state="succeeded", reason="", attempt=1, created_at=0, started_at=0,
        finished_at=1, dataset="digits", teacher="small-cnn", students=("alone", "distilled"), seeds=2, runs_total=7,
        runs_done=7, runs_reused=0, device="cpu",
    )
    worker = WorkerRow(
        pid=1, device="cpu", device_name="CPU", threads=1, machine="Some CPU, 2 cores", versions={"torch": "2.15.0"}
    )
    return ExperimentView(row=row, spec=spec, steps=(), runs=runs, notes=(), worker=worker, class_names=classes)


@pytest.fixture
def folder(tmp_path: Path) -> ExperimentFolder:
    return ExperimentFolder(tmp_path / "experiment")


@pytest.fixture
def shipped(folder: ExperimentFolder) -> RunRow:
    """A run exported as the pipeline does it."""
    torch.manual_seed(0)
    place = folder.run(RUN_ID)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).eval()
    size = export_onnx(model, place.onnx, signature=DIGITS, mean=[0.3], std=[0.4])
    images = np.random.default_rng(0).integers(0, 256, (100, 1, 8, 8), dtype=np.uint8)
    with torch.no_grad():
        logits = model((torch.from_numpy(images).float() / 255 - 0.3) / 0.4).numpy()
    write_test_samples(place.test_samples, images, np.arange(100) % 10, logits, signature=DIGITS)
    parity = check_parity(place.onnx, images, logits, signature=DIGITS)
    latency = (
        LatencyRow(
            batch=1, threads=1, provider="CPUExecutionProvider", p50=0.0123, p95=0.02, p99=0.03, repeats=200,
            machine="Some CPU, 2 cores",
        ),
    )
    return run_row(
        onnx_path=f"runs/{RUN_ID}/model.onnx", onnx_size_bytes=size, max_abs_diff=parity.max_abs_diff,
        same_class=parity.same_class, test_total=parity.total, latency=latency,
    )


@pytest.fixture
def view(tiny_spec: ExperimentSpec, shipped: RunRow) -> ExperimentView:
    return view_of(
        tiny_spec,
        run_row(run_id="t", role="teacher", name="teacher", seed=50, accuracy=0.971, parameters=7234),
        run_row(run_id="a", role="baseline", name="alone", accuracy=0.912),
        run_row(run_id="b", role="baseline", name="alone", seed=1, accuracy=0.333),
        shipped,
    )


def execute(bundle: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(bundle / "run.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd="/", check=False)


def execute_alone(bundle: Path) -> subprocess.CompletedProcess[str]:
    """The script where nothing of ours, nor torch, can be imported."""
    watch = (
        "import runpy, sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        assert name.split('.')[0] not in ('torch', 'onnx', 'distill_core', 'onnxscript'), name\n"
        "sys.meta_path.insert(0, Refuse())\n"
        f"runpy.run_path({str(bundle / 'run.py')!r})\n"
    )
    command = [sys.executable, "-I", "-c", watch]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd="/", check=False)


def test_the_bundle_runs_alone(tmp_path: Path, folder: ExperimentFolder, shipped: RunRow, view: ExperimentView) -> None:
    out = write_bundle(folder, shipped, view, tmp_path / "out" / "bundle")
    assert sorted(path.name for path in out.iterdir()) == FILES
    done = execute(out)
    assert done.returncode == 0, done.stderr
    assert "as expected" in done.stdout and "NOT" not in done.stdout
    assert json.loads((out / "labels.json").read_text()) == list("0123456789")
    assert parse_spec(json.loads((out / "spec.json").read_text())) == view.spec
    samples = np.load(out / "test_samples.npz")
    assert samples["x"].shape == (32, 1, 8, 8) and samples["x"].dtype == np.float32
    assert samples["x"].min() >= 0 and samples["x"].max() <= 1
    assert samples["y"].shape == (32,) and samples["expected_logits"].shape == (32, 10)
    again = onnx_logits(out / "model.onnx", np.round(samples["x"] * 255).astype(np.uint8), signature=DIGITS)
    assert again == pytest.approx(samples["expected_logits"], abs=1e-5)


def test_the_script_exits_with_1_when_the_model_answers_otherwise(
    tmp_path: Path, folder: ExperimentFolder, shipped: RunRow, view: ExperimentView
) -> None:
    out = write_bundle(folder, shipped, view, tmp_path / "bundle")
    samples = dict(np.load(out / "test_samples.npz"))
    samples["expected_logits"][0, 0] += 0.01
    np.savez(out / "test_samples.npz", **samples)
    done = execute(out)
    assert done.returncode == 1
    assert "NOT as expected" in done.stdout


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", INPUT_KINDS)
def test_the_script_imports_only_onnxruntime_numpy_and_the_standard_library(kind: InputKind, task: Task) -> None:
    tree = ast.parse(run_script(Signature(kind=kind, shape=(4, 4, 4), outputs=2, task=task)))
    imports = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imports |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    texts = {"re", "unicodedata"} if kind == "text" else set()
    assert imports == {"json", "sys", "pathlib", "numpy", "onnxruntime"} | texts


def test_the_script_loads_no_torch(
    tmp_path: Path, folder: ExperimentFolder, shipped: RunRow, view: ExperimentView
) -> None:
    out = write_bundle(folder, shipped, view, tmp_path / "bundle")
    done = execute_alone(out)
    assert done.returncode == 0, done.stderr


def test_the_zip_holds_the_same(
    tmp_path: Path, folder: ExperimentFolder, shipped: RunRow, view: ExperimentView
) -> None:
    out = write_bundle(folder, shipped, view, tmp_path / "bundle")
    content = bundle_zip(folder, shipped, view)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == [f"student-{RUN_ID}/{name}" for name in FILES]
        archive.extractall(tmp_path / "unpacked")
    for name in FILES:
        assert (tmp_path / "unpacked" / f"student-{RUN_ID}" / name).read_bytes() == (out / name).read_bytes()
    assert bundle_zip(folder, shipped, view) == content


def test_a_run_that_is_not_exported_is_refused(
    tmp_path: Path, folder: ExperimentFolder, shipped: RunRow, view: ExperimentView
) -> None:
    with pytest.raises(NotFound, match="no ONNX graph yet; ask for its export"):
        write_bundle(folder, run_row(), view, tmp_path / "bundle")
    folder.run(RUN_ID).test_samples.unlink()
    with pytest.raises(NotFound, match=r"has lost test_samples\.npz; resume"):
        write_bundle(folder, shipped, view, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_nothing_that_is_there_is_overwritten(
    tmp_path: Path, folder: ExperimentFolder, shipped: RunRow, view: ExperimentView
) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "thesis.tex").write_text("years of work")
    with pytest.raises(Conflict, match="not an empty folder; choose another"):
        write_bundle(folder, shipped, view, taken)
    with pytest.raises(Conflict, match="not an empty folder"):
        write_bundle(folder, shipped, view, taken / "thesis.tex")
    with pytest.raises(Conflict, match="cannot be written"):
        write_bundle(folder, shipped, view, taken / "thesis.tex" / "below")
    assert [path.name for path in taken.iterdir()] == ["thesis.tex"]
    assert (taken / "thesis.tex").read_text() == "years of work"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert sorted(path.name for path in write_bundle(folder, shipped, view, empty).iterdir()) == FILES
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")]


def test_the_card_shows_the_evidence(
    tmp_path: Path, folder: ExperimentFolder, shipped: RunRow, view: ExperimentView
) -> None:
    out = write_bundle(folder, shipped, view, tmp_path / "bundle", verdict="distilled 94.6, alone 91.2: helped")
    card = (out / "model_card.md").read_text()
    assert "| **distilled · seed 0** (this model) | 94.6% | 0.210 | 0.034 | 666 |" in card
    assert "| alone · seed 0, same network trained alone, same seed | 91.2% |" in card
    assert "33.3%" not in card, "another seed's figure is no comparison"
    assert "| teacher, its teacher | 97.1% |" in card
    assert "Verdict: distilled 94.6, alone 91.2: helped" in card
    assert "the same class for 100 of 100 images" in card
    assert "| 1 | 1 | CPUExecutionProvider | 0.0123 | 0.02 | 0.03 | 200 |" in card
    assert "Some CPU, 2 cores" in card and "torch 2.15.0" in card
    assert "1 times `cross-entropy` + 1 times `kd` (temperature 4.0)" in card
    assert "epoch 2, the best on validation, of 3 trained (best validation accuracy)" in card
    assert "100 test images that chose nothing" in card
    assert "the same class as the teacher for 95.0% of them" in card
    assert "1 x 8 x 8 pixels" in card


def test_the_card_does_not_claim_what_was_not_measured(
    view: ExperimentView, folder: ExperimentFolder, shipped: RunRow
) -> None:
    bare = replace(shipped, latency=(), accuracy=float("nan"), agreement=None, max_abs_diff=None, same_class=None)
    with zipfile.ZipFile(io.BytesIO(bundle_zip(folder, bare, view))) as archive:
        card = archive.read(f"student-{RUN_ID}/model_card.md").decode()
    assert "Not measured yet." in card and "Not compared." in card
    assert "(this model) | not measured |" in card
    assert "one seed alone does not tell" in card


def test_names_that_users_give_cannot_break_the_card(
    folder: ExperimentFolder, shipped: RunRow, spec_data: dict
) -> None:
    spec = parse_spec(spec_data | {"name": NASTY[:80]})
    shipped = replace(shipped, name=NASTY, samples_seen=NASTY)
    view = view_of(spec, shipped, classes=(NASTY, *"123456789"))
    with zipfile.ZipFile(io.BytesIO(bundle_zip(folder, shipped, view, verdict=NASTY))) as archive:
        assert json.loads(archive.read(f"student-{RUN_ID}/labels.json"))[0] == NASTY
        card = archive.read(f"student-{RUN_ID}/model_card.md").decode()
    page = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(card)
    assert not re.findall(r"<(?:script|a)\b", page)
    assert page.count("<h1>") == 1 and "<h1>heading" not in page
    assert set(re.findall(r"<strong>(.*?)</strong>", page)) == {f"{escape(NASTY[:99].replace(chr(10), ' '))}…"}
    assert "a" * 600 not in page
    rows = re.findall(r"<tr>(.*?)</tr>", page, flags=re.DOTALL)
    assert {row.count("<td>") + row.count("<th>") for row in rows} == {2, 5, 7}


def test_samples_written_before_there_were_facts_are_images(
    tmp_path: Path, folder: ExperimentFolder, shipped: RunRow, view: ExperimentView
) -> None:
    place = folder.run(RUN_ID).test_samples
    arrays = {name: value for name, value in np.load(place).items() if name != "facts"}
    np.savez(place, **arrays)
    out = write_bundle(folder, shipped, view, tmp_path / "bundle")
    assert execute(out).returncode == 0
    assert "1 x 8 x 8 pixels" in (out / "model_card.md").read_text()
