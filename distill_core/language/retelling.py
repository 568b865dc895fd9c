"""Says again, in the reader's language, a sentence that was made in English somewhere else.

Errors, notes and reasons are made where no reader is known: in a worker, in a helper process, in a file of last year.
The catalogues know their patterns ("Experiment {experiment_id} is {state}; only ..."), so that a finished sentence is
matched with its pattern, and what filled the places is told in turn.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from distill_core.language.catalogues import messages
from distill_core.language.speaking import ENGLISH, Language, current

_PLACE = re.compile(r"\{(\w+)[^{}]*\}")
_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?;]) ")
_DEEPEST = 4


def told(sentence: str) -> str:
    """The sentence in the current language; what no catalogue knows stays as it is."""
    language = current()
    return sentence if language == ENGLISH or not sentence else _told(sentence, language, 0)


@lru_cache(maxsize=4096)
def _told(sentence: str, language: Language, depth: int) -> str:
    whole = _by_pattern(sentence, language, depth)
    if whole is not None:
        return whole
    parts = _BETWEEN_SENTENCES.split(sentence)
    if len(parts) == 1 or depth >= _DEEPEST:
        return sentence
    # Sentences are joined where they are made; the longest beginning that is known is told first.
    for end in range(len(parts) - 1, 0, -1):
        first = _by_pattern(" ".join(parts[:end]), language, depth)
        if first is not None:
            return f"{first} {_told(' '.join(parts[end:]), language, depth + 1)}"
    return f"{parts[0]} {_told(' '.join(parts[1:]), language, depth + 1)}"


def _by_pattern(sentence: str, language: Language, depth: int) -> str | None:
    if (same := messages(language).get(sentence)) is not None:
        return same
    for pattern, names, translation in _patterns(language):
        if found := pattern.fullmatch(sentence):
            filled = dict(zip(names, found.groups(), strict=True))
            if depth < _DEEPEST:
                filled = {name: _told(value, language, depth + 1) for name, value in filled.items()}
            return translation.format_map(filled)
    return None


@cache
def _patterns(language: Language) -> list[tuple[re.Pattern[str], list[str], str]]:
    """Those with the most text of their own first: they are the surest."""
    found = []
    for message, translation in messages(language).items():
        literal, names = _PLACE.sub("", message), _PLACE.findall(message)
        # A pattern that is hardly more than its places would match anything.
        if not names or len(set(names)) < len(names) or len(literal.replace(" ", "")) < 4:
            continue
        text = "".join(
            "(.+?)" if number % 2 else re.escape(part) for number, part in enumerate(_PLACE.split(message))
        )
        plain = _PLACE.sub(lambda place: f"{{{place[1]}}}", translation)
        found.append((len(literal), re.compile(text, re.DOTALL), names, plain))
    return [(pattern, names, plain) for _, pattern, names, plain in sorted(found, key=lambda one: -one[0])]
