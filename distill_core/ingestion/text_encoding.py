"""Which encoding a text file is in; loads no torch."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

SAMPLE_BYTES = 64 * 2**20
_CHUNK_BYTES = 2**20
_MOST_BROKEN = 0.05
_HIGH_RUNS = re.compile(rb"[\x80-\xff]+")


@dataclass(frozen=True)
class TextEncoding:
    """`name` for Python's `open`; `note` tells, in a sentence, what is worth checking, or is empty."""

    name: str
    note: str = ""


def find_encoding(path: Path) -> TextEncoding:
    """By its mark, else UTF-8, else GB 18030, else a western one; judged by the first 64 MiB. Raises OSError."""
    with path.open("rb") as file:
        start = file.read(4096)
    marked = _marked(start)
    if marked:
        return marked
    valid, broken = _count_utf8(path)
    if broken <= _MOST_BROKEN * valid:
        note = f"{broken} broken characters of the UTF-8 text were replaced." if broken else ""
        return TextEncoding("utf-8", note)
    sample = _sample(path)
    if _decodes(sample, "gb18030") and not _western(sample):
        return TextEncoding("gb18030", "The file is not UTF-8 and was read as Chinese GB 18030.")
    # Latin-1 knows every byte, so that something is always read.
    name, words = ("cp1252", "Windows-1252") if _decodes(sample, "cp1252") else ("latin-1", "Latin-1")
    return TextEncoding(
        name, f"The file is not UTF-8 and was read as western {words}; if letters look wrong, save it as UTF-8."
    )


def _marked(start: bytes) -> TextEncoding | None:
    """What a byte order mark says, or the zeros that UTF-16 puts beside every plain letter."""
    if start.startswith(codecs.BOM_UTF8):
        return TextEncoding("utf-8-sig")
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)) and len(start) % 4 == 0:
        return TextEncoding("utf-32")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return TextEncoding("utf-16")
    half = len(start) // 2
    for name, zeros, letters in (
        ("utf-16-le", start[1::2], start[0::2]), ("utf-16-be", start[0::2], start[1::2]),
    ):
        if half >= 4 and zeros.count(0) > 0.4 * half and letters.count(0) < 0.02 * half:
            return TextEncoding(name, "The file was read as UTF-16 without a mark.")
    return None


def _count_utf8(path: Path) -> tuple[int, int]:
    """Characters beyond ASCII that are valid UTF-8, and bytes or pieces that are not."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    beyond = broken = 0
    with path.open("rb") as file:
        for _ in range(SAMPLE_BYTES // _CHUNK_BYTES):
            chunk = file.read(_CHUNK_BYTES)
            text = decoder.decode(chunk, final=not chunk)
            broken += text.count("\ufffd")
            beyond += len(text) - len(text.encode("ascii", "ignore"))
            if not chunk:
                break
    return beyond - broken, broken


def _sample(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(SAMPLE_BYTES)


def _decodes(sample: bytes, name: str) -> bool:
    """Whether it is valid, but for a character that the end of the sample cuts."""
    try:
        codecs.getincrementaldecoder(name)("strict").decode(sample, final=len(sample) < SAMPLE_BYTES)
    except UnicodeDecodeError:
        return False
    return True


def _western(sample: bytes) -> bool:
    """Whether bytes beyond ASCII mostly stand alone, as accented letters among plain ones do; Chinese ones pair."""
    first = _HIGH_RUNS.search(sample)
    start = first.start() if first else 0
    runs = [len(run) for run in _HIGH_RUNS.findall(sample[start : start + _CHUNK_BYTES])]
    return sum(length == 1 for length in runs) > len(runs) / 2
