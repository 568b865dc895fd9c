"""The report as Markdown with PNG pictures in a zip file, for wikis, mails and papers."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from distill_core.deployment.markdown import code, markdown_text, table
from distill_core.language import _
from distill_core.report.document import Document
from distill_core.report.figure import Figure
from distill_core.report.headings import headings
from distill_core.report.pictures import draws, png
from distill_core.report.prose import markdown_of

PAGE, PICTURES, SPEC = "report.md", "pictures", "spec.json"
_LONGEST = 800


def archive(document: Document, *, at: float) -> bytes:
    """report.md, pictures/*.png and spec.json, in the current language. `at`: seconds since the epoch."""
    stamp = datetime.fromtimestamp(at, UTC).timetuple()[:6]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as found:
        def put(name: str, content: bytes) -> None:
            entry = zipfile.ZipInfo(name, date_time=stamp)
            entry.external_attr = 0o644 << 16
            found.writestr(entry, content, zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED)

        put(PAGE, markdown(document).encode())
        for figure in document.every_figure():
            put(f"{PICTURES}/{figure.key}.png", png(figure.picture))
        if document.repeat:
            put(SPEC, document.repeat.spec.encode())
    return packed.getvalue()


def without_font(document: Document) -> str:
    """A sentence if this machine cannot draw what its pictures say; else nothing."""
    if all(draws(str(figure.picture)) for figure in document.every_figure()):
        return ""
    return _(
        "The pictures lack some of their characters: no font on the machine that drew them has these. Install fonts "
        "(on Debian: apt install fonts-dejavu-core fonts-noto-cjk), then make the report again."
    )


def markdown(document: Document) -> str:
    """The whole text; names and sentences are escaped, so that nothing of them is markup."""
    words, written = headings(), document.written
    when = words["as_it_was"].format(at=document.at)
    parts = [
        f"# {_text(document.title or document.name)}",
        f"*Distill Lab · {_text(document.name)} · {_text(when)}*",
        f"**{_text(document.answer)}**",
        markdown_of(written.summary) or _text(document.shows),
        _text(without_font(document)),
        *_verdicts(document, words),
        *_networks(document, words),
    ]
    for section, found in document.figures.items():
        if found:
            parts.append(f"## {words[section]}")
            for figure in found:
                parts += _figure(figure, words)
        if section == "cost":
            parts += [_text(note) for note in document.left_out]
        if section == "sure":
            parts.append(_listed(document.sure))
    parts += _lineage(document, words)
    parts += _notes(document, words)
    parts += [f"## {words['limits']}", _listed(document.limits)]
    for title, pairs in ((words["how"], document.settings), (words["with_what"], document.versions)):
        if pairs:
            parts += [f"## {title}", "\n".join(f"- {_text(name)}: {_text(value)}" for name, value in pairs)]
    if document.repeat:
        parts += [
            f"## {words['repeat']}", _("The settings are in {file} beside this text.").format(file=f"`{SPEC}`"),
            f"    {code(document.repeat.command)}", *(_text(one) for one in document.repeat.needs),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _verdicts(document: Document, words: dict[str, str]) -> Iterator[str]:
    if document.verdicts:
        yield f"## {words['verdict']}"
        yield "\n".join(
            f"- **{_text(one.word)}**: {_text(one.sentence)} {_text(one.because)}" for one in document.verdicts
        )
        yield _text(words["compared"])


def _networks(document: Document, words: dict[str, str]) -> Iterator[str]:
    yield f"## {words['networks']}"
    if not document.rivals:
        yield _text(words["none_trained"])
        return
    header = (
        words["network"], words["role"], words["seeds"], words["test"].format(metric=document.metric),
        words["parameters"], words["file"], words["p50"], words["p95"],
    )
    yield _table(header, [
        (one.name, one.role, str(one.seeds), one.score, one.parameters, one.file_size, one.p50, one.p95)
        for one in document.rivals
    ])
    yield _text(f"{words['spread']} {document.latency}")


def _figure(figure: Figure, words: dict[str, str]) -> Iterator[str]:
    if figure.title not in words.values():
        yield f"### {_text(figure.title)}"
    yield f"![{_text(figure.title)}]({PICTURES}/{figure.key}.png)"
    yield _text(figure.reading)
    yield _table(figure.header, figure.rows)


def _lineage(document: Document, words: dict[str, str]) -> Iterator[str]:
    if document.lineage:
        yield f"## {words['lineage']}"
        yield _table(
            (words["network"], words["made"], words["where"]),
            [(one.name, one.made, one.where) for one in document.lineage],
        )


def _notes(document: Document, words: dict[str, str]) -> Iterator[str]:
    written = document.written
    found = [markdown_of(written.notes), markdown_of(written.experiment_note)]
    for run, note in written.run_notes:
        found += [f"### {_text(words['on_run'].format(run=run))}", markdown_of(note)]
    if any(found):
        yield f"## {words['notes']}"
        yield from found


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return table([_text(cell) for cell in header], [[_text(cell) for cell in row] for row in rows])


def _listed(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {_text(sentence)}" for sentence in sentences)


def _text(text: str) -> str:
    return markdown_text(text, longest=_LONGEST)
