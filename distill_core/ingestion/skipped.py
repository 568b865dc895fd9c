"""Counts what of a file could not be used, and stops when that is too much; loads no torch."""

from __future__ import annotations

from distill_core.errors import DataError

MOST_SKIPPED = 0.2
_NAMED = 5
_LONGEST_NAMED = 120


class Skipped:
    """What was left out of `name`, with the first few places and reasons; `noun` are rows or samples."""

    def __init__(self, name: str, *, noun: str) -> None:
        self.name, self.noun = name, noun
        self.count = 0
        self._named: list[str] = []

    def add(self, place: str, reason: str, *, count: int = 1) -> None:
        self.count += count
        if len(self._named) < _NAMED:
            self._named.append(f"{place} ({reason})"[:_LONGEST_NAMED])

    def check(self, total: int) -> None:
        """Raises DataError if more than a fifth of the `total` was left out."""
        if self.count > MOST_SKIPPED * total:
            raise DataError(
                f"{self.count:,} of {total:,} {self.noun} of {self.name!r} cannot be used, such as {self._named[0]}; "
                f"allowed: at most {MOST_SKIPPED:.0%}. Repair them or check how the file is read."
            )

    def notes(self, total: int) -> list[str]:
        """One sentence, or none if nothing was left out."""
        if not self.count:
            return []
        more = " and more" if self.count > len(self._named) else ""
        return [f"{self.count:,} of {total:,} {self.noun} were left out: {'; '.join(self._named)}{more}."]
