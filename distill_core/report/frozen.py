"""Freezes an experiment into one HTML file: no script, no address outside it, the same page for good."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from distill_core.charts.names import plain_name
from distill_core.evaluation.verdict import Verdict
from distill_core.language import document_tag, told
from distill_core.report.document import Document, document_of
from distill_core.report.headings import headings
from distill_core.report.prose import html_of
from distill_core.rows import ExperimentView

HERE = Path(__file__).parent
_LONGEST_RUN_NAME = 96


def freeze(
    view: ExperimentView, verdicts: Sequence[Verdict], points: Iterable[Sequence[Any]], *, at: float
) -> bytes:
    """The page for anybody, as it is at `at` (seconds since the epoch): without notes, spec and what else is private.

    `points` are those of the live curves: see Lab.live.
    """
    return html(document_of(view, verdicts, points, at=at))


def html(document: Document) -> bytes:
    """The whole page, in the current language; parts that the document lacks are left out."""
    written = document.written
    page = _template("page.html.j2").render(
        policy=policy(), style=Markup(_style()), language=document_tag(), one=document, words=headings(),
        summary=html_of(written.summary), notes=html_of(written.notes), note=html_of(written.experiment_note),
        run_notes=[(plain_name(run, _LONGEST_RUN_NAME), html_of(note)) for run, note in written.run_notes],
    )
    return page.encode()


def notice(sentence: str) -> bytes:
    """A page with one sentence, in the same style: for a link that opens nothing."""
    return _template("notice.html.j2").render(
        policy=policy(), style=Markup(_style()), language=document_tag(), sentence=told(sentence)
    ).encode()


def policy() -> str:
    """The content security policy of such a page: its own style and nothing else, not even a script of its own."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@cache
def _style() -> str:
    return (HERE / "page.css").read_text(encoding="utf-8")


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(name)
