"""Lesson 3: how much to listen to labels, how much to the teacher."""

from __future__ import annotations

from distill_core.language import _, marked
from distill_core.lessons.lesson import Formula, Lesson, Part, alone, preset_spec, student
from distill_core.lessons.outcome import Outcome, by_weight, judged, share
from distill_core.spec import ExperimentSpec

TEMPERATURE = 4.0
SHARES = (0.25, 0.5, 0.75, 1.0)


def make_spec() -> ExperimentSpec:
    mixed = (
        student(f"teacher {one:.0%}", temperature=TEMPERATURE, from_labels=1 - one, from_teacher=one)
        for one in SHARES
    )
    return preset_spec(
        "digits", name="Digits: labels against teacher",
        shows=marked(
            "The same student learns from labels and from the teacher, in five mixtures that add up to 1."
        ),
        students=(alone(), *mixed),
    )


def answer(outcome: Outcome) -> list[str]:
    names = by_weight(outcome.spec)
    means = {one: mean for one, name in names.items() if (mean := outcome.mean(name)) is not None}
    listening = {one: mean for one, mean in means.items() if one > 0}
    if not listening:
        return [judged(None)]
    best, worst = max(listening, key=listening.__getitem__), min(listening, key=listening.__getitem__)
    told = []
    if 0.0 in means:
        told += [
            _("Without the teacher: {alone}. The best mixture gives it {best_weight} of the weight: {best}.").format(
                alone=share(means[0.0]), best_weight=f"{best:.0%}", best=share(listening[best]),
            ),
            judged(outcome.between(names[best], names[0.0])),
        ]
    if worst != best:
        told += [
            _("Among those that listen to the teacher, {worst_weight} came out lowest with {worst}.").format(
                worst_weight=f"{worst:.0%}", worst=share(listening[worst]),
            ),
            judged(outcome.between(names[best], names[worst])),
        ]
    told.append(
        _("Correct labels and a good teacher mostly agree, so the exact mixture often matters less than the "
          "temperature. It matters more where labels are wrong, or where the teacher is.")
    )
    return told


def fits(spec: ExperimentSpec) -> str:
    if len(by_weight(spec)) < 3:
        return marked("This lesson needs an experiment with three mixtures of labels and teacher or more.")
    return ""


LESSON = Lesson(
    number=3, name="weights",
    title=marked("Labels against teacher"),
    summary=marked("Two weights decide whom the student believes: the labels or the teacher."),
    minutes=6,
    parts=(
        Part(marked("Two sources"), marked(
            "A student can learn from the labels, from the teacher, or from both. Each is a term of its loss with a "
            "weight. Here the weights add up to 1, so that only their proportion changes and the steps stay about as "
            "large."
        )),
        Part(marked("When they disagree"), marked(
            "Labels are right, or as right as whoever wrote them. The teacher can be wrong, but it is wrong in a way "
            "that makes sense, and it says how sure it is. Where both agree the label adds little; where they differ "
            "the weights decide who wins."
        )),
        Part(marked("Beware of alpha"), marked(
            "Papers and libraries call these weights alpha and beta, and use them in opposite senses: in one code base "
            "alpha belongs to the labels, in the next to the teacher. This lab says *learn from labels* and *learn "
            "from the teacher*."
        )),
    ),
    formula=Formula(
        r"\begin{aligned} \mathcal{L} = {} & w_{\text{labels}} \cdot \mathrm{CE}(y, p^{\,\text{student}}) \\ & {} + "
        r"w_{\text{teacher}} \cdot T^2 \, \mathrm{KL}\!\left(p^{\,\text{teacher}} \,\middle\|\, "
        r"p^{\,\text{student}}\right) \end{aligned}",
        marked("Cross-entropy on the labels y and divergence from the teacher's soft labels, each with its weight."),
    ),
    make_spec=make_spec, chart="gains", control="weights",
    control_says=marked("Move the weight from the labels to the teacher. Every position is a student that was really "
                        "trained."),
    question=marked("Which mixture would you choose? And is the difference between the mixtures more than chance?"),
    answer=answer, fits=fits, temperature=TEMPERATURE,
)
