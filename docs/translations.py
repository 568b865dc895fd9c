"""Keeps the catalogues of other languages whole: `python -m docs.translations` collects every message anew.

    python -m docs.translations            writes the catalogues: new messages without a translation, no obsolete ones
    python -m docs.translations --check    only tells what is missing; ends with 1 if anything is

Messages are what the code marks (`_`, `counted`, `marked`), the sentences that the core makes in English for `told`
(errors, notes, reasons, whatever their process), and what the registries and presets show. A test runs the check.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po

from distill_core.language import ENGLISH, LANGUAGES
from distill_core.language.catalogues import FOLDER

ROOT = Path(__file__).parent.parent
FILE_NAME = "messages.po"
MARKS = {"_": 1, "marked": 1, "told": 1, "sayable": 1, "counted": 2}
# Rooms that mark their messages themselves, and what is never read on a page: programs, bundles (English by
# intent, for they travel), the command line, database steps.
SILENT = re.compile(
    r"distill_core/(cli|language|store/migrations|report|lessons|plain_code)/|distill_core/events.py"
    r"|distill_core/deployment/(card_|model_card|bundle|run_script|measure_|measuring|timing|samples_file|markdown)"
    r"|distill_core/(processor|exporters/|jobs/(describe|worker|helper|dispatcher|crew)\.py)"
)
# Its sentences are told from elsewhere; the others of these rooms are failures of the program itself.
PLUG_INS = re.compile(r"distill_core/(architectures|losses)/(?!pretrained|term)")
# Failures of the program itself, never shown as they are.
PROGRAMMERS = {"ValueError", "TypeError", "AssertionError", "RuntimeError", "KeyError", "NotImplementedError"}
_WORD = re.compile(r"[A-Za-z]{2,}")
_PLACE = re.compile(r"\{\w*[^{}]*\}")
# The dotted path of a spec's field, such as {at}.architecture.name, which is the same in every language.
_NO_WORDS = re.compile(r"://|charset=|^(SELECT|PRAGMA|ALTER|SET LOCAL) |sans-serif|monospace")
_FIELD = re.compile(r"[\w{}]+(\.[\w{}]+)+|[a-z]+_[a-z_]+")


@dataclass
class Found:
    """One message: where it stands, and its plural if it has one."""

    places: list[tuple[str, int]] = field(default_factory=list)
    plural: str = ""


class NotLiteral(Exception):
    """A marked message that is made at run time, which no catalogue can hold."""


def collected(catalogue: dict[str, Any] | None = None) -> dict[str, Found]:
    """Every message of the code, the registries and the presets, in the order of the files.

    The registries' JSON may be given; describing them takes some seconds.
    """
    found: dict[str, Found] = {}
    for file in [*sorted(ROOT.glob("pages/**/*.py")), *sorted(ROOT.glob("distill_core/**/*.py"))]:
        name = file.relative_to(ROOT).as_posix()
        for message, plural, line in sayings(ast.parse(file.read_text(encoding="utf-8")), name):
            one = found.setdefault(message, Found())
            one.places.append((name, line))
            one.plural = one.plural or plural
    for message, origin in _described(catalogue):
        found.setdefault(message, Found()).places.append((origin, 0))
    return found


def sayings(tree: ast.Module, name: str) -> Iterator[tuple[str, str, int]]:
    """(message, its plural, line) of all that a file says; raises NotLiteral for what no catalogue can hold."""
    yield from _marked(tree, name)
    if name.startswith("distill_core/spec"):
        yield from _refusals(tree)
    if PLUG_INS.match(name):
        yield from _plug_in_refusals(tree)
    if not _is_silent(name):
        yield from _sentences(tree)


def _is_silent(name: str) -> bool:
    return not name.startswith("distill_core/") or bool(SILENT.match(name))


def _marked(tree: ast.Module, name: str) -> Iterator[tuple[str, str, int]]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKS):
            continue
        words = node.args[: MARKS[node.func.id]]
        if node.func.id == "sayable":
            yield template(words[0]), "", node.lineno
            continue
        if any(isinstance(word, ast.JoinedStr) for word in words) and node.func.id != "told":
            raise NotLiteral(f"{name}:{node.lineno}: {node.func.id}() needs a literal; fill its places with format().")
        texts = [word.value for word in words if isinstance(word, ast.Constant) and isinstance(word.value, str)]
        if len(texts) == len(words) and texts[0]:
            yield texts[0], texts[1] if len(texts) > 1 else "", node.lineno


def _sentences(tree: ast.Module) -> Iterator[tuple[str, str, int]]:
    """Texts of three words or more, and shorter ones within what is raised or given as a problem."""
    passed_over, told_of = _passed_over(tree), {id(word) for word in _alternatives(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) or (isinstance(node, ast.Call) and _called(node) == "Problem"):
            told_of |= {id(inner) for inner in ast.walk(node)}
        elif isinstance(node, ast.Call):
            told_of |= {id(word) for word in _labels(node)}
    for node in ast.walk(tree):
        if id(node) in passed_over:
            continue
        text = template(node)
        words = len(_WORD.findall(_PLACE.sub(" ", text)))
        enough = words >= 1 if id(node) in told_of else words >= 3 and " " in text.strip()
        if enough and not _FIELD.fullmatch(text) and not _NO_WORDS.search(text):
            yield text, "", node.lineno  # type: ignore[attr-defined]


def _refusals(tree: ast.Module) -> Iterator[tuple[str, str, int]]:
    """What a spec's own checks refuse, "what is allowed; what to do", as `problems_of` makes two texts of it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) == "ValueError" and node.args:
            allowed, _, remedy = template(node.args[0]).partition("; ")
            for text in (allowed, remedy and f"{remedy[0].upper()}{remedy[1:]}."):
                if text:
                    yield text, "", node.lineno


def _plug_in_refusals(tree: ast.Module) -> Iterator[tuple[str, str, int]]:
    """What a network or a loss refuses, as the check of a spec writes it: a remedy; and what such a sentence calls it.

    The files themselves mark nothing, for what they hold is part of the names of runs.
    """
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if _called(node) == "ValueError" and node.args and (text := template(node.args[0])):
            sentence = f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."
            # What fills these places are words of ours, which are told; nobody's names.
            for name, ours in (("name", "network"), ("student", "one"), ("teacher", "other")):
                sentence = sentence.replace(f"{{{name}}}", f"{{{ours}}}")
            yield sentence, "", node.lineno
        for keyword in node.keywords:
            if keyword.arg in ("name", "network") and template(keyword.value).startswith(("A ", "An ")):
                yield template(keyword.value), "", node.lineno


def _alternatives(tree: ast.Module) -> Iterator[ast.AST]:
    """Words that an f-string chooses between: `{'class has' if one else 'classes have'}`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            choices = [inner for inner in ast.walk(node) if isinstance(inner, ast.IfExp)]
            yield from (word for choice in choices for word in (choice.body, choice.orelse))


def _labels(call: ast.Call) -> Iterator[ast.AST]:
    """A chart's short words: its titles, and the labels of its hover texts."""
    yield from (keyword.value for keyword in call.keywords if keyword.arg in ("title_text", "title", "heading"))
    if _called(call) == "hover" and call.args and isinstance(call.args[0], ast.List):
        for line in call.args[0].elts:
            if isinstance(line, ast.Tuple) and line.elts:
                yield line.elts[0]


def _passed_over(tree: ast.Module) -> set[int]:
    """Docstrings, pieces of f-strings, log messages, programmers' errors, marked messages and type hints."""
    found, alternatives = set[int](), {id(word) for word in _alternatives(tree)}
    for node in ast.walk(tree):
        inner: list[ast.AST] = []
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inner = [node.value]
        elif isinstance(node, ast.JoinedStr):
            inner = [part for value in node.values for part in ast.walk(value) if id(part) not in alternatives]
        elif isinstance(node, ast.Call):
            owner = node.func.value.id if isinstance(node.func, ast.Attribute) and isinstance(
                node.func.value, ast.Name
            ) else ""
            if owner in ("log", "re", "logging") or _called(node) in {*PROGRAMMERS, *MARKS, "print"}:
                inner = list(ast.walk(node))
        found |= {id(one) for one in inner}
    return found


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def template(node: ast.AST) -> str:
    """A text, or an f-string with its places named by what fills them; empty for all else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) and not set("{}\n") & set(node.value) else ""
    if not isinstance(node, ast.JoinedStr):
        return ""
    text, used = "", dict[str, int]()
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            name = _place(part.value)
            used[name] = used.get(name, 0) + 1
            text += f"{{{name}{used[name] if used[name] > 1 else ''}}}"
        elif isinstance(part, ast.Constant):
            if set("{}\n") & set(part.value):
                return ""
            text += part.value
    return text


def _place(value: ast.expr) -> str:
    """What fills a place, by its last name: `self.field` is field, `plain_name(entry.title)` is title."""
    names = [node.attr if isinstance(node, ast.Attribute) else node.id for node in ast.walk(value)
             if isinstance(node, (ast.Attribute, ast.Name))]
    arguments = [node for node in ast.walk(value) if isinstance(node, ast.Call)]
    inside = arguments[0].args[0] if arguments and arguments[0].args else value
    for node in ast.walk(inside):
        if isinstance(node, ast.Attribute):
            return node.attr
        if isinstance(node, ast.Name):
            return node.id
    return names[0] if names else "it"


def _described(catalogue: dict[str, Any] | None) -> Iterator[tuple[str, str]]:
    """Titles, summaries and descriptions of all entries and presets."""
    from distill_core.presets import load_presets
    from distill_core.sweep_presets import load_sweep_presets

    if catalogue is None:
        from distill_core.pipeline import installed_catalogue

        catalogue = installed_catalogue().to_json()
    for kind, entries in catalogue.items():
        for entry in entries:
            origin = f"{kind}/{entry['name']}"
            yield from ((entry[key], origin) for key in ("title", "summary") if entry[key])
            for parameter in entry["schema"].get("properties", {}).values():
                yield from ((parameter[key], origin) for key in ("title", "description") if parameter.get(key))
    for preset in (*load_presets(), *load_sweep_presets()):
        texts = (preset.title, preset.summary, preset.spec.name, preset.spec.shows)
        yield from ((text, f"presets/{preset.name}") for text in texts if text)


def kept(language: str) -> Catalog:
    """What the catalogues of a language have now."""
    whole = Catalog(locale=language)
    for file in sorted((FOLDER / language).glob("*.po")):
        with file.open("rb") as opened:
            for message in read_po(opened, locale=language):
                if message.id and (message.id not in whole or _translation(message)):
                    whole[message.id] = message
    return whole


def troubles(language: str, found: dict[str, Found]) -> list[str]:
    """A line for each message without a whole translation."""
    have, lines = kept(language), []
    for text, one in found.items():
        place = "{}:{}".format(*one.places[0])
        message = have.get((text, one.plural) if one.plural else text)
        translation = _translation(message) if message is not None else ""
        if message is None or not translation or message.fuzzy:
            lines.append(f"{place}: not translated: {text!r}")
        elif unknown := set(_PLACE.findall(translation)) - set(_PLACE.findall(f"{text} {one.plural}")):
            lines.append(f"{place}: unknown places {', '.join(sorted(unknown))} in the translation of {text!r}")
    return lines


def written(language: str, found: dict[str, Found]) -> Catalog:
    """The new catalogue: all messages in the order of the code, with the translations there are."""
    have = kept(language)
    whole = Catalog(locale=language, project="Distill Lab", fuzzy=False)
    for text, one in found.items():
        identity = (text, one.plural) if one.plural else text
        old = have.get(identity)
        string = old.string if old is not None else ("",) if one.plural else ""
        places = [(name, line or None) for name, line in dict(reversed(one.places)).items()]
        whole.add(identity, string, locations=[(name, None) for name, _ in reversed(places)][:3])
    return whole


def _translation(message: Message) -> str:
    return message.string if isinstance(message.string, str) else next(iter(message.string or ()), "")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--check", action="store_true")
    chosen = options.parse_args()
    found, missing = collected(), []
    for language in LANGUAGES:
        if language == ENGLISH:
            continue
        if not chosen.check:
            whole = written(language, found)
            for file in (FOLDER / language).glob("*.po"):
                file.unlink()
            with (FOLDER / language / FILE_NAME).open("wb") as opened:
                write_po(opened, whole, width=120, omit_header=False)
        missing += troubles(language, found)
    print("\n".join(missing) or f"{len(found):,} messages, all translated.")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
