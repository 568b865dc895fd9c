"""The catalogues of other languages are whole, and what they lack is found."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from distill_core.language import LANGUAGES, catalogues
from docs import translations
from docs.translations import Found, NotLiteral, collected, sayings, troubles


def test_every_message_is_translated(described: Path) -> None:
    """All that the code says and the entries are described with; `python -m docs.translations` collects it anew."""
    found = collected(json.loads(described.read_text(encoding="utf-8")))
    assert len(found) > 3000
    assert [line for language in LANGUAGES if language != "en" for line in troubles(language, found)] == []


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue of three messages: one whole, one without its translation, one with a place spelt wrongly."""
    folder = tmp_path / "zh"
    folder.mkdir()
    head = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    messages = [("{count} runs", "{count} 次训练"), ("No runs yet.", ""), ("{left} seeds left", "还剩 {rest} 个种子")]
    text = "\n\n".join(f'msgid "{message}"\nmsgstr "{translation}"' for message, translation in messages)
    (folder / "messages.po").write_text(head + text + "\n", encoding="utf-8")
    monkeypatch.setattr(translations, "FOLDER", tmp_path)
    monkeypatch.setattr(catalogues, "FOLDER", tmp_path)
    return folder


@pytest.mark.parametrize(("message", "trouble"), [
    ("{count} runs", None), ("No runs yet.", "not translated: 'No runs yet.'"),
    ("Never heard of.", "not translated: 'Never heard of.'"), ("{left} seeds left", "unknown places {rest}"),
])
def test_what_a_catalogue_lacks_is_told_with_its_place(catalogue: Path, message: str, trouble: str | None) -> None:
    lines = troubles("zh", {message: Found([("pages/a.py", 7)])})
    assert len(lines) == (trouble is not None)
    if trouble:
        assert lines[0].startswith("pages/a.py:7: ") and trouble in lines[0]


@pytest.mark.parametrize(("source", "found"), [
    ('_("No runs yet.")', ["No runs yet."]), ('counted("{number} run", "{number} runs", 3)', ["{number} run"]),
    ('sayable(f"Students, seed {run.seed}")', ["Students, seed {seed}"]), ('print(_(name))', []),
    ('marked("helped")', ["helped"]),
])
def test_marked_messages_are_found(source: str, found: list[str]) -> None:
    assert [message for message, _, _ in sayings(ast.parse(source), "pages/a.py")] == found


@pytest.mark.parametrize(
    "source", ['_(f"{count} runs")', 'marked(f"{count} runs")', 'counted(f"{number} run", "{number} runs", 2)']
)
def test_an_f_string_cannot_be_a_message(source: str) -> None:
    with pytest.raises(NotLiteral, match=r"pages/a\.py:1: .* needs a literal"):
        list(sayings(ast.parse(source), "pages/a.py"))


def test_what_the_core_raises_is_a_message_without_being_marked() -> None:
    source = 'raise DataError(f"The table {self.name} is empty; allowed: at least one row.")'
    assert [message for message, _, _ in sayings(ast.parse(source), "distill_core/datasets/a.py")] == [
        "The table {name} is empty; allowed: at least one row."
    ]
    assert not list(sayings(ast.parse(source), "pages/a.py")), "pages mark theirs"
