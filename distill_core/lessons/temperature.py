"""Lesson 2: what the temperature does to soft labels, and why the loss carries its square."""

from __future__ import annotations

from distill_core.language import _, marked
from distill_core.lessons.lesson import Formula, Lesson, Paper, Part, alone, preset_spec, student
from distill_core.lessons.outcome import Outcome, by_temperature, judged, share
from distill_core.spec import ExperimentSpec

TEMPERATURES = (1.0, 2.0, 4.0, 8.0, 16.0)


def make_spec() -> ExperimentSpec:
    return preset_spec(
        "digits", name="Digits: five temperatures",
        shows=marked(
            "The same student learns from the same teacher at five temperatures; all else is equal."
        ),
        students=(alone(), *(student(f"distilled T={one:g}", temperature=one) for one in TEMPERATURES)),
    )


def answer(outcome: Outcome) -> list[str]:
    names = by_temperature(outcome.spec)
    warmest = max(names)
    told = [
        _("The gradient of the soft part shrinks with the square of T. Without the factor it would be about "
          "{times} times weaker at T = {warmest} than at T = 1, and next to a term on labels it would hardly be heard. "
          "T² undoes that, so that T changes what the teacher says and not how loudly.").format(
            times=f"{warmest ** 2:g}", warmest=f"{warmest:g}",
        ),
    ]
    means = {one: mean for one, name in names.items() if (mean := outcome.mean(name)) is not None}
    if len(means) < 2:
        return told
    best, coldest = max(means, key=means.__getitem__), min(means)
    second = max((one for one in means if one != best), key=means.__getitem__)
    told += [
        _("In this experiment T = {best} came out highest with {best_share}, and T = {second} next with "
          "{second_share}; alone the student has {alone}.").format(
            best=f"{best:g}", best_share=share(means[best]), second=f"{second:g}", second_share=share(means[second]),
            alone=share(outcome.mean(outcome.baseline())),
        ),
        judged(outcome.between(names[best], names[second])),
    ]
    if coldest not in (best, second):
        told.append(judged(outcome.between(names[best], names[coldest])))
    told.append(
        _("Read the curve's shape rather than its highest dot: a temperature chosen by looking at test results would "
          "have to be confirmed on other data.")
    )
    return told


def fits(spec: ExperimentSpec) -> str:
    if len(by_temperature(spec)) < 3:
        return marked(
            "This lesson needs an experiment with students that learn from the teacher at three temperatures or more."
        )
    return ""


LESSON = Lesson(
    number=2, name="temperature",
    title=marked("Temperature and T²"),
    summary=marked("Dividing the scores by T softens an answer. The factor T² keeps the teacher's voice equally loud."),
    minutes=7,
    parts=(
        Part(marked("Softening an answer"), marked(
            "A well-trained teacher is sure of itself: 99.9% for one class, next to nothing for the others. The little "
            "that tells classes apart sits in those tiny numbers, where a loss hardly sees it. So all scores are "
            "divided by a temperature T before the softmax. At T = 1 nothing changes; the warmer, the more even."
        )),
        Part(marked("Too cold, too warm"), marked(
            "As T goes to 0 only the winner is left, and the soft label is a label again. As T grows without end all "
            "classes become equally likely; what remains are the differences of the scores, and distilling comes down "
            "to matching these scores themselves."
        )),
        Part(marked("Why T²"), marked(
            "The gradient with respect to the student's scores is 1/T times the difference of two soft labels, and "
            "that difference shrinks about as 1/T too. Together 1/T². Multiplying the loss by T² makes up for it, so "
            "that the weights of labels and teacher mean the same at every temperature."
        )),
        Part(marked("Same name, different loss"), marked(
            "Some published code leaves T² out, some puts it into the weight. A weight taken from there means "
            "something else here. In this lab T² is always inside the term."
        )),
    ),
    formula=Formula(
        r"p_k(T) = \frac{e^{z_k/T}}{\sum_j e^{z_j/T}} \qquad \mathcal{L}_{\text{soft}} = T^2 \, "
        r"\mathrm{KL}\!\left(p^{\,\text{teacher}}(T) \,\middle\|\, p^{\,\text{student}}(T)\right) \qquad "
        r"\frac{\partial \mathcal{L}_{\text{soft}}}{\partial z_k} = T \left(p^{\,\text{student}}_k - "
        r"p^{\,\text{teacher}}_k\right)",
        marked("Scores are divided by T on both sides, at training only. With T² in front, the gradient no longer "
               "shrinks as T grows."),
    ),
    make_spec=make_spec, chart="temperatures", control="lens", temperature=1.0,
    control_says=marked("Drag T from 1 to 50. Compare how KL and T² · KL change, and what happens to the size of the "
                        "gradient."),
    question=marked("If T² were forgotten, what would become of the teacher's part of the loss at the highest "
                    "temperature? And which temperature served this student best?"),
    answer=answer, fits=fits,
    papers=(
        Paper("Hinton, Vinyals, Dean 2015, arXiv:1503.02531", "https://arxiv.org/abs/1503.02531", marked(
            "Derives the limit of high temperatures and the factor T² in its section 2.1."
        )),
    ),
)
