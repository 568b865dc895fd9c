"""How the figures of evidence are written in tables: with their intervals, as short as a cell."""

from __future__ import annotations

from distill_core.evaluation.metrics import METRICS
from distill_core.evaluation.quality import OverSeeds
from distill_core.language import _

NOTHING = "–"


def spread(found: OverSeeds | None, *, share: bool) -> str:
    """Mean over seeds and its interval: 96.3% (95.1 to 97.4)."""
    if found is None:
        return NOTHING
    factor, digits, sign = (100.0, 1, "%") if share else (1.0, 3, "")
    mean = f"{found.mean * factor:.{digits}f}{sign}"
    if found.low is None or found.high is None:
        return mean
    return _("{mean} ({low} to {high})").format(
        mean=mean, low=f"{found.low * factor:.{digits}f}", high=f"{found.high * factor:.{digits}f}"
    )


def ends(found: tuple[float, float] | None, metric: str) -> str:
    """An interval of differences, with signs, in what the metric is shown in."""
    if found is None:
        return NOTHING
    kind = METRICS[metric]
    return _("{low} to {high}").format(low=kind.signed(found[0]), high=kind.signed(found[1]))


def chance(probability: float) -> str:
    """A probability by chance alone: 0.031, or <0.001; a dash where there is none."""
    if probability != probability:
        return NOTHING
    return "<0.001" if probability < 0.001 else f"{probability:.2g}"
