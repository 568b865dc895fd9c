"""How fit a teacher is to teach: what it knows, how sure it is, and the temperature that shows what else it knows."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distill_core.evaluation.accuracy import accuracy, nll
from distill_core.evaluation.calibration import ece
from distill_core.evaluation.probabilities import Labels, Logits, as_logits, log_softmax
from distill_core.evaluation.steps import NOT_COUNTED

TEMPERATURES = (1, 2, 4, 8, 16)

Situation = Literal["labelled", "unlabelled", "withheld"]
"""What the students lack: nothing but how the other classes compare; most of the labels; whole classes."""

NEEDED_ENTROPY: dict[Situation, float] = {"labelled": 0.5, "unlabelled": 0.25, "withheld": 0.9}


@dataclass(frozen=True)
class Suggestion:
    """A temperature, and what speaks for it: the soft labels' mean entropy at it as a share of log K.

    `reached` is False where even the highest temperature stays below what is `needed`.
    """

    temperature: int
    situation: Situation
    entropy: float
    entropy_at_one: float
    needed: float
    reached: bool


@dataclass(frozen=True)
class TeacherFitness:
    """What a teacher does before any student learns from it. Shares in 0..1, NLL in nats; NaN where there is no sample.

    `accuracy`, `ece` and `nll` are of the validation samples, which nobody learns from, `validation` of them.
    `agreement` and `confidence` (the mean top-1 probability) are of the `seen` samples that the students learn from:
    how often its answer is the label they are shown (`labelled` have one), and how sure it is.
    """

    accuracy: float
    ece: float
    nll: float
    validation: int
    agreement: float
    confidence: float
    seen: int
    labelled: int
    suggestion: Suggestion

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; a figure that is no number is null."""
        return {name: None if isinstance(value, float) and not math.isfinite(value) else value
                for name, value in asdict(self).items()}

    @staticmethod
    def from_json(content: dict[str, Any]) -> TeacherFitness:
        """As `to_json` wrote it; raises TypeError or KeyError for anything else."""
        values: dict[str, Any] = {name: math.nan if value is None else value for name, value in content.items()}
        return TeacherFitness(**values | {"suggestion": Suggestion(**content["suggestion"])})


def relative_entropy_of(logits: ArrayLike, *, temperature: float) -> float:
    """Mean entropy of softmax(logits / T), as a share of log K, 0..1: 0 names one class, 1 none. Shape: [N,K]."""
    scores = as_logits(logits)
    if scores.shape[1] < 2:
        return 0.0
    logs = log_softmax(scores / temperature)
    entropies = -(np.exp(logs) * logs).sum(axis=1)
    return float(entropies.mean() / math.log(scores.shape[1]))


def suggest_temperature(logits: ArrayLike, *, situation: Situation) -> Suggestion:
    """The smallest T of 1, 2, 4, 8, 16 at which the soft labels [N,K] say enough: their mean entropy reaches a share of
    log K.

    A rule of this house, not of a paper; Hinton et al. 2015 (https://arxiv.org/abs/1503.02531, section 3) only tell
    that small students want low and wide ones high temperatures. The share is 0.5 where students know their labels, so
    that all that is new is how the wrong classes compare; 0.25 where most labels are missing, for the right class is
    itself news; 0.9 where they never see a class, which only the smallest probabilities tell of. On the digits these
    choose 8, 4 and 16, where 8, 2 to 4 and 16 were measured to be best.
    """
    needed = NEEDED_ENTROPY[situation]
    shares = {one: relative_entropy_of(logits, temperature=one) for one in TEMPERATURES}
    chosen = next((one for one, share in shares.items() if share >= needed), TEMPERATURES[-1])
    return Suggestion(
        temperature=chosen, situation=situation, entropy=shares[chosen], entropy_at_one=shares[1], needed=needed,
        reached=shares[chosen] >= needed,
    )


def situation_of(shown: ArrayLike, *, withheld: bool) -> Situation:
    """What the students lack, from the labels [N,...] they are shown (-100: none) and whether a class is kept away."""
    if withheld:
        return "withheld"
    labels = np.asarray(shown)
    return "unlabelled" if (labels == NOT_COUNTED).mean() > 0.5 else "labelled"


def teacher_fitness(
    validation: tuple[ArrayLike, ArrayLike], seen: tuple[ArrayLike, ArrayLike], *, withheld: bool = False
) -> TeacherFitness:
    """From the teacher's logits [N,K] and the labels int [N] of the validation samples, and of those students see.

    Labels of -100 are not known: they count for no figure but the teacher's sureness. Steps of a tagging come as
    samples: see `flat_steps`. Raises ValueError if the shapes do not fit or if students see nothing.
    """
    held, labels = _known(*validation)
    scores, shown = as_logits(seen[0]), np.asarray(seen[1])
    with_label, told = _known(scores, shown)
    sure = np.exp(log_softmax(scores).max(axis=1))
    return TeacherFitness(
        accuracy=accuracy(held, labels) if len(labels) else math.nan,
        ece=ece(held, labels) if len(labels) else math.nan,
        nll=nll(held, labels) if len(labels) else math.nan,
        validation=len(labels),
        agreement=accuracy(with_label, told) if len(told) else math.nan,
        confidence=float(sure.mean()),
        seen=len(scores),
        labelled=len(told),
        suggestion=suggest_temperature(scores, situation=situation_of(shown, withheld=withheld)),
    )


def flat_steps(logits: ArrayLike, labels: ArrayLike, *, there: ArrayLike | None = None) -> tuple[Logits, Labels]:
    """Steps [N,L,K] and [N,L] of a tagging as samples [M,K] and [M]; only those that are `there` (bool [N,L])."""
    steps, classes = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    keep = np.ones(classes.shape, dtype=bool) if there is None else np.asarray(there, dtype=bool)
    return steps[keep], classes[keep]


@dataclass(frozen=True)
class Comparison:
    """A teacher and the student trained alone, on the same samples. Shares in 0..1.

    `difference` is teacher minus alone (the mean of its seeds) and `low` to `high` its 95% interval over the samples;
    `only_teacher` and `only_alone` are the shares of samples that one of the two answers rightly, the mean over seeds.
    """

    teacher: float
    alone: float
    difference: float
    low: float
    high: float
    only_teacher: float
    only_alone: float
    samples: int
    seeds: int

    @property
    def is_weaker(self) -> bool:
        """The teacher is behind the student, by more than the choice of samples explains."""
        return self.high < 0


def compare_with_alone(teacher: NDArray[np.bool_], alone: NDArray[np.bool_]) -> Comparison:
    """Right answers bool [N] of the teacher and [S,N] of S seeds of the student alone, paired sample by sample.

    Of each sample d = teacher - mean over seeds of alone; the interval is mean(d) +- 1.96 * sd(d) / sqrt(N), the normal
    one of paired differences. Raises ValueError unless there are samples and seeds, the same samples for both.
    """
    if teacher.ndim != 1 or alone.ndim != 2 or 0 in alone.shape or alone.shape[1] != len(teacher):
        raise ValueError(f"answers have shapes {teacher.shape} and {alone.shape}; expected [N] and [S,N]")
    right, others = teacher.astype(bool), alone.astype(bool)
    differences = right - others.mean(axis=0)
    spread = differences.std(ddof=1) / math.sqrt(len(right)) if len(right) > 1 else math.inf
    mean = float(differences.mean())
    return Comparison(
        teacher=float(right.mean()), alone=float(others.mean()), difference=mean,
        low=mean - 1.96 * float(spread), high=mean + 1.96 * float(spread),
        only_teacher=float((right & ~others).mean()), only_alone=float((~right & others).mean()),
        samples=len(right), seeds=len(others),
    )


def _known(logits: ArrayLike, labels: ArrayLike) -> tuple[Logits, Labels]:
    scores, classes = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if scores.ndim != 2 or classes.shape != scores.shape[:1]:
        raise ValueError(f"logits have shape {scores.shape} and labels {classes.shape}; expected [N,K] and [N]")
    counted = classes != NOT_COUNTED
    return scores[counted], classes[counted]
