"""How a text becomes numbers: its words, the vocabulary and the ids; loads no torch."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from distill_core.signature import UNKNOWN

RESERVED = ("<padding>", "<unknown>", "<mask>")
"""The words of ids 0, 1 and 2; no text holds them, for it is split at the angle brackets."""

# Chinese and Japanese write without spaces: each character is a word.
_SINGLE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
# Vowel and accent signs, which \w lacks, belong to the word they are written in.
_SIGNS = "\u0300-\u036f\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
_RUN = rf"(?:[^\W{_SINGLE}]+|[{_SIGNS}]+)+"
WORD_PATTERN = rf"{_RUN}(?:['\u2019]{_RUN})*|[{_SINGLE}]|[^\w\s]"
"""What is a word, for Python's `re.findall` on the text in Unicode form NFC and lower case."""
HOW_WORDS_ARE_SPLIT = (
    "The text is put into Unicode form NFC and lower case; a word is a run of letters, digits and underscores with "
    "apostrophes inside, one Chinese or Japanese character, or one other sign: in Python "
    f"re.findall({WORD_PATTERN!a}, unicodedata.normalize('NFC', text).lower())."
)

_WORD = re.compile(WORD_PATTERN)
# The same for texts in plain letters, several times faster.
_PLAIN_WORD = re.compile(r"\w+(?:'\w+)*|[^\w\s]")


def split_words(text: str) -> list[str]:
    """The words of a text, in order; see HOW_WORDS_ARE_SPLIT."""
    if text.isascii():
        return _PLAIN_WORD.findall(text.lower())
    return _WORD.findall(unicodedata.normalize("NFC", text).lower())


def vocabulary_of(counts: Mapping[str, int], *, most_words: int, least_count: int = 1) -> tuple[str, ...]:
    """The word of each id: the reserved ones, then the most frequent, `most_words` in all.

    Words seen less often than `least_count` are left out; words seen equally often stand in the order of their letters.
    """
    frequent = [word for word, count in counts.items() if count >= least_count]
    kept = sorted(frequent, key=lambda word: (-counts[word], word))
    return RESERVED + tuple(kept[: most_words - len(RESERVED)])


def ids_of(words: Sequence[str], index: Mapping[str, int], *, length: int) -> list[int]:
    """Ids of the first `length` words, filled up with padding; `index` gives a word's id."""
    ids = [index.get(word, UNKNOWN) for word in words[:length]]
    return ids + [0] * (length - len(ids))


def words_of(ids: Iterable[int], words: Sequence[str]) -> list[str]:
    """The words that ids stand for, without padding."""
    return [words[number] for number in ids if number]
