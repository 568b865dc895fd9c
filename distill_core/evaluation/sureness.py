"""How sure one verdict is: what is told beside its t interval."""

from __future__ import annotations

from dataclasses import dataclass

from distill_core.evaluation.paired_tests import SignTest
from distill_core.evaluation.sampling_noise import TestSetNoise
from distill_core.evaluation.seeds_needed import SeedsNeeded
from distill_core.evaluation.verdict import Verdict


@dataclass(frozen=True)
class Sureness:
    """How sure one verdict is. The t interval is the verdict's own; `bootstrap` is None below two seeds.

    `test_set`: what another test set might have shown of the same networks; None without saved answers.
    """

    verdict: Verdict
    bootstrap: tuple[float, float] | None
    signs: SignTest
    effect: float | None
    needed: SeedsNeeded | None
    test_set: TestSetNoise | None
