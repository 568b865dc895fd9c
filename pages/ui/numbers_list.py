"""Lists of whole numbers as people write them: `0-4` or `0, 1, 7`."""

from __future__ import annotations

import re
from collections.abc import Sequence

MOST = 200


def parse_numbers(text: str) -> list[int | str]:
    """The numbers in the order written; what cannot be read stays text, so that the check can name it."""
    result: list[int | str] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        span = re.fullmatch(r"(\d{1,10})\s*(?:-|–|\.\.)\s*(\d{1,10})", part)
        if span and 0 <= int(span[2]) - int(span[1]) < MOST:
            result += range(int(span[1]), int(span[2]) + 1)
        else:
            result.append(int(part) if re.fullmatch(r"-?\d{1,18}", part) else part)
    return result


def write_numbers(numbers: Sequence[int | str]) -> str:
    """The shortest way to write them; a run of three or more becomes a span. What is no number stays as it is."""
    parts: list[str] = []
    start = 0
    while start < len(numbers):
        end = start
        while end + 1 < len(numbers) and _follows(numbers[end], numbers[end + 1]):
            end += 1
        if end - start >= 2:
            parts.append(f"{numbers[start]}-{numbers[end]}")
        else:
            parts += [str(number) for number in numbers[start : end + 1]]
        start = end + 1
    return ", ".join(parts)


def _follows(first: int | str, second: int | str) -> bool:
    return isinstance(first, int) and isinstance(second, int) and first >= 0 and second == first + 1
