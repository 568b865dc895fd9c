"""What corrections did to each variant: right answers before and after, on the test set and on held-back samples."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from distill_core.evaluation.metrics import percentage
from distill_core.evaluation.paired_tests import split_chance
from distill_core.evaluation.verdict import Verdict, paired_verdict
from distill_core.events import Role
from distill_core.spec import Frozen

FEW = 20
"""Below so many samples a percentage would promise more than there is: counts are told."""
SURE = 0.05


class RunEffect(Frozen):
    """One run with the corrections, and the run of the same name and seed before; None: there is none to compare with.

    Counts are of right answers: among `test_total` test samples, the held-back and the learnt corrections. `fixed` test
    samples became right and `broken` ones wrong. `answers` name the class given to each held-back correction.
    """

    run_id: str
    role: Role
    name: str
    seed: int
    before_run_id: str = ""
    only_corrections: bool = False
    """Whether the two runs differ in the corrections alone; if not, other settings have a part in the change."""
    test_total: int
    test_before: int | None = None
    test_after: int
    fixed: int | None = None
    broken: int | None = None
    held_before: int | None = None
    held_after: int
    learnt_before: int | None = None
    learnt_after: int
    answers_before: tuple[str, ...] | None = None
    answers_after: tuple[str, ...]


class HeldBack(Frozen):
    """A correction that no network learnt: the row of the frozen set it is in, and its right class."""

    row: int
    label: str
    test_index: int | None = None


class Feedback(Frozen):
    """The result of an experiment that learnt from corrections. `experiment_id` is the one whose answers they correct.

    `notes` say in sentences why something could not be compared.
    """

    corrections: str
    experiment_id: str
    learnt: int
    held_back: tuple[HeldBack, ...]
    runs: tuple[RunEffect, ...]
    notes: tuple[str, ...] = ()

    @property
    def variants(self) -> list[tuple[Role, str]]:
        """Role and name of each, in the order of the runs."""
        return list(dict.fromkeys((run.role, run.name) for run in self.runs))

    def of(self, role: Role, name: str) -> list[RunEffect]:
        """One variant's runs, one a seed."""
        return [run for run in self.runs if (run.role, run.name) == (role, name)]

    @property
    def headline(self) -> tuple[Role, str] | None:
        """The variant of whom the result is told first: a distilled one, else one trained alone, else the teacher.

        Of several the one that was best before: choosing by what came of it would flatter the corrections.
        """
        order: tuple[Role, ...] = ("student", "baseline", "teacher", "compressed")

        def rank(variant: tuple[Role, str]) -> tuple[int, float]:
            return order.index(variant[0]), -fmean(run.test_before or 0 for run in self.of(*variant))

        return min(self.variants, key=rank, default=None)

    def sentence(self) -> str:
        """What the corrections did, in one line; names stand as the user wrote them."""
        begin = f"With {_count(self.learnt, 'correction')} learnt, "
        if self.headline is None:
            return f"{begin}no run was finished."
        runs = self.of(*self.headline)
        mean = f", means of {len(runs)} seeds" if len(runs) > 1 else ""
        paired = [run for run in runs if run.test_before is not None]
        after = percentage(fmean(run.test_after / run.test_total for run in runs))
        if len(paired) == len(runs):
            before = percentage(fmean((run.test_before or 0) / run.test_total for run in runs))
            test = f"went from {before} to {after}" if before != after else f"stayed at {after}"
        else:
            test = f"is {after}"
        return (
            f"{begin}accuracy of {self.headline[1]} on the test set {test}; {self._held(runs)}{mean}."
        )

    def _held(self, runs: Sequence[RunEffect]) -> str:
        total = len(self.held_back)
        if not total:
            return "no correction is held back to check it"
        known = [run.held_before for run in runs if run.held_before is not None]
        right = share(fmean(run.held_after for run in runs), total)
        what = "the one held-back correction" if total == 1 else f"{total} held-back corrections"
        if len(known) < len(runs):
            return f"on {what} {right} right"
        return f"on {what} from {share(fmean(known), total)} to {right} right"


def share(right: float, total: int) -> str:
    """So many of so many; from 20 on as a percentage as well."""
    shown = f"{right:.1f}".removesuffix(".0")
    return f"{shown} of {total}" + (f" ({percentage(right / total)})" if total >= FEW else "")


def judged(runs: Sequence[RunEffect]) -> str:
    """Whether a variant's change on the test set is more than chance, in one sentence; empty without a pair.

    Several seeds: a 95% t interval of the paired differences. One seed: McNemar's exact test of the samples whose
    answer changed (McNemar 1947).
    """
    paired = [run for run in runs if run.test_before is not None]
    if not paired:
        return ""
    if len(paired) == 1:
        fixed, broken = paired[0].fixed or 0, paired[0].broken or 0
        chance = split_chance(fixed, broken)
        words = "more than chance" if chance < SURE else "no more than chance may do"
        return (
            f"{_count(fixed, 'test sample')} became right and {broken} wrong: {words} (McNemar's exact test, "
            f"p = {chance:.2g})."
        )
    found = paired_verdict(
        {run.seed: run.test_after / run.test_total for run in paired},
        {run.seed: (run.test_before or 0) / run.test_total for run in paired},
        student_name="after", baseline_name="before",
    )
    return f"{_interval(found)}: {_WORDS[found.verdict]}."


_WORDS = {
    "helped": "the corrections helped on the test set too", "did not help": "the test set gains nothing from them",
    "inconclusive": "the test set cannot tell whether they help it",
}


def _interval(found: Verdict) -> str:
    low, high = (0.0 if end is None else end for end in (found.ci_low, found.ci_high))
    kind = found.kind
    return (
        f"{kind.signed(found.delta_mean)} points (95% CI {kind.signed(low)} to {kind.signed(high)}, "
        f"{found.seeds} seeds)"
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
