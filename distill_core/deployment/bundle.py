"""Packs a run for shipping: graph, labels, samples with expected outputs, card, spec and a script; loads no torch."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import BinaryIO

from distill_core.deployment.card_lineage import steps_behind
from distill_core.deployment.measure_script import measure_script
from distill_core.deployment.model_card import model_card
from distill_core.deployment.run_script import run_script
from distill_core.deployment.samples_file import Facts, read_test_samples, shipped_samples, write_test_samples
from distill_core.errors import Conflict, NotFound
from distill_core.folders import ExperimentFolder, RunFolder
from distill_core.rows import ExperimentView, RunRow
from distill_core.signature import MASK, PADDING, UNKNOWN

# Earlier than 1980 a zip cannot say; a fixed time makes equal bundles equal files.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_CHUNK_BYTES = 1 << 20

_ENCODING = (
    "Each word becomes its place in words, counted from 0, or the number unknown if it is not among them; a text is "
    "cut to length words, or filled up at its end with the number padding."
)
__all__ = ["bundle_files", "bundle_name", "bundle_zip", "write_bundle", "write_bundle_zip", "write_test_samples"]


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
            if isinstance(content, Path):
                shutil.copyfile(content, draft / name)
            else:
                (draft / name).write_bytes(content)
        draft.replace(out)
    except OSError as error:
        raise Conflict(f"The bundle cannot be written to {out}: {error.strerror}. Choose another folder.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return out


def bundle_zip(folder: ExperimentFolder, run: RunRow, view: ExperimentView, *, verdict: str = "") -> bytes:
    """The same bundle as one zip file in memory. Raises NotFound without an ONNX graph."""
    buffer = io.BytesIO()
    write_bundle_zip(folder, run, view, buffer, verdict=verdict)
    return buffer.getvalue()


def write_bundle_zip(
    folder: ExperimentFolder, run: RunRow, view: ExperimentView, out: BinaryIO, *, verdict: str = ""
) -> None:
    """The same bundle as a zip file; graph and weights pass from file to file, whatever their size. Raises NotFound."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in bundle_files(folder, run, view, verdict=verdict).items():
            entry = zipfile.ZipInfo(f"{bundle_name(run)}/{name}", _ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            if isinstance(content, bytes):
                archive.writestr(entry, content)
                continue
            entry.file_size = content.stat().st_size
            with content.open("rb") as source, archive.open(entry, "w") as packed:
                shutil.copyfileobj(source, packed, _CHUNK_BYTES)


def bundle_name(run: RunRow) -> str:
    """A folder name made of an id alone: names that users give may hold anything."""
    return f"{run.role}-{run.run_id}"


def bundle_files(
    folder: ExperimentFolder, run: RunRow, view: ExperimentView, *, verdict: str = ""
) -> dict[str, bytes | Path]:
    """Every file of the bundle by name, as its content or as where it lies.

    Raises NotFound, saying what to do, when the run is not exported.
    """
    if run.onnx_path is None:
        raise NotFound(
            f"Run {run.run_id} has no ONNX graph yet; ask for its export on the experiment's page, then try again."
        )
    graph = folder.path / run.onnx_path
    samples = RunFolder(graph.parent).test_samples
    if missing := [path.name for path in (graph, samples) if not path.is_file()]:
        raise NotFound(f"Run {run.run_id} has lost {' and '.join(missing)}; resume the experiment to export it again.")
    facts, arrays = read_test_samples(samples)
    vocabulary = {"vocabulary.json": _json(_vocabulary(facts))} if facts.words else {}
    weights = RunFolder(graph.parent).model
    return {
        "model.onnx": graph,
        "labels.json": _json(list(view.class_names)),
        **vocabulary,
        "test_samples.npz": shipped_samples(arrays),
        # A quantized file has none: its weights are integers, and are in it alone.
        **({"model.safetensors": weights} if weights.is_file() else {}),
        "model_card.md": model_card(
            run, view, signature=facts.signature, verdict=verdict, steps=steps_behind(run, view, folder),
            quantized=facts.quantized, float_weights=weights.is_file(),
        ).encode(),
        "spec.json": _json(view.spec.to_json()),
        "run.py": run_script(facts.signature, reads_texts=bool(facts.pattern), quantized=facts.quantized).encode(),
        "measure.py": measure_script().encode(),
    }


def _vocabulary(facts: Facts) -> dict[str, object]:
    """What turns a text into the model's input and back."""
    return {
        "how": f"{facts.splitting} {_ENCODING}", "pattern": facts.pattern,
        "padding": PADDING, "unknown": UNKNOWN, "mask": MASK, "length": facts.signature.shape[0],
        "words": list(facts.words),
    }


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
