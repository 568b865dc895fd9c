"""Packs a run for shipping: graph, labels, samples with expected outputs, card, spec and a script; loads no torch."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distill_core.deployment.model_card import model_card
from distill_core.deployment.parity import as_pixels
from distill_core.errors import Conflict, NotFound
from distill_core.folders import ExperimentFolder, RunFolder, write_bytes
from distill_core.rows import ExperimentView, RunRow

# Earlier than 1980 a zip cannot say; a fixed time makes equal bundles equal files.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)

RUN_SCRIPT = '''\
"""Runs the model on the samples beside it and exits with 1 unless it answers as expected."""
import json
from pathlib import Path

import numpy as np
import onnxruntime

here = Path(__file__).resolve().parent
labels = json.loads((here / "labels.json").read_text(encoding="utf-8"))
samples = np.load(here / "test_samples.npz")
session = onnxruntime.InferenceSession(str(here / "model.onnx"), providers=["CPUExecutionProvider"])
logits = session.run(["logits"], {"pixels": samples["x"]})[0]
for row, truth in zip(logits.argmax(axis=1), samples["y"]):
    print(f"predicted {labels[row]}, true {labels[truth]}")
same = np.allclose(logits, samples["expected_logits"], rtol=1e-3, atol=1e-3)
print("as expected" if same else "NOT as expected", "- max difference", abs(logits - samples["expected_logits"]).max())
raise SystemExit(0 if same else 1)
'''


def write_test_samples(
    path: Path,
    images_uint8: NDArray[np.uint8],
    labels: NDArray[np.integer],
    expected_logits: NDArray[np.floating],
    *,
    count: int = 32,
) -> None:
    """Write up to `count` test inputs, evenly spread: x float32 0..1 [n,C,H,W], y int64 [n], expected_logits [n,K]."""
    rows = np.unique(np.linspace(0, len(images_uint8) - 1, min(count, len(images_uint8))).round().astype(np.int64))
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        x=as_pixels(images_uint8[rows]),
        y=labels[rows].astype(np.int64),
        expected_logits=expected_logits[rows].astype(np.float32),
    )
    write_bytes(path, buffer.getvalue())


def write_bundle(
    folder: ExperimentFolder, run: RunRow, view: ExperimentView, out: Path, *, verdict: str = ""
) -> Path:
    """Write the bundle of an exported run into the new or empty folder `out`, whole or not at all, and return it.

    `verdict` is the sentence that judges this variant. Raises NotFound without an ONNX graph, Conflict if `out` is
    taken or cannot be written.
    """
    files = bundle_files(folder, run, view, verdict=verdict)
    out = out.expanduser().absolute()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Conflict(f"{out} is there already and not an empty folder; choose another folder for the bundle.")
    draft = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        draft.mkdir(parents=True)
        for name, content in files.items():
            (draft / name).write_bytes(content)
        draft.replace(out)
    except OSError as error:
        raise Conflict(f"The bundle cannot be written to {out}: {error.strerror}. Choose another folder.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return out


def bundle_zip(folder: ExperimentFolder, run: RunRow, view: ExperimentView, *, verdict: str = "") -> bytes:
    """The same bundle as one zip file, for a download. Raises NotFound without an ONNX graph."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in bundle_files(folder, run, view, verdict=verdict).items():
            entry = zipfile.ZipInfo(f"{bundle_name(run)}/{name}", _ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def bundle_name(run: RunRow) -> str:
    """A folder name made of an id alone: names that users give may hold anything."""
    return f"{run.role}-{run.run_id}"


def bundle_files(
    folder: ExperimentFolder, run: RunRow, view: ExperimentView, *, verdict: str = ""
) -> dict[str, bytes]:
    """Every file of the bundle by name. Raises NotFound, saying what to do, when the run is not exported."""
    if run.onnx_path is None:
        raise NotFound(
            f"Run {run.run_id} has no ONNX graph yet; ask for its export on the experiment's page, then try again."
        )
    graph = folder.path / run.onnx_path
    samples = RunFolder(graph.parent).test_samples
    if missing := [path.name for path in (graph, samples) if not path.is_file()]:
        raise NotFound(f"Run {run.run_id} has lost {' and '.join(missing)}; resume the experiment to export it again.")
    with np.load(samples) as held:
        shape = held["x"].shape[1:]
    return {
        "model.onnx": graph.read_bytes(),
        "labels.json": _json(list(view.class_names)),
        "test_samples.npz": samples.read_bytes(),
        "model_card.md": model_card(run, view, shape=shape, verdict=verdict).encode(),
        "spec.json": _json(view.spec.to_json()),
        "run.py": RUN_SCRIPT.encode(),
    }


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
