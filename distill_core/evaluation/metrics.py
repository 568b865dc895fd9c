"""How each figure is read: its name, its unit, which way is better and what is too little to matter."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from distill_core.language import _, marked
from distill_core.signature import Task

_MOST_DIGITS = 6
_SHOWN = Decimal("0.1")
POINTS, NATS = marked("points"), marked("nats")


def percentage(share: float) -> str:
    """A finite share in 0..1 in percent; a tie goes up, as it does in the tables and charts of a browser."""
    return f"{Decimal(share * 100).quantize(_SHOWN, ROUND_HALF_UP)}%"


@dataclass(frozen=True)
class Metric:
    """A figure's name in a sentence, the unit of its differences, and what is too little to matter.

    `english_unit` is points for shares in 0..1, which are shown in percent, and empty for a figure without one.
    `title` and `unit` are the same in the reader's language.
    """

    english_title: str
    english_unit: str
    higher_is_better: bool
    smallest_gain: float

    @property
    def title(self) -> str:
        return _(self.english_title)

    @property
    def unit(self) -> str:
        return _(self.english_unit)

    @property
    def is_share(self) -> bool:
        return self.english_unit == POINTS

    @property
    def factor(self) -> float:
        """From the figure to what is shown of it."""
        return 100.0 if self.is_share else 1.0

    def value(self, figure: float) -> str:
        return percentage(figure) if self.is_share else f"{figure:.3f}"

    def signed(self, difference: float) -> str:
        """A difference without its unit; never minus zero.

        One too small for the usual digits keeps its first, so that what is said of its sign can be seen to be true.
        """
        shown, digits = difference * self.factor, 1 if self.is_share else 3
        while shown and abs(shown) < 0.5 * 10**-digits and digits < _MOST_DIGITS:
            digits += 1
        return f"{shown:+z.{digits}f}"

    def difference(self, difference: float) -> str:
        """A difference with its sign and unit."""
        return self.with_unit(self.signed(difference))

    def with_unit(self, number: str) -> str:
        """A number that is written already, with its unit; languages differ in how they count points."""
        return _("{amount} points").format(amount=number) if self.is_share else f"{number} {self.unit}".rstrip()

    def amount(self, difference: float) -> str:
        """A difference in words, without a sign."""
        if not self.is_share:
            amount = _("{amount} {unit}") if self.unit else _("{amount} of {metric}")
            return amount.format(amount=f"{difference:.3g}", unit=self.unit, metric=self.title)
        points = difference * 100
        if points == 0.5:
            return _("half a point")
        return (_("{amount} point") if points <= 1 else _("{amount} points")).format(amount=f"{points:.3g}")


# Half a point of accuracy and one point of ECE are within what choosing a recipe alone can move.
METRICS: dict[str, Metric] = {
    "accuracy": Metric(marked("accuracy"), POINTS, higher_is_better=True, smallest_gain=0.005),
    "agreement": Metric(marked("agreement with the teacher"), POINTS, higher_is_better=True, smallest_gain=0.005),
    "ece": Metric(marked("ECE"), POINTS, higher_is_better=False, smallest_gain=0.01),
    "nll": Metric(marked("NLL"), NATS, higher_is_better=False, smallest_gain=0.01),
    "teacher_kl": Metric(marked("KL to the teacher"), NATS, higher_is_better=False, smallest_gain=0.01),
    "r2": Metric(marked("R²"), "", higher_is_better=True, smallest_gain=0.01),
    "mse": Metric(marked("squared error"), "", higher_is_better=False, smallest_gain=0.01),
    "teacher_mse": Metric(marked("squared distance to the teacher"), "", higher_is_better=False, smallest_gain=0.01),
}


def primary_metric(task: Task) -> str:
    """The figure by which networks of a task are judged: a field of RunRow and a key of METRICS."""
    return "r2" if task == "regression" else "accuracy"


def loss_metric(task: Task) -> str:
    """The figure of a task that also sees how far off a network is."""
    return "mse" if task == "regression" else "nll"


def monitored(monitor: str, task: Task) -> str:
    """The figure that `Training.monitor` chooses the best epoch by."""
    return primary_metric(task) if monitor == "accuracy" else loss_metric(task)


def metric_title(metric: str, task: Task) -> str:
    """A figure's name in a sentence; of a tagging every figure is one of steps, not of samples."""
    title = METRICS[metric].title
    return _("{metric} per step").format(metric=title) if task == "tagging" else title


def heading(metric: str, task: Task) -> str:
    """A figure's name where a line begins, as on an axis."""
    title = metric_title(metric, task)
    return title[:1].upper() + title[1:]
