"""Lesson 1: what a teacher's answer holds that a label does not."""

from __future__ import annotations

from distill_core.language import _, marked
from distill_core.lessons.lesson import Formula, Lesson, Paper, Part, preset_spec
from distill_core.lessons.outcome import Outcome, by_temperature, judged, points, quoted, share
from distill_core.spec import ExperimentSpec


def answer(outcome: Outcome) -> list[str]:
    warm = by_temperature(outcome.spec)
    (cold_at, cold), (warm_at, warmest) = min(warm.items()), max(warm.items())
    alone = outcome.baseline()
    told = [
        _("Alone the student recognises {alone} of the test digits; from the teacher at T = {cold_at} it recognises "
          "{cold}, at T = {warm_at} {warm}.").format(
            alone=share(outcome.mean(alone)), cold=share(outcome.mean(cold)), warm=share(outcome.mean(warmest)),
            cold_at=f"{cold_at:g}", warm_at=f"{warm_at:g}",
        ),
        judged(outcome.between(warmest, cold)),
        _("At a low temperature the teacher is almost certain of images it has learnt, so its answer is hardly more "
          "than the label. Warmed up, the same answer also says which other digits the image resembles."),
    ]
    smoothed = next((one for one in outcome.verdicts if one.student not in warm.values()), None)
    if smoothed is not None:
        told.append(
            _("Smoothing the labels without any teacher (“{name}”) changed the student by {points} points. Only what "
              "lies above that comes from the teacher's knowledge.").format(
                name=quoted(smoothed.student), points=points(smoothed.delta_mean),
            )
        )
    return told


def fits(spec: ExperimentSpec) -> str:
    if len(by_temperature(spec)) < 2:
        return marked(
            "This lesson needs an experiment with students that learn from the teacher at two temperatures or more."
        )
    return ""


LESSON = Lesson(
    number=1, name="beyond-the-label",
    title=marked("What a teacher knows beyond the label"),
    summary=marked("A label names one class. A teacher's answer also tells how much the image resembles the others."),
    minutes=6,
    parts=(
        Part(marked("A label says one thing"), marked(
            "A label says “this is a 7” and nothing else. For the loss, taking a smudged 7 for a 1 is just as wrong as "
            "taking it for an 8. What a class looks like has to be found out from many images."
        )),
        Part(marked("A teacher says ten things"), marked(
            "A trained network answers with a probability for every class. For that 7 it may say 93% a 7, 5% a 1, 1% a "
            "9. The small numbers are no noise: they tell what a 7 looks like, and that this one was written like a 1. "
            "Geoffrey Hinton called it *dark knowledge*."
        )),
        Part(marked("Few images, better targets"), marked(
            "Here a teacher has learnt from all training digits that have a label. The student, 14 times smaller, sees "
            "only 100 of these images. Alone it learns their labels; distilled it learns the teacher's answers to the "
            "same images, in the same order, from the same initial weights. **Only the targets differ.**"
        )),
        Part(marked("What this does not show"), marked(
            "The teacher has seen more labelled images than the student. The gain is what it learnt from them, handed "
            "over in soft labels. Where both learn from the same full labels there is hardly a gain: see the lesson "
            "*When distillation does not help*."
        )),
    ),
    formula=Formula(
        r"p_k = \frac{e^{z_k}}{\sum_j e^{z_j}} \qquad \mathcal{L} = -\sum_k p^{\,\text{teacher}}_k \, "
        r"\log p^{\,\text{student}}_k",
        marked("The softmax turns scores z into probabilities p. The student is drawn to all of the teacher's "
               "probabilities, not to a single 1."),
    ),
    make_spec=lambda: preset_spec("digits"),
    chart="gains", control="lens", temperature=4.0,
    control_says=marked("Choose a sample and drag T upwards. Watch what appears beside the winner, and whether it "
                        "makes sense to your eye."),
    question=marked("The two distilled students copy the same teacher on the same 100 images, one at T = 1, the other "
                    "at a higher T. Which recognises more unseen digits, and why?"),
    answer=answer, fits=fits,
    papers=(
        Paper("Hinton, Vinyals, Dean 2015, arXiv:1503.02531", "https://arxiv.org/abs/1503.02531", marked(
            "The paper that named it. On MNIST their small network made 146 test errors alone and 74 with the soft "
            "labels of a network that made 67."
        )),
    ),
)
