"""The split as plain code: validation, the samples of teachers, and those of a student."""

from __future__ import annotations

from distill_core.plain_code.training_text import BALANCED
from distill_core.signature import Task
from distill_core.spec import ExperimentSpec, Student, Teacher


def split_text(spec: ExperimentSpec, task: Task) -> str:
    """Defines strata, validation, learn, teacher_rows, student_validation, and `balanced` where it is needed."""
    data = spec.data
    strata = "labels.numpy()" if task == "classification" else "np.zeros(len(labels), dtype=np.int64)"
    teacher = "learn" if data.teacher_labels is None else f"balanced(learn, {data.teacher_labels}, {data.split_seed})"
    balanced = f"\n\n{BALANCED}\n\n" if data.teacher_labels is not None or data.student_labels is not None else ""
    kept = "validation"
    if data.withheld_classes:
        kept = f"validation[~np.isin(strata[validation], {_withheld(spec)})]"
    return f'''# Validation: {data.validation_fraction:g} of each class, in a seeded order; the rest may be learnt from.
strata = {strata}
order = np.random.RandomState({data.split_seed}).permutation(len(strata))
held = []
for kind in np.unique(strata):
    members = order[strata[order] == kind]
    held += members[: min(max(1, round(len(members) * {data.validation_fraction!r})), len(members) - 1)].tolist()
validation = np.sort(np.array(held))
learn = np.setdiff1d(np.arange(len(strata)), validation)
{balanced}
teacher_rows = {teacher}
student_validation = {kept}'''


def _withheld(spec: ExperimentSpec) -> list[int]:
    """The classes of the digits are named by their numbers."""
    return sorted({int(name) for name in spec.data.withheld_classes})


def student_rows_text(spec: ExperimentSpec, student: Student, seed: int, task: Task) -> str:
    """Defines student_rows and `shown`, their labels as far as the student may know them."""
    data = spec.data
    withheld = f"[~np.isin(strata[{{0}}], {_withheld(spec)})]" if data.withheld_classes else ""
    allowed = "teacher_rows" + withheld.format("teacher_rows")
    known = allowed if data.student_labels is None else f"balanced({allowed}, {data.student_labels}, {seed})"
    if student.transfer == "labelled":
        return f"student_rows = {known}\nshown = labels[student_rows]"
    nothing = "torch.nan" if task == "regression" else "-100"
    return (
        f"student_rows, known_rows = {'learn' + withheld.format('learn')}, {known}\n"
        "shown = labels[student_rows].clone()\n"
        f"shown[torch.from_numpy(~np.isin(student_rows, known_rows))] = {nothing}  # no label"
    )


def teacher_steps(teacher: Teacher) -> str:
    """An expression: steps an epoch."""
    training, views = teacher.training, teacher.views.fixed_views or 1
    if training.steps_per_epoch:
        return str(training.steps_per_epoch)
    return f"max(len(teacher_rows) * {views} // {training.batch_size}, 1)"


def student_steps(spec: ExperimentSpec) -> str:
    """One pass over the labelled samples, whatever else the student sees."""
    training, views = spec.student_training, spec.student_views.fixed_views or 1
    if training.steps_per_epoch:
        return str(training.steps_per_epoch)
    labelled = "(~shown.isnan()).any(1)" if spec.data.dataset.name == "diabetes" else "(shown != -100)"
    counted = f"{labelled}.any(1)" if spec.data.dataset.name == "digits-tagging" else labelled
    return f"max(int({counted}.sum()) * {views} // {training.batch_size}, 1)"
