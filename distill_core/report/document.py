"""All that a page of an experiment says, in the current language, before it is written as HTML or Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from babel.dates import format_date

from distill_core.charts.names import plain_name
from distill_core.charts.variants import choose, variants
from distill_core.evaluation.metrics import metric_title, primary_metric
from distill_core.evaluation.verdict import Verdict
from distill_core.language import _, counted, current, told
from distill_core.report import contents, sentences
from distill_core.report.class_figures import class_changes, staircases
from distill_core.report.figure import Figure
from distill_core.report.figures import curves, gains, tradeoff
from distill_core.rows import ExperimentView

MOST_COMPRESSED = 8


@dataclass(frozen=True)
class Written:
    """What people wrote for a report, in Markdown but for the title; `run_notes` are of (run, note)."""

    title: str = ""
    summary: str = ""
    notes: str = ""
    experiment_note: str = ""
    run_notes: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return any((self.title, self.summary, self.notes, self.experiment_note, self.run_notes))


@dataclass(frozen=True)
class Repeat:
    """How to do it again: the spec as JSON, the command, and what else is needed, in sentences."""

    spec: str
    command: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Document:
    """Everything is text of the page's language; Markdown only in `written`."""

    name: str
    title: str
    at: str
    ended: bool
    answer: str
    shows: str
    metric: str
    verdicts: tuple[sentences.Told, ...]
    rivals: tuple[contents.Rival, ...]
    latency: str
    figures: Mapping[str, tuple[Figure, ...]]
    """By section: cost, classes, sure, curves, compression."""
    left_out: tuple[str, ...]
    sure: tuple[str, ...]
    lineage: tuple[contents.Origin, ...]
    limits: tuple[str, ...]
    settings: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]
    written: Written = field(default_factory=Written)
    repeat: Repeat | None = None

    def every_figure(self) -> list[Figure]:
        return [figure for found in self.figures.values() for figure in found]


def document_of(
    view: ExperimentView, verdicts: Sequence[Verdict], points: Iterable[Sequence[Any]], *, at: float,
    written: Written | None = None, repeat: Repeat | None = None,
) -> Document:
    """What is there at `at`, in seconds since the epoch. `points` are those of the live curves: see Lab.live."""
    shown, left_out = choose([run for run in view.runs if run.role != "compressed"], "light")
    small = [one for one in variants(view.runs, "light") if one.role == "compressed"]
    if len(small) > MOST_COMPRESSED:
        left_out = [*left_out, counted(
            "{number} more compressed network is not in the chart of costs; the table has it.",
            "{number} more compressed networks are not in the chart of costs; the table has them.",
            len(small) - MOST_COMPRESSED,
        )]
    best = sentences.best_of(verdicts, view)
    changed = class_changes(view, best)
    figures = {
        "cost": (tradeoff(view, (*shown, *small[:MOST_COMPRESSED])),),
        "classes": (changed,) if changed else (),
        "sure": (gains(view, verdicts, shown),),
        "curves": (curves(view, points, shown),),
        "compression": tuple(staircases(view)),
    }
    texts = written or Written()
    return Document(
        name=plain_name(view.row.name, 80), title=plain_name(texts.title, 120) if texts.title.strip() else "",
        at=when(at), ended=view.row.finished_at is not None, answer=sentences.answer(verdicts, view),
        shows=plain_name(told(view.spec.shows), 600) if view.spec.shows else "",
        metric=metric_title(primary_metric(view.task), view.task),
        verdicts=tuple(sentences.told_of(verdicts, view)), rivals=tuple(contents.rivals(view)),
        latency=sentences.latency_words(view),
        figures={section: tuple(one for one in found if one.picture) for section, found in figures.items()},
        left_out=tuple(told(note) for note in left_out), sure=tuple(sentences.sure(best)),
        lineage=tuple(contents.lineage(view)),
        limits=tuple(sentences.limits(view, verdicts)), settings=tuple(contents.settings(view)),
        versions=tuple(contents.versions(view)), written=texts, repeat=repeat,
    )


def when(at: float) -> str:
    """A moment in words, of universal time."""
    moment = datetime.fromtimestamp(at, UTC)
    locale = "zh_Hans" if current() == "zh" else "en_GB"
    return _("{date}, {time} UTC").format(date=format_date(moment, "long", locale=locale), time=f"{moment:%H:%M}")
