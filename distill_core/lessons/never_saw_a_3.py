"""Lesson 4: a student that recognises a digit it has never been shown."""

from __future__ import annotations

from distill_core.language import _, marked
from distill_core.lessons.lesson import Formula, Lesson, Paper, Part, preset_spec
from distill_core.lessons.outcome import Outcome, by_temperature, judged, quoted, share
from distill_core.spec import ExperimentSpec

CLASS = "3"


def answer(outcome: Outcome) -> list[str]:
    withheld = next(iter(outcome.spec.data.withheld_classes), CLASS)
    alone, told = outcome.baseline(), []
    for name in by_temperature(outcome.spec).values():
        told += [
            _("Of the test images of {digit} the student alone recognises {alone}, “{name}” {distilled}. On all other "
              "classes they have {alone_others} and {distilled_others}.").format(
                digit=quoted(withheld), name=quoted(name), alone=share(outcome.on_class(alone, withheld)),
                distilled=share(outcome.on_class(name, withheld)),
                alone_others=share(outcome.on_others(alone, withheld)),
                distilled_others=share(outcome.on_others(name, withheld)),
            ),
            judged(outcome.verdict(name)),
        ]
    told.append(
        _("Nobody showed it one. But of many an 8 and many a 5 the teacher said “a little like a {digit}”. The student "
          "learnt what pushes that answer up, and on a real {digit} all of it comes together.").format(
            digit=quoted(withheld)
        )
    )
    return told


def fits(spec: ExperimentSpec) -> str:
    if not spec.data.withheld_classes or not by_temperature(spec):
        return marked("This lesson needs an experiment in which the students never see one of the classes.")
    return ""


LESSON = Lesson(
    number=4, name="never-saw-a-3",
    title=marked("The student that never saw a 3"),
    summary=marked("All 3s are taken out of the student's images. It learns most of them all the same."),
    minutes=6,
    parts=(
        Part(marked("A digit goes missing"), marked(
            "The teacher has seen all ten digits. From the images of the students **every 3 is removed**. The student "
            "alone has an output for 3, but no image ever asks for it; it learns that 3 is never right."
        )),
        Part(marked("What is left of the 3"), marked(
            "The distilled student sees the same images without any 3. But it learns the teacher's whole answer, and "
            "in that the 3 still occurs: as a small share on 8s with an open side, on 5s with a round belly, on 2s "
            "that end in a curve."
        )),
        Part(marked("Warm enough to see it"), marked(
            "These shares are tiny at T = 1. This experiment distils at a high temperature, at which they are large "
            "enough to steer the student's weights."
        )),
        Part(marked("What this does not show"), marked(
            "It works because the teacher knew the 3 and because other digits resemble it. A class that resembles "
            "none of the others would leave no trace in the soft labels."
        )),
    ),
    formula=Formula(
        r"\frac{\partial \mathcal{L}_{\text{soft}}}{\partial z_{3}} = T \left(p^{\,\text{student}}_{3} - "
        r"p^{\,\text{teacher}}_{3}\right) \neq 0",
        marked("Each image moves the student's score for 3 towards the teacher's, though none shows a 3. With labels "
               "alone the same score is only ever pushed down."),
    ),
    make_spec=lambda: preset_spec("digits-missing"),
    chart="classes", control="lens", shown_class=CLASS, temperature=16.0,
    control_says=marked("This is a 3 from the test data. Compare the answers of the teacher, of the student alone and "
                        "of the distilled student. Then look for 8s and 5s with a little 3 in them."),
    question=marked("How many of the 3s does each student recognise, and where did the distilled one learn what a 3 "
                    "is?"),
    answer=answer, fits=fits,
    papers=(
        Paper("Hinton, Vinyals, Dean 2015, arXiv:1503.02531", "https://arxiv.org/abs/1503.02531", marked(
            "The same trial on MNIST: without any 3 in the transfer set the student made 206 test errors, 133 of them "
            "on the 1,010 threes; after its bias for the 3 was raised, 109 errors, 14 of them on threes."
        )),
    ),
)
