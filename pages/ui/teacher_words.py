"""The words of a teacher's fitness: the suggested temperature with its reason, and a warning if it is weak."""

from __future__ import annotations

from distill_core.charts.names import plain_name
from distill_core.evaluation.metrics import percentage
from distill_core.evaluation.teacher_fitness import TEMPERATURES, Comparison, Situation, Suggestion
from distill_core.language import _, counted, marked

HELP_ACCURACY = marked("On the validation samples, which no network learns from.")
HELP_ECE = marked(
    "Expected calibration error on the validation samples: how far its probability is from how often it is right, on "
    "average. 0 is best."
)
HELP_NLL = marked("Mean negative log-likelihood of the true class on the validation samples, in nats. 0 is best.")
HELP_CONFIDENCE = marked(
    "The probability of its first choice, on average over the samples the students see. Near 100% its soft labels at "
    "T=1 say hardly more than the labels."
)
HELP_AGREEMENT = marked(
    "How often its first choice is the label the students are shown. Where it is low, labels and teacher pull apart."
)
HELP_TEMPERATURE = marked(
    "The smallest T of 1, 2, 4, 8 and 16 at which the teacher's soft labels say enough of the other classes: their "
    "mean entropy reaches a share of the most there can be. A rule of thumb; several temperatures side by side tell "
    "more."
)
_REASONS: dict[Situation, str] = {
    "labelled": marked(
        "The students know their labels, so what is new to them is how the other classes compare: at T={temperature} "
        "the soft labels have {entropy} of the greatest entropy, at T=1 {at_one}; wanted {needed}."
    ),
    "unlabelled": marked(
        "Most of what the students see has no label, so the right class is itself news and little heat is enough: at "
        "T={temperature} the soft labels have {entropy} of the greatest entropy, at T=1 {at_one}; wanted {needed}."
    ),
    "withheld": marked(
        "The students never see some classes, of which only the smallest probabilities tell: at T={temperature} the "
        "soft labels have {entropy} of the greatest entropy, at T=1 {at_one}; wanted {needed}."
    ),
}


def reason(found: Suggestion) -> str:
    """Why this temperature, in one sentence; plain text."""
    if found.temperature == TEMPERATURES[0]:
        told = _("Its answers are soft already: at T=1 they have {at_one} of the greatest entropy; wanted {needed}.")
    else:
        told = _(_REASONS[found.situation])
    if not found.reached:
        told = _(
            "Its answers are so sure that even T={temperature} gives only {entropy} of the greatest entropy; wanted "
            "{needed}. Its soft labels may teach little beyond the labels."
        )
    return told.format(
        temperature=found.temperature, entropy=f"{found.entropy:.0%}", at_one=f"{found.entropy_at_one:.1%}",
        needed=f"{found.needed:.0%}",
    )


def weaker(name: str, found: Comparison) -> str:
    """A warning that the student alone is better, with the paired numbers; empty if it is not. Plain text."""
    if not found.is_weaker:
        return ""
    told = _(
        "The teacher is weaker than the student trained alone: on the same {samples} test samples it is right in "
        "{teacher}, “{name}” in {alone} ({seeds}). The difference is {difference} points, 95% interval {low} to "
        "{high}; only the teacher is right in {only_teacher}, only the student in {only_alone}. Whoever imitates it "
        "learns its mistakes: train it longer, or choose a larger one."
    )
    return told.format(
        samples=f"{found.samples:,}", teacher=percentage(found.teacher), name=plain_name(name, 60),
        alone=percentage(found.alone), seeds=counted("{number} seed", "{number} seeds", found.seeds),
        difference=f"{100 * found.difference:+.1f}", low=f"{100 * found.low:+.1f}", high=f"{100 * found.high:+.1f}",
        only_teacher=percentage(found.only_teacher), only_alone=percentage(found.only_alone),
    )


def weaker_before(accuracy: float, alone: dict[str, object]) -> str:
    """The same before launch, from what earlier runs with these settings reached on the validation samples."""
    reached, seeds = float(str(alone["accuracy"])), int(str(alone["seeds"]))
    if not accuracy < reached:
        return ""
    told = _(
        "The teacher is weaker than the student trained alone: {teacher} of the validation samples, and “{name}” "
        "{alone} ({seeds}, from earlier runs with this budget). Choose a better teacher, or expect no gain."
    )
    return told.format(
        teacher=percentage(accuracy), name=plain_name(str(alone["name"]), 60), alone=percentage(reached),
        seeds=counted("{number} seed", "{number} seeds", seeds),
    )
