"""Says again, in the reader's language, a sentence that was made in English somewhere else.

Errors, notes and reasons are made where no reader is known: in a worker, in a helper process, in a file of last year.
The catalogues know their patterns ("Experiment {experiment_id} is {state}; only ..."), so that a finished sentence is
matched with its pattern, and what filled the places is told in turn, unless it is a name: a variant that somebody
called "alone" stays "alone".
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from distill_core.language.catalogues import messages
from distill_core.language.speaking import ENGLISH, Language, current

_PLACE = re.compile(r"\{(\w+)[^{}]*\}")
# Places for what users named, and whatever stands in quotes.
_NAMES = frozenset({
    "name", "names", "student", "baseline", "variant", "teacher", "parent", "class_name", "class_names", "withheld",
    "label", "field", "owner", "who", "by", "actor", "layer", "machine", "path", "folder", "file", "filename", "listed",
})
_QUOTED = re.compile(r"“\{(\w+)[^{}]*\}”")
_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?;]) ")
_DEEPEST, _MOST_PARTS, _LEAST_OWN_TEXT = 4, 8, 4


def told(sentence: str) -> str:
    """The sentence in the current language; what no catalogue knows stays as it is."""
    language = current()
    return sentence if language == ENGLISH or not sentence else _told(sentence, language, 0)


@lru_cache(maxsize=4096)
def _told(sentence: str, language: Language, depth: int) -> str:
    """Sentences are joined where they are made: of all ways to part them, the one of which most text is known."""
    parts = _BETWEEN_SENTENCES.split(sentence)[:_MOST_PARTS]
    rest = sentence[len(" ".join(parts)) :]
    best: list[tuple[int, str]] = [(0, rest)]
    for start in range(len(parts) - 1, -1, -1):
        ways = []
        for end in range(start + 1, len(parts) + 1):
            text, (later, after) = " ".join(parts[start:end]), best[len(parts) - end]
            found = _by_pattern(text, language, depth)
            if found is not None or end == start + 1:
                known, said = found or (0, text)
                ways.append((known + later, f"{said} {after}" if end < len(parts) else said + after))
        best.append(max(ways, key=lambda way: way[0]))
    return best[-1][1]


def _by_pattern(text: str, language: Language, depth: int) -> tuple[int, str] | None:
    """How much of the text is a pattern's own, and the text in the language; None if no pattern fits."""
    if (same := messages(language).get(text)) is not None:
        return len(text), same
    for size, literals, places, translation in _patterns(language):
        if found := _filled(text, literals):
            values = zip(places.items(), found, strict=True)
            return size, translation.format(**{
                place: _told(value, language, depth + 1) if is_told and depth < _DEEPEST else value
                for (place, is_told), value in values
            })
    return None


def _filled(text: str, literals: list[str]) -> list[str] | None:
    """What stands in the places between these texts, each at least a character, the first as short as can be; or None.

    Searching from left to right finds it, if there is any way: a regular expression tries all, and takes minutes for a
    name that somebody made for that.
    """
    first, *between, last = literals
    end = len(text) - len(last)
    if not (text.startswith(first) and text.endswith(last)):
        return None
    values, at = [], len(first)
    for literal in between:
        place = text.find(literal, at + 1, end)
        if place < 0:
            return None
        values.append(text[at:place])
        at = place + len(literal)
    return [*values, text[at:end]] if at < end else None


@cache
def _patterns(language: Language) -> list[tuple[int, list[str], dict[str, bool], str]]:
    """(own text's length, the texts around its places, those and which are told, translation); most own text first."""
    found = []
    for message, translation in messages(language).items():
        literal, names = _PLACE.sub("", message), _PLACE.findall(message)
        # A pattern that is hardly more than its places would match anything.
        if not names or len(set(names)) < len(names) or len(literal.replace(" ", "")) < _LEAST_OWN_TEXT:
            continue
        kept = {*_QUOTED.findall(message), *(name for name in names if name.rstrip("0123456789") in _NAMES)}
        places = {name: name not in kept for name in names}
        # What fills a place is text by now, whatever format it was written in.
        found.append((len(literal), _PLACE.split(message)[::2], places, _PLACE.sub(r"{\1}", translation)))
    return sorted(found, key=lambda one: -one[0])
