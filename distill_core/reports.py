"""Makes an experiment's report, as one HTML file or as Markdown with pictures, and keeps its draft."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from distill_core.access import Acting, needs
from distill_core.audit import Audit
from distill_core.catalog import Catalogue
from distill_core.errors import Conflict, LabError, UnknownName
from distill_core.folders import Home, read_json, write_json
from distill_core.language import ENGLISH, LANGUAGES, Language, sayable, speaking
from distill_core.notes import Notes
from distill_core.report.archive import archive, without_font
from distill_core.report.document import Document, Written, document_of
from distill_core.report.frozen import html
from distill_core.report.pictures import draws
from distill_core.report.points import every_point
from distill_core.report.repeat import repeat_of
from distill_core.results import verdicts_of
from distill_core.rows import ExperimentView
from distill_core.store.store import Store

Format = Literal["html", "zip"]
FORMATS: tuple[Format, ...] = get_args(Format)
MEDIA_TYPES: dict[Format, str] = {"html": "text/html", "zip": "application/zip"}
LONGEST_TITLE, LONGEST_TEXT = 120, 20_000


class DraftUnusable(LabError):
    """A draft's file that cannot be read."""


@dataclass(frozen=True)
class Draft:
    """What a person writes before the report is made: a title as plain text, the rest Markdown."""

    title: str = ""
    summary: str = ""
    notes: str = ""


@dataclass(frozen=True)
class Report:
    """A file to send, and a sentence about what it lacks, if it lacks something."""

    name: str
    content: bytes
    media_type: str
    lacks: str = ""


class Reports(Acting):
    """The reports of one home. Thread-safe, loads no torch; making one takes a second or two."""

    def __init__(
        self, home: Home, store: Callable[[], Store], catalogue: Callable[[], Catalogue], notes: Notes, *,
        audit: Audit, clock: Callable[[], float],
    ) -> None:
        self._home, self._store, self._catalogue, self._notes = home, store, catalogue, notes
        self._audit, self._clock = audit, clock

    @needs("viewer")
    def draft(self, experiment_id: str) -> Draft:
        """Raises NotFound, DraftUnusable."""
        self._store().state(experiment_id)
        path = self._home.experiment(experiment_id).written("report")
        try:
            told = read_json(path)
            return Draft(title=str(told["title"]), summary=str(told["summary"]), notes=str(told["notes"]))
        except FileNotFoundError:
            return Draft()
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DraftUnusable(
                f"The draft {path} cannot be read; move the file away to write the report's texts anew."
            ) from error

    @needs("operator")
    def write_draft(self, experiment_id: str, draft: Draft) -> None:
        """Keep the texts for whoever makes the report next. Raises NotFound, NotAllowed, Conflict, HomeUnusable."""
        self.actor.require_own(self._store().owner(experiment_id))
        if len(draft.title) > LONGEST_TITLE:
            raise Conflict(f"The title has {len(draft.title):,} characters; allowed: {LONGEST_TITLE:,}. Shorten it.")
        if (longest := max(len(draft.summary), len(draft.notes))) > LONGEST_TEXT:
            raise Conflict(
                f"A text of the report has {longest:,} characters; allowed: {LONGEST_TEXT:,}. Shorten it, or put the "
                "rest elsewhere."
            )
        if self._kept(experiment_id) == draft:
            return
        with self._home.usable():
            write_json(self._home.experiment(experiment_id).written("report"), asdict(draft))
        self._audit.record(self.actor.name, "report", experiment_id, detail=sayable("Draft saved."))

    def _kept(self, experiment_id: str) -> Draft | None:
        """The draft as it lies there; None for none, or one that cannot be read and is written anew."""
        try:
            return self.draft(experiment_id)
        except DraftUnusable:
            return None

    @needs("viewer")
    def make(self, experiment_id: str, *, language: Language = ENGLISH, format: str = "html") -> Report:
        """The report as it is now. Raises NotFound, UnknownName for another format, DraftUnusable, NotesUnusable."""
        known = next((one for one in FORMATS if one == format), None)
        if known is None:
            raise UnknownName("format of a report", format, FORMATS)
        now, name = self._clock(), f"report-{experiment_id}"
        name = f"{name}.{known}" if language == ENGLISH else f"{name}-{language}.{known}"
        with speaking(language):
            document = self._document(experiment_id, at=now)
            if known == "html":
                return Report(name, html(document), MEDIA_TYPES[known])
            return Report(name, archive(document, at=now), MEDIA_TYPES[known], without_font(document))

    @needs("viewer")
    def has_fonts(self, language: Language) -> bool:
        """Whether this machine can draw that language in a zip file's pictures."""
        return draws(LANGUAGES[language])

    def _document(self, experiment_id: str, *, at: float) -> Document:
        store = self._store()
        view = store.experiment(experiment_id)
        return document_of(
            view, verdicts_of(view, self._catalogue()), every_point(store, experiment_id), at=at,
            written=self._written(view), repeat=repeat_of(view.spec),
        )

    def _written(self, view: ExperimentView) -> Written:
        identity = view.row.experiment_id
        draft, notes = self.draft(identity), self._notes.acting_as(self.actor).of(identity)
        labels = {run.run_id: run.label for run in view.runs}
        return Written(
            title=draft.title, summary=draft.summary, notes=draft.notes,
            experiment_note=notes[""].text if "" in notes else "",
            run_notes=tuple((labels[run], note.text) for run, note in notes.items() if run in labels),
        )
