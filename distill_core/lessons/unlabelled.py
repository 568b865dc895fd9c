"""Lesson 5: a teacher as the source of labels for data that have none."""

from __future__ import annotations

from distill_core.language import _, marked
from distill_core.lessons.lesson import Formula, Lesson, Paper, Part, alone, preset_spec, student
from distill_core.lessons.outcome import Outcome, judged, points, quoted, share, temperature_of
from distill_core.spec import ExperimentSpec, Student


def make_spec() -> ExperimentSpec:
    return preset_spec(
        "digits-unlabelled", name="Digits: what the unlabelled images add",
        shows=marked(
            "Everybody knows the same 200 labels. One student learns the teacher's answers on these images alone, "
            "another on all images, labelled or not."
        ),
        students=(
            alone(), student("distilled, labelled images only"), student("distilled, all images", transfer="all"),
        ),
    )


def _distilled(spec: ExperimentSpec, transfer: str) -> Student | None:
    return next(
        (one for one in spec.students if one.transfer == transfer and temperature_of(one) is not None), None
    )


def answer(outcome: Outcome) -> list[str]:
    few, all_of_them = (_distilled(outcome.spec, transfer) for transfer in ("labelled", "all"))
    baseline, told = outcome.baseline(), []
    if few is not None:
        gain = outcome.between(few.name, baseline)
        told += [
            _("Better targets on the same labelled images: {points} points, from {before} to {after}.").format(
                points=points(gain.delta_mean), before=share(gain.baseline_mean), after=share(gain.student_mean),
            ) if gain.seeds else judged(None),
            judged(gain),
        ]
    if all_of_them is not None:
        gain = outcome.between(all_of_them.name, few.name if few else baseline)
        told += [
            _("The images that nobody labelled add {points} points, from {before} to {after}.").format(
                points=points(gain.delta_mean), before=share(gain.baseline_mean), after=share(gain.student_mean),
            ) if gain.seeds else judged(None),
            judged(gain),
        ]
        teacher = outcome.view.teacher
        if teacher is not None and teacher.accuracy is not None:
            told.append(
                _("The teacher itself recognises {teacher} with the same labels; “{name}” cannot be expected to go far "
                  "beyond that.").format(teacher=share(teacher.accuracy), name=quoted(all_of_them.name))
            )
    return told


def fits(spec: ExperimentSpec) -> str:
    if _distilled(spec, "all") is None:
        return marked("This lesson needs an experiment with a student that learns from samples without labels.")
    return ""


LESSON = Lesson(
    number=5, name="unlabelled",
    title=marked("Images nobody labelled"),
    summary=marked("A teacher can answer where no label exists. Often this is where most of the gain comes from."),
    minutes=6,
    parts=(
        Part(marked("Labels are dear, images are cheap"), marked(
            "Most data in the world have no label. A student alone cannot learn from them. A distilled student can: "
            "its target is the teacher's answer, and the teacher answers to anything."
        )),
        Part(marked("Fair to both"), marked(
            "In this experiment teacher and students know **the same 200 labels**. The other training images are there "
            "without labels. One student learns the teacher's answers on the 200 images only; another learns them on "
            "all images. So the gain can be taken apart."
        )),
        Part(marked("Two gains, not one"), marked(
            "Better targets on the same images are one thing, more images another. Papers often report the sum. With "
            "plenty of unlabelled data even the teacher's hardened answers, its guesses as labels, can serve as well "
            "as soft ones; then the gain is labelling, not dark knowledge."
        )),
        Part(marked("What this does not show"), marked(
            "The teacher was trained with moved and turned copies of its images, the students without. Part of the "
            "gain is that. When all of them are trained with such copies, the gain shrinks to about one point on these "
            "digits."
        )),
    ),
    formula=Formula(
        r"\mathcal{L} = \frac{1}{|U|} \sum_{x \in U} T^2 \, \mathrm{KL}_x \qquad "
        r"\mathrm{KL}_x = \mathrm{KL}\!\left(p^{\,\text{teacher}}(x; T) \,\middle\|\, "
        r"p^{\,\text{student}}(x; T)\right)",
        marked("The sum runs over the transfer set U. There is no label y in it, so any image can be part of U."),
    ),
    make_spec=make_spec, chart="gains", control="samples",
    control_says=marked("Choose what the student may learn from, and see what each step adds."),
    question=marked("Which part of the gain comes from better targets, and which from the images without labels?"),
    answer=answer, fits=fits,
    papers=(
        Paper("Beyer et al. 2022, arXiv:2106.05237", "https://arxiv.org/abs/2106.05237", marked(
            "Distillation as matching functions: very long training, the same view of each image for teacher and "
            "student. Their ResNet-50 reaches 82.8% on ImageNet."
        )),
    ),
)
