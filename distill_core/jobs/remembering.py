"""Keeps what a long-lived process remembers from growing without end."""

from __future__ import annotations

from typing import Any

_MOST = 256


def forget_oldest(remembered: dict[str, Any]) -> None:
    """Drop the oldest answers beyond so many; not while some of them are still to be read."""
    while len(remembered) > _MOST:
        del remembered[next(iter(remembered))]
