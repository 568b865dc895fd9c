"""Sizes and times in words, the same in sentences, charts and tables."""

from __future__ import annotations

from distill_core.language import _, counted


def size(size_bytes: float | None) -> str:
    """Bytes in decimal units."""
    if size_bytes is None:
        return "–"
    for limit, divisor, unit in ((1e3, 1, "B"), (1e6, 1e3, "kB"), (1e9, 1e6, "MB")):
        if size_bytes < limit:
            return f"{size_bytes / divisor:.3g} {unit}" if divisor > 1 else f"{size_bytes:.0f} B"
    return f"{size_bytes / 1e9:.2f} GB"


def milliseconds(value: float | None) -> str:
    """A latency with three significant digits."""
    return "–" if value is None else f"{value:.3g} ms"


def amount(number: float | None) -> str:
    """A large count in three digits: 598 k, 1.2 M, 4.1 G."""
    if number is None:
        return "–"
    for least, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= least:
            return f"{number / least:.3g}{unit}"
    return f"{number:.0f}"


def threads(number: int) -> str:
    """A thread count of a latency measurement; 0 stands for all."""
    return _("all threads") if number == 0 else counted("{number} thread", "{number} threads", number)


def times(ratio: float) -> str:
    """How many times: 1.3, 4.2, 14; three digits from a hundred on."""
    return f"{ratio:.2g}" if ratio < 100 else f"{ratio:.3g}"
