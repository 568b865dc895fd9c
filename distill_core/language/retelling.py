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
    for size, pattern, places, translation in _patterns(language):
        if found := pattern.fullmatch(text):
            values = zip(places.items(), found.groups(), strict=True)
            return size, translation.format(**{
                place: _told(value, language, depth + 1) if is_told and depth < _DEEPEST else value
                for (place, is_told), value in values
            })
    return None


@cache
def _patterns(language: Language) -> list[tuple[int, re.Pattern[str], dict[str, bool], str]]:
    """(own text's length, pattern, its places and which are told, translation); most text of their own first."""
    found = []
    for message, translation in messages(language).items():
        literal, names = _PLACE.sub("", message), _PLACE.findall(message)
        # A pattern that is hardly more than its places would match anything.
        if not names or len(set(names)) < len(names) or len(literal.replace(" ", "")) < _LEAST_OWN_TEXT:
            continue
        text = "".join(
            "(.+?)" if number % 2 else re.escape(part) for number, part in enumerate(_PLACE.split(message))
        )
        kept = {*_QUOTED.findall(message), *(name for name in names if name.rstrip("0123456789") in _NAMES)}
        places = {name: name not in kept for name in names}
        found.append((len(literal), re.compile(text, re.DOTALL), places, translation))
    return sorted(found, key=lambda one: -one[0])
