"""Lesson 6: when distillation does not help, measured here and published elsewhere."""

from __future__ import annotations

from distill_core.language import _, marked
from distill_core.lessons.lesson import Formula, Lesson, Paper, Part, alone, preset_spec, student
from distill_core.lessons.outcome import Outcome, by_temperature, judged, share
from distill_core.spec import ExperimentSpec


def make_spec() -> ExperimentSpec:
    spec = preset_spec(
        "digits", name="Digits: all labels for everybody",
        shows=marked(
            "Teacher and students learn from the same labelled images. The teacher knows nothing that the student "
            "could not find out from the labels itself."
        ),
        students=(alone(), student("distilled T=4", temperature=4.0), student("distilled T=8", temperature=8.0)),
    )
    return spec.model_copy(update={"data": spec.data.model_copy(update={"student_labels": None})})


def answer(outcome: Outcome) -> list[str]:
    told = [
        _("Alone the student recognises {alone} of the test digits. The teacher recognises {teacher}.").format(
            alone=share(outcome.mean(outcome.baseline())),
            teacher=share(outcome.view.teacher.accuracy if outcome.view.teacher else None),
        )
    ]
    verdicts = [outcome.verdict(name) for name in by_temperature(outcome.spec).values()]
    told += [judged(verdict) for verdict in verdicts]
    if any(verdict is not None and verdict.verdict == "helped" for verdict in verdicts):
        told.append(
            _("So this time there is a gain after all, if a small one. Look at the interval, and at the scale of the "
              "chart, before you believe in it.")
        )
    else:
        told.append(
            _("With the same full labels for both, the teacher has little to add. That is no failure of the "
              "experiment: it is the answer.")
        )
    return told


def fits(spec: ExperimentSpec) -> str:
    if not by_temperature(spec):
        return marked("This lesson needs an experiment with a student that learns from the teacher alone.")
    return ""


LESSON = Lesson(
    number=6, name="no-help",
    title=marked("When distillation does not help"),
    summary=marked("Same full labels for both: hardly a gain. How to read a result that is no success."),
    minutes=8,
    parts=(
        Part(marked("The textbook case"), marked(
            "Teacher and student learn from exactly the same images with all their labels. The teacher is larger and "
            "better. Should its soft labels not help? On these digits, over ten seeds, we measured between +0.3 and "
            "+0.7 points, none of them clearly different from zero."
        )),
        Part(marked("Measured on digits"), marked(
            "- A network that teaches a copy of itself: 0.0 points.\n"
            "- Imitating inner layers or relations between samples besides soft labels: within ±0.3 points of soft "
            "labels alone.\n"
            "- Smoothed labels without any teacher: on some settings almost the same gain, at the price of badly "
            "calibrated probabilities.\n"
            "- Students of fewer than 700 parameters: no gain, or worse."
        )),
        Part(marked("Published"), marked(
            "- **Larger teachers are often not better ones.** A small student cannot follow a far larger teacher; "
            "stopping the teacher's training early can make it teach better (Cho and Hariharan 2019).\n"
            "- **Students do not copy.** Even a student that could match its teacher exactly often stays far from it, "
            "and coming closer does not always generalise better (Stanton et al. 2021).\n"
            "- **Impatience.** Much of what looks like a limit of distillation was too short a training or "
            "inconsistent views of the images (Beyer et al. 2022)."
        )),
        Part(marked("One seed proves nothing"), marked(
            "With one seed almost any method can look good. The verdict needs pairs: the same seed alone and "
            "distilled, several times. If the interval holds zero, the honest word is *inconclusive* or *did not "
            "help*, not *a slight gain*."
        )),
    ),
    formula=Formula(
        r"d_s = \mathrm{acc}^{\,\text{distilled}}_s - \mathrm{acc}^{\,\text{alone}}_s \qquad \bar d \pm "
        r"t_{0.975,\,n-1} \, \frac{\mathrm{sd}(d)}{\sqrt{n}}",
        marked("For each seed s the difference d of the pair; then the mean with its 95% interval over n seeds."),
    ),
    make_spec=make_spec, chart="gains", control="seeds",
    control_says=marked("Count only the first seeds and watch the verdict. Would you have published after the first?"),
    question=marked("Did the teacher help when everybody had all labels? How sure are you?"),
    answer=answer, fits=fits,
    papers=(
        Paper("Cho, Hariharan 2019, arXiv:1910.01348", "https://arxiv.org/abs/1910.01348", marked(
            "More accurate teachers are often not better teachers, because capacities do not match."
        )),
        Paper("Stanton et al. 2021, arXiv:2106.05945", "https://arxiv.org/abs/2106.05945", marked(
            "Large differences between teacher and student remain even where the student could match it perfectly."
        )),
        Paper("Beyer et al. 2022, arXiv:2106.05237", "https://arxiv.org/abs/2106.05237", marked(
            "A good teacher is patient and consistent: what design choices decide whether it works."
        )),
    ),
)
