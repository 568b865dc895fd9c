"""Runs the exported networks of an experiment on one sample that a person chose, drew, uploaded or typed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from distill_core.access import Acting, needs
from distill_core.correction_sets import Source
from distill_core.deployment.samples_file import Facts
from distill_core.deployment.sessions import Sessions
from distill_core.deployment.test_inputs import TestInputs, place_of_test_inputs, read_test_inputs, shipped_inputs
from distill_core.errors import LabError, NotFound
from distill_core.evaluation.disagreement import Disagreement, Which, disagreement
from distill_core.evaluation.saved import DamagedAnswers, mapped_answers
from distill_core.folders import Home, RunFolder
from distill_core.ingestion.drawing import drawn_image, strokes_of
from distill_core.ingestion.looks import text_of
from distill_core.ingestion.manner import Manner, manner_of
from distill_core.ingestion.own_input import Prepared, picture_input, table_input, text_input
from distill_core.remembered import Remembered, stamp
from distill_core.results import run_of
from distill_core.rows import ExperimentView, RunRow

__all__ = ["Answer", "Gallery", "Offer", "Refusal", "Sample", "Source", "Trying", "Which"]

_MOST_KEPT = 4


@dataclass(frozen=True, eq=False)
class Sample:
    """One input as an exported graph takes it, without the batch, and where it came from.

    `inputs`: images float32 [C,H,W] in 0..1, sequences float32 [L,F], tables float32 [F] in the data's own units, texts
    token ids int64 [L]. `test_index` is the sample's row in the experiment's test set, None for any other source (also
    of a test sample that was changed, such as a table whose numbers were edited: its source is "typed").
    `text`: what was typed, or the words of a text of the test set; empty for all other kinds.
    `notes`: in sentences, what was changed to make it fit.
    """

    inputs: NDArray[np.generic]
    source: Source
    test_index: int | None
    text: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Answer:
    """What one exported run answered to a sample, and the milliseconds of that very call.

    `output` float32: logits [K], of a tagging [L,K]; of a regression values [D] in the data's own units.
    """

    run_id: str
    output: NDArray[np.float32]
    milliseconds: float


@dataclass(frozen=True)
class Refusal:
    """A run that could not answer, and why, in a sentence."""

    run_id: str
    sentence: str


@dataclass(frozen=True, eq=False)
class Offer:
    """What can be tried of an experiment: its exported `runs`, what they take, and samples of its test set.

    `manner`: how its images show their subject; None where they are no images, or have no plain ground.
    """

    facts: Facts
    runs: tuple[RunRow, ...]
    tests: TestInputs
    manner: Manner | None

    def test_sample(self, row: int) -> Sample:
        """A row of the test set. Raises NotFound where it is not kept."""
        place = self.tests.place_of(row)
        if place is None:
            raise NotFound(f"Sample {row} of the test set is not kept here; choose another one.")
        inputs = self.tests.input_of(place, self.facts.signature)
        text = text_of(inputs, self.facts.words) if self.facts.words else ""
        return Sample(inputs=inputs, source="test", test_index=row, text=text)

    def label_of(self, row: int) -> NDArray[np.generic] | None:
        """The true label of a row of the test set; None where it is not kept."""
        place = self.tests.place_of(row)
        return None if place is None else np.asarray(self.tests.labels[place])


@dataclass(frozen=True, eq=False)
class Gallery:
    """Test samples by how much two runs disagree: `rows` [M] with `distance` [M], and all saved answers [N,...]."""

    rows: NDArray[np.int64]
    distance: NDArray[np.float64]
    first: NDArray[np.floating]
    second: NDArray[np.floating]
    labels: NDArray[np.generic]


class Trying(Acting):
    """Thread-safe; loads no torch; methods return soon."""

    def __init__(self, home: Home, *, sessions: Sessions | None = None) -> None:
        self._home, self._sessions = home, sessions or Sessions()
        self._one_picture, self._remembered = threading.Lock(), Remembered(most=_MOST_KEPT)

    # What there is ---------------------------------------------------------------------------

    @needs("viewer")
    def offer(self, view: ExperimentView) -> Offer:
        """Raises NotFound while no run is exported."""
        runs = tuple(run for run in view.runs if run.onnx_path)
        if not runs:
            raise NotFound(
                f"Experiment {view.row.experiment_id} has no exported model yet; wait for its end, or export a run on "
                "its page."
            )
        folder = self._home.experiment(view.row.experiment_id)
        kept = place_of_test_inputs(folder, view.spec.data.dataset.name)
        samples = [self._graph(run).with_name(RunFolder(Path()).test_samples.name) for run in runs]
        chosen = next((path for path in samples if path.is_file()), samples[0])
        stamps = tuple(stamp(path) for path in (kept, chosen) if path)
        facts, tests, manner = self._remembered.once(
            ("offer", view.row.experiment_id, stamps),
            lambda: _what_is_kept(kept, chosen, total=len(mapped_answers(folder.test_labels))),
        )
        return Offer(facts=facts, runs=runs, tests=tests, manner=manner)

    # Making a sample -------------------------------------------------------------------------

    @needs("viewer")
    def drawn(self, offer: Offer, strokes: Any) -> Sample:
        """A drawing as the drawing field sends it: see drawing.strokes_of. Raises DataError for a blank one."""
        image = drawn_image(strokes_of(strokes), shape=offer.facts.signature.shape, manner=offer.manner)
        return Sample(inputs=image, source="drawn", test_index=None)

    @needs("viewer")
    def pictured(self, offer: Offer, content: bytes, *, source: Literal["upload", "camera"], fit: bool) -> Sample:
        """A picture file; `fit`: shown as the data are, where they have a manner. Raises DataError."""
        # One at a time: a large picture takes hundreds of megabytes for a moment.
        with self._one_picture:
            prepared = picture_input(content, shape=offer.facts.signature.shape, manner=offer.manner if fit else None)
        return _sample(prepared, source)

    @needs("viewer")
    def typed(self, offer: Offer, text: str) -> Sample:
        """Raises DataError."""
        facts = offer.facts
        prepared = text_input(text, words=facts.words, pattern=facts.pattern, length=facts.signature.shape[0])
        return replace(_sample(prepared, "typed"), text=text)

    @needs("viewer")
    def edited(self, offer: Offer, values: Sequence[float | None]) -> Sample:
        """A row of a table with other numbers. Raises DataError."""
        return _sample(table_input(values, features=offer.facts.signature.shape[0]), "typed")

    # Asking ----------------------------------------------------------------------------------

    @needs("viewer")
    def ask(self, runs: Sequence[RunRow], sample: Sample) -> list[Answer | Refusal]:
        """Every run's answer to a sample, in the order of the runs; one that fails spoils no other."""
        found: list[Answer | Refusal] = []
        for run in runs:
            try:
                output, milliseconds = self._sessions.answer(self._graph(run), sample.inputs)
            except LabError as error:
                found.append(Refusal(run.run_id, error.sentence))
            else:
                found.append(Answer(run.run_id, output, milliseconds))
        return found

    @needs("viewer")
    def gallery(self, view: ExperimentView, offer: Offer, first: str, second: str, *, which: Which = "all") -> Gallery:
        """Where two tested runs disagree most, of the test samples that are kept. Raises NotFound, DamagedAnswers."""
        folder = self._home.experiment(view.row.experiment_id)
        for run_id in (first, second):
            run_of(view, run_id)
        places = (folder.run(first).test_logits, folder.run(second).test_logits, folder.test_labels)
        one, other, labels = (mapped_answers(path) for path in places)

        def ranked() -> Disagreement:
            try:
                return disagreement(one, other, labels, task=view.task, which=which)
            except ValueError as error:
                raise DamagedAnswers(
                    f"The saved answers of these runs do not fit together ({error}). Run the experiment again."
                ) from error

        found = self._remembered.once(("gallery", which, *(stamp(path) for path in places)), ranked)
        kept = np.isin(found.rows, offer.tests.rows)
        return Gallery(found.rows[kept], found.distance[kept], one, other, labels)

    def _graph(self, run: RunRow) -> Path:
        assert run.onnx_path is not None, "only exported runs are offered"
        return self._home.experiment(run.experiment_id).path / run.onnx_path


def _what_is_kept(kept: Path | None, samples: Path, *, total: int) -> tuple[Facts, TestInputs, Manner | None]:
    facts, shipped = shipped_inputs(samples, total=total)
    tests = (read_test_inputs(kept) if kept else None) or shipped
    if tests.inputs.shape[1:] != facts.signature.shape:
        tests = shipped
    return facts, tests, manner_of(tests.inputs) if facts.signature.kind == "image" else None


def _sample(prepared: Prepared, source: Source) -> Sample:
    return Sample(inputs=prepared.inputs, source=source, test_index=None, notes=prepared.notes)
