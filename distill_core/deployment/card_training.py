"""What a model card says of how a network was trained; loads no torch."""

from __future__ import annotations

from distill_core.deployment.markdown import choice, markdown_text, number, pairs_of, percent, table
from distill_core.rows import ExperimentView, RunRow
from distill_core.signature import Task
from distill_core.spec import Choice, ExperimentSpec, Student, Teacher


def training_table(run: RunRow, view: ExperimentView, task: Task) -> str:
    """Data, loss, teachers, budget and machine of one run, as a Markdown table."""
    spec, teacher = view.spec, _teacher(run, view.spec)
    training, views = (teacher.training, teacher.views) if teacher else (spec.student_training, spec.student_views)
    rows = [
        ("Dataset", f"`{spec.data.dataset.name}`"),
        ("Learned from", markdown_text(run.samples_seen, longest=300) or "see spec.json"),
        ("Minimised", _minimised(run, spec, task)),
        *_transfer_set(_student(run, spec)),
        *([] if teacher else _teachers(view, task)),
        ("Seed", str(run.seed)),
        ("Budget", f"{training.epochs} epochs, batches of {training.batch_size}"),
        ("Optimiser", pairs_of(training.optimizer.model_dump(mode="json")) + f", {training.schedule} schedule"),
        ("Views", pairs_of(views.model_dump(mode="json"))),
        ("Kept", _kept(run)),
        ("Validation", f"{spec.data.validation_fraction:.0%} of the training data, never the test data"),
    ]
    if run.seconds is not None:
        rows.append(("Took", f"{run.seconds:.1f} s"))
    if run.reused_from:
        rows.append(("Trained in", f"experiment `{run.reused_from}`, taken over here"))
    if view.worker:
        worker = view.worker
        threads = f"{worker.threads} thread{'s' if worker.threads != 1 else ''}"
        rows.append(("Device", f"{markdown_text(worker.device_name, longest=200)}, {threads}"))
        rows.append(("Machine", markdown_text(worker.machine, longest=200)))
        versions = ", ".join(f"{name} {version}" for name, version in sorted(worker.versions.items()))
        rows.append(("Versions", markdown_text(versions, longest=600)))
    return table(("", ""), rows)


def architecture_of(run: RunRow, spec: ExperimentSpec) -> Choice | None:
    """As it was chosen; None where several choices of that name could be meant."""
    teacher, student = _teacher(run, spec), _student(run, spec)
    if designed := teacher or student:
        return designed.architecture
    same = [other.architecture for other in spec.students if other.architecture.name == run.architecture]
    return same[0] if len({chosen.model_dump_json() for chosen in same}) == 1 else None


def _teachers(view: ExperimentView, task: Task) -> list[tuple[str, str]]:
    """Each with its score; runs and choices are in the same order."""
    rows = []
    for index, teacher in enumerate(view.spec.teachers):
        run = view.teachers[index] if index < len(view.teachers) else None
        score = "" if run is None else f", {_score(run, task)}"
        weight = f", weight {teacher.weight:g}" if len(view.spec.teachers) > 1 else ""
        name = "Teacher" if index == 0 else f"Teacher {index + 1}"
        rows.append((name, choice(teacher.architecture) + score + weight))
    return rows


def _score(run: RunRow, task: Task) -> str:
    return f"R² {number(run.r2)}" if task == "regression" else percent(run.accuracy)


def _teacher(run: RunRow, spec: ExperimentSpec) -> Teacher | None:
    """The teacher as designed: the second is named "teacher 2"."""
    if run.role != "teacher":
        return None
    _, _, number_of_it = run.name.rpartition(" ")
    index = int(number_of_it) - 1 if number_of_it.isdecimal() else 0
    return spec.teachers[index] if index < len(spec.teachers) else spec.teacher


def _student(run: RunRow, spec: ExperimentSpec) -> Student | None:
    """The variant as designed; None for a teacher and for the baseline that is added to every experiment."""
    if run.role == "teacher":
        return None
    return next((student for student in spec.students if student.name == run.name), None)


def _minimised(run: RunRow, spec: ExperimentSpec, task: Task) -> str:
    teacher, student = _teacher(run, spec), _student(run, spec)
    if teacher and not teacher.train:
        return "nothing: its weights are used as they were given"
    if student is None:
        return "squared error on labels" if task == "regression" else "cross-entropy on labels"
    return " + ".join(f"{term.weight:g} times {choice(term.loss)}" for term in student.terms if term.weight > 0)


def _transfer_set(student: Student | None) -> list[tuple[str, str]]:
    """What the student's samples were, where they were not simply those of the dataset."""
    rows = []
    if student and student.generator:
        share = f"{student.generated_share:.0%} of each batch"
        rows.append(("Variants", f"{choice(student.generator)} replaces {share}"))
    if student and student.coreset:
        rows.append(("Coreset", f"{student.coreset.size:,} samples, chosen by the rule {student.coreset.rule}"))
    return rows


def _kept(run: RunRow) -> str:
    if run.best_epoch is None:
        return "see spec.json"
    ended = f", of {run.stopped_epoch} trained" if run.stopped_epoch is not None else ""
    rule = f" ({markdown_text(run.stop_rule, longest=300)})" if run.stop_rule else ""
    return f"epoch {run.best_epoch}, the best on validation{ended}{rule}"
