"""Wrong answers that a person corrected: kept with their experiment, exported, and frozen for the next one to learn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from distill_core.access import Acting, needs
from distill_core.correction_sets import (
    CorrectedSample,
    CorrectionsUnusable,
    SetFacts,
    Source,
    learnt_of,
    read_facts,
    read_set,
    sample_id,
    write_set,
)
from distill_core.errors import Conflict, DataError, NotFound, Problem
from distill_core.evaluation.feedback import Feedback
from distill_core.event_log import read_events
from distill_core.events import DataLoaded
from distill_core.folders import ExperimentFolder, Home, read_json, write_json
from distill_core.ingestion.correction_files import (
    CorrectionFiles,
    CorrectionRecord,
    export_zip,
    read_record,
    write_correction,
)
from distill_core.ingestion.examples import thumbnail
from distill_core.rows import ExperimentView
from distill_core.signature import PADDING, InputKind, noun_of
from distill_core.spec import ExperimentSpec
from distill_core.store.store import Store
from distill_core.trying import Sample

MOST = 2_000
_SHOWN_CLASSES = 20


@dataclass(frozen=True, kw_only=True)
class Correction:
    """One corrected answer; `png` is a small picture of an image, None of other kinds. `answers`: class by network."""

    correction_id: str
    at: float
    label: str
    source: Source
    test_index: int | None
    text: str
    answers: Mapping[str, str]
    png: bytes | None


class Corrections(Acting):
    """The corrections of one home. Thread-safe, loads no torch; every method returns at once."""

    def __init__(self, home: Home, store: Callable[[], Store], *, clock: Callable[[], float]) -> None:
        self._home, self._store, self._clock = home, store, clock
        self._lock = threading.RLock()

    # Correct ----------------------------------------------------------------------------------

    @needs("operator")
    def add(
        self, experiment_id: str, sample: Sample, label: str, *, answers: Mapping[str, str] | None = None
    ) -> Correction:
        """Keep a sample with its right class and what each network had answered; the id names the sample itself.

        Raises NotFound, DataError for what cannot be corrected, Conflict for a sample that already is.
        """
        self._require_own(experiment_id)
        view = self._store().experiment(experiment_id)
        inputs = _sound(sample, label, view, self._data_of(experiment_id))
        files = self._files(experiment_id, sample_id(inputs))
        record = CorrectionRecord(
            at=self._clock(), label=label, source=sample.source, test_index=sample.test_index, text=sample.text,
            answers=dict(answers or {}),
        )
        with self._lock:
            known = self._record(files)
            if known is not None and known.removed_at is None:
                raise Conflict(
                    f"This sample is among the corrections already, as {known.label!r}; remove it there to give it "
                    "another class."
                )
            if known is None and len(self.all(experiment_id)) >= MOST:
                raise Conflict(
                    f"This experiment has {MOST:,} corrections, as many as one may have; start the next with them."
                )
            with self._home.usable():
                write_correction(files, record, inputs, picture=view.input_kind == "image")
        return _shown(files, record)

    @needs("viewer")
    def all(self, experiment_id: str) -> list[Correction]:
        """Newest first, without removed ones. Raises NotFound."""
        return [_shown(files, record) for files, record in self._kept(experiment_id)]

    @needs("viewer")
    def find(self, experiment_id: str, inputs: NDArray[np.generic]) -> Correction | None:
        """The correction of this very sample, if there is one."""
        files = self._files(experiment_id, sample_id(_plain(inputs)))
        record = self._record(files)
        return None if record is None or record.removed_at is not None else _shown(files, record)

    @needs("operator")
    def remove(self, experiment_id: str, correction_id: str) -> None:
        """Take it off the list; restore brings it back. Raises NotFound."""
        self._require_own(experiment_id)
        self._mark(experiment_id, correction_id, removed_at=self._clock())

    @needs("operator")
    def restore(self, experiment_id: str, correction_id: str) -> None:
        """Raises NotFound."""
        self._require_own(experiment_id)
        self._mark(experiment_id, correction_id, removed_at=None)

    @needs("viewer")
    def export(self, experiment_id: str) -> bytes:
        """A zip of all corrections: a table (CSV), the same as JSON, inputs (npz), images (PNG). Raises NotFound."""
        return export_zip(self._kept(experiment_id), experiment_id=experiment_id)

    # Learn ------------------------------------------------------------------------------------

    @needs("viewer")
    def outlook(self, experiment_id: str) -> SetFacts:
        """What `freeze` would make: what the next experiment learns from. Raises NotFound, CorrectionsUnusable."""
        view = self._store().experiment(experiment_id)
        samples, earlier = {}, {}
        if view.spec.data.corrections:
            held = read_facts(self._home, view.spec.data.corrections)
            earlier = {one.sample_id: one.learnt for one in held.samples}
            samples = {one.sample_id: one for one in held.samples}
        for files, record in self._kept(experiment_id):
            samples[files.correction_id] = CorrectedSample(
                sample_id=files.correction_id, label=record.label, source=record.source,
                test_index=record.test_index, text=record.text, learnt=True,
            )
        learnt = learnt_of([(one.sample_id, one.test_index) for one in samples.values()], earlier)
        return SetFacts(
            experiment_id=experiment_id, kind=view.input_kind,
            samples=tuple(samples[one].model_copy(update={"learnt": learnt[one]}) for one in sorted(samples)),
        )

    @needs("operator")
    def freeze(self, experiment_id: str) -> str:
        """Freeze an experiment's corrections, with those it learnt from itself, and return the set's digest.

        Raises NotFound, Conflict when there is nothing to learn from, CorrectionsUnusable.
        """
        facts = self.outlook(experiment_id)
        if not facts.learnt:
            raise Conflict(
                "There is no correction to learn from yet: test samples never teach, they only check. Correct a sample "
                "that is not of the test set, one that you draw, upload or type."
            )
        inputs = {files.correction_id: files.read_inputs() for files, _ in self._kept(experiment_id)}
        digest = self._store().experiment(experiment_id).spec.data.corrections
        if digest:
            held = read_set(self._home, digest)
            inputs |= {one.sample_id: row for one, row in zip(held.facts.samples, held.inputs, strict=True)}
        return write_set(self._home, facts, [inputs[one.sample_id] for one in facts.samples])

    @needs("viewer")
    def frozen(self, digest: str) -> SetFacts:
        """What a spec's `data.corrections` stands for. Raises CorrectionsUnusable."""
        return read_facts(self._home, digest)

    @needs("viewer")
    def problems(self, spec: ExperimentSpec) -> Iterator[Problem]:
        """A set that the spec names and this home lacks."""
        digest = spec.data.corrections
        if digest:
            try:
                read_facts(self._home, digest)
            except CorrectionsUnusable as error:
                yield Problem("data.corrections", digest, "a set of corrections of this home", error.sentence)

    @needs("viewer")
    def feedback(self, experiment_id: str) -> Feedback | None:
        """What the corrections that an experiment learnt from did; None until its worker has told."""
        path = self._home.experiment(experiment_id).feedback
        try:
            return Feedback.model_validate(read_json(path)) if path.exists() else None
        except (OSError, ValueError, ValidationError) as error:
            raise CorrectionsUnusable(
                f"The file {path} cannot be read; resume the experiment or run it again to have it written anew."
            ) from error

    @needs("viewer")
    def held_back(self, feedback: Feedback) -> list[tuple[bytes | None, str]]:
        """A small picture and the text of each held-back correction of a result. Raises CorrectionsUnusable."""
        held = read_set(self._home, feedback.corrections)
        image = held.facts.kind == "image"
        return [
            (thumbnail(held.inputs[one.row]) if image else None, held.facts.samples[one.row].text)
            for one in feedback.held_back
        ]

    # Files ------------------------------------------------------------------------------------

    def _require_own(self, experiment_id: str) -> None:
        self.actor.require_own(self._store().owner(experiment_id))

    def _folder(self, experiment_id: str) -> ExperimentFolder:
        # The store knows which ids are there: none of them can lead out of the home folder.
        self._store().state(experiment_id)
        return self._home.experiment(experiment_id)

    def _files(self, experiment_id: str, correction_id: str) -> CorrectionFiles:
        return CorrectionFiles(self._folder(experiment_id).corrections, correction_id)

    def _record(self, files: CorrectionFiles) -> CorrectionRecord | None:
        return read_record(files.record)

    def _kept(self, experiment_id: str) -> list[tuple[CorrectionFiles, CorrectionRecord]]:
        folder = self._folder(experiment_id).corrections
        found: list[tuple[CorrectionFiles, CorrectionRecord]] = []
        for path in folder.glob("[0-9a-f]*.json"):
            record = read_record(path)
            if record is not None and record.removed_at is None:
                found.append((CorrectionFiles(folder, path.stem), record))
        return sorted(found, key=lambda one: (one[1].at, one[0].correction_id), reverse=True)

    def _mark(self, experiment_id: str, correction_id: str, *, removed_at: float | None) -> None:
        with self._lock:
            kept = {path.stem for path in self._folder(experiment_id).corrections.glob("[0-9a-f]*.json")}
            files = self._files(experiment_id, correction_id)
            record = self._record(files) if correction_id in kept else None
            if record is None:
                raise NotFound(f"Experiment {experiment_id} has no correction {correction_id[:60]!r}.")
            with self._home.usable():
                write_json(files.record, record.model_copy(update={"removed_at": removed_at}).model_dump(mode="json"))

    def _data_of(self, experiment_id: str) -> DataLoaded:
        """What the worker told of the data; raises Conflict until it has."""
        for event, _ in read_events(self._folder(experiment_id).events):
            if isinstance(event, DataLoaded):
                return event
        raise Conflict(f"Experiment {experiment_id} has not read its data yet; correct its answers once it has.")


def _sound(sample: Sample, label: str, view: ExperimentView, data: DataLoaded) -> NDArray[np.generic]:
    """The input in its plain form; raises DataError, one sentence for each thing that can be wrong."""
    noun = noun_of(view.input_kind)[:-1]
    if view.task != "classification":
        raise DataError(f"The answers of a {view.task} have no class to correct; allowed: classification.")
    if label not in data.class_names:
        shown = ", ".join(data.class_names[:_SHOWN_CLASSES]) + ("…" if len(data.class_names) > _SHOWN_CLASSES else "")
        raise DataError(f"There is no class {label[:60]!r}; allowed: {shown}. Choose one of them.")
    inputs = _plain(sample.inputs)
    if inputs.shape != data.shape:
        given, wanted = (" x ".join(str(size) for size in shape) for shape in (inputs.shape, data.shape))
        raise DataError(f"This {noun} has the size {given or 'of one number'}; allowed: {wanted}. Prepare it anew.")
    if not np.isfinite(inputs).all():
        raise DataError(f"This {noun} has numbers that are not finite; allowed: finite numbers. Enter them anew.")
    if _is_blank(inputs, view.input_kind):
        raise DataError(f"This {noun} is blank, so no class is right for it; give one with something in it.")
    return inputs


def _plain(inputs: NDArray[np.generic]) -> NDArray[np.generic]:
    """Token ids int64, all else float32: the two forms that exported graphs take."""
    return np.ascontiguousarray(inputs, dtype=np.int64 if np.issubdtype(inputs.dtype, np.integer) else np.float32)


def _is_blank(inputs: NDArray[np.generic], kind: InputKind) -> bool:
    """Images and sequences without any difference, texts without a word; a row of equal numbers may be one."""
    if kind == "text":
        return bool((inputs == PADDING).all())
    return kind != "table" and bool((inputs == inputs.flat[0]).all())


def _shown(files: CorrectionFiles, record: CorrectionRecord) -> Correction:
    return Correction(
        correction_id=files.correction_id, at=record.at, label=record.label, source=record.source,
        test_index=record.test_index, text=record.text, answers=record.answers, png=_optional_bytes(files.picture),
    )


def _optional_bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
