"""The files of one corrected sample in its experiment's folder, and all of them as one download."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from distill_core.correction_sets import CorrectionsUnusable, Source, read_inputs, sample_id
from distill_core.folders import read_json, write_bytes, write_json
from distill_core.ingestion.examples import png_of, thumbnail
from distill_core.spec import Frozen
from distill_core.spreadsheet import harmless_cell

# Earlier than 1980 a zip cannot say; a fixed time makes equal exports equal files.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_COLUMNS = ("id", "at", "right_class", "source", "test_index", "text", "answers")


class CorrectionRecord(Frozen):
    """What is known of a corrected sample beside its input. `answers` are classes by the name of the network."""

    at: float
    label: str
    source: Source
    test_index: int | None = None
    text: str = ""
    answers: dict[str, str] = Field(default_factory=dict)
    removed_at: float | None = None


@dataclass(frozen=True)
class CorrectionFiles:
    """Where a sample lies; its id is the digest of its input."""

    folder: Path
    correction_id: str

    @property
    def record(self) -> Path:
        return self.folder / f"{self.correction_id}.json"

    @property
    def inputs(self) -> Path:
        return self.folder / f"{self.correction_id}.npz"

    @property
    def picture(self) -> Path:
        """Small, for lists; of images only."""
        return self.folder / f"{self.correction_id}.png"

    def read_inputs(self) -> NDArray[Any]:
        """The input [*shape]. Raises CorrectionsUnusable where it is lost or no longer what its name says."""
        found = read_inputs(self.inputs)
        if found is None or sample_id(found) != self.correction_id:
            raise CorrectionsUnusable(
                f"The input of correction {self.correction_id} is lost or damaged; remove that correction, then go on."
            )
        return found


def write_correction(
    files: CorrectionFiles, record: CorrectionRecord, inputs: NDArray[np.generic], *, picture: bool
) -> None:
    """Keep a sample; the record comes last, so that what is listed is there. Raises OSError."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, inputs=inputs)
    write_bytes(files.inputs, buffer.getvalue())
    if picture:
        write_bytes(files.picture, thumbnail(inputs))
    write_json(files.record, record.model_dump(mode="json"))


def read_record(path: Path) -> CorrectionRecord | None:
    """None without one, and for one that cannot be read: a damaged record must not hide all the others."""
    try:
        return CorrectionRecord.model_validate(read_json(path))
    except (OSError, ValueError, ValidationError):
        return None


def export_zip(kept: Sequence[tuple[CorrectionFiles, CorrectionRecord]], *, experiment_id: str) -> bytes:
    """A zip: corrections.csv, corrections.json, inputs.npz (an array an id), images/<id>.png; CorrectionsUnusable."""
    inputs = {files.correction_id: files.read_inputs() for files, _ in kept}
    arrays = io.BytesIO()
    np.savez_compressed(arrays, allow_pickle=False, **inputs)
    listed = [
        {"id": files.correction_id, **record.model_dump(mode="json", exclude={"removed_at"})} for files, record in kept
    ]
    content: dict[str, bytes] = {
        "corrections.csv": _table(kept),
        "corrections.json": json.dumps(
            {"experiment_id": experiment_id, "corrections": listed}, indent=1, ensure_ascii=False
        ).encode(),
        "inputs.npz": arrays.getvalue(),
    }
    for files, _ in kept:
        if files.picture.is_file():
            pixels = (inputs[files.correction_id].clip(0, 1) * 255).round().astype(np.uint8)
            content[f"images/{files.correction_id}.png"] = png_of(pixels)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            entry = zipfile.ZipInfo(f"corrections-{experiment_id}/{name}", _ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()


def _table(kept: Sequence[tuple[CorrectionFiles, CorrectionRecord]]) -> bytes:
    """A CSV file with a byte order mark, by which spreadsheets know that it is UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for files, record in kept:
        answers = "; ".join(f"{name}: {answer}" for name, answer in record.answers.items())
        cells = (
            files.correction_id, datetime.fromtimestamp(record.at, UTC).isoformat(timespec="seconds"), record.label,
            record.source, "" if record.test_index is None else str(record.test_index), record.text, answers,
        )
        writer.writerow([harmless_cell(cell) for cell in cells])
    return text.getvalue().encode("utf-8-sig")
