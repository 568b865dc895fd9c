"""Puts the parts of a plain script together: data, split, networks, losses, training of teachers and student."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from distill_core.catalog import Catalogue
from distill_core.plain_code import training_text
from distill_core.plain_code.covering import check_covered
from distill_core.plain_code.data_text import DATA, DataText
from distill_core.plain_code.loss_text import LossText, loss_text
from distill_core.plain_code.network_text import NETWORKS, NetworkText
from distill_core.plain_code.split_text import split_text, student_rows_text, student_steps, teacher_steps
from distill_core.spec import ExperimentSpec, Student, Teacher, Term, Training, Views

QUOTES = '”"\\'


@dataclass(frozen=True)
class Shown:
    """Which run a script repeats: a variant (`student`) with its seed, or the teacher of this `number`."""

    name: str
    seed: int
    student: Student | None = None
    number: int = 0


@dataclass(frozen=True)
class PlainScript:
    """A Python file of its own; `name` is what its lines of the run begin with."""

    file_name: str
    text: str
    name: str


@dataclass(frozen=True)
class _Parts:
    spec: ExperimentSpec
    data: DataText
    shown: Shown
    teachers: tuple[Teacher, ...]

    @property
    def trainings(self) -> list[tuple[Training, Views]]:
        own = [(one.training, one.views) for one in self.teachers]
        return [*own, (self.spec.student_training, self.spec.student_views)] if self.shown.student else own


def plain_script(
    spec: ExperimentSpec, shown: Shown, catalogue: Catalogue, *, threads: int = 1, first_loss: float | None = None
) -> PlainScript:
    """The script of a run of a completed spec. Raises NotShown for what plain code does not cover.

    `threads`: with so many the run was trained; `first_loss`: its training loss in the first epoch, for the reader.
    """
    student = shown.student
    needed = student is not None and catalogue.needs_teacher(student)
    teachers = spec.teachers if needed else () if student is not None else (spec.teachers[shown.number],)
    check_covered(spec, teachers, student)
    parts = _Parts(spec, DATA[spec.data.dataset.name](spec.data.dataset.params), shown, teachers)
    alone = catalogue.alone_loss(parts.data.signature.task)
    alone_params = catalogue.losses[alone].resolve({}).model_dump(mode="json")
    taught = loss_text(alone, alone_params, all_labelled=True)
    own = [] if student is None else _terms(student)
    networks = {"teacher": [_network(parts, one) for one in teachers]}
    if student is not None:
        networks["student"] = [_network(parts, student)]
    classes = {name: code for group in networks.values() for one in group for name, code in one.classes.items()}
    losses = {
        name: code for one in (*([taught] if teachers else ()), *(text for _, text in own))
        for name, code in one.definitions.items()
    }
    blocks = [
        training_text.RANDOM, parts.data.code, split_text(spec, parts.data.signature.task), _alterations(parts),
        training_text.RATE, training_text.MEASURES[parts.data.signature.task], training_text.POOL, _train(parts),
        *classes.values(), *losses.values(), *_teaching(parts, networks["teacher"], taught),
        *([_learning(parts, student, networks["student"][0], own, needed)] if student is not None else ()),
    ]
    body = "\n\n\n".join(block.strip("\n") for block in blocks if block)
    head = _head(parts, threads=threads, first_loss=first_loss)
    name = "".join(sign if sign.isalnum() else "-" for sign in shown.name.lower()).strip("-") or "run"
    text = f"{head}\n{_imports(parts, body)}\ntorch.set_num_threads({threads})\n\n\n{body}\n"
    return PlainScript(f"{name[:40]}-seed-{shown.seed}.py", text, shown.name)


def _head(parts: _Parts, *, threads: int, first_loss: float | None) -> str:
    run = f"the run {_quoted(parts.shown.name)} with seed {parts.shown.seed}"
    told = "" if first_loss is None else f"\nIn the lab the first epoch had a training loss of {first_loss:.10f}."
    first = "Trains the teacher first, then the student. " if parts.teachers and parts.shown.student else ""
    return f'''"""Repeats {run}
of the experiment {_quoted(parts.spec.name)} in plain PyTorch.

{first}Needs torch, numpy and scikit-learn, and runs on the processor.
Other machines and versions round differently, so that late epochs may differ.{told}
"""
'''


def _quoted(name: str) -> str:
    """A name that a user gave, harmless within a docstring."""
    harmless = "".join(sign for sign in name if sign.isprintable() and sign not in QUOTES)
    return f"“{harmless}”"


def _imports(parts: _Parts, body: str) -> str:
    plain = [name for name in ("itertools", "math") if f"{name}." in body]
    first = [f"import {name}" for name in plain]
    if "Callable" in body:
        first.append("from collections.abc import Callable")
    second = ["import numpy as np", "import torch", "import torch.nn.functional as F", parts.data.imports]
    second.append("from torch import Tensor, nn" if "Tensor" in body else "from torch import nn")
    return "\n".join([*first, "", *second, ""])


def _network(parts: _Parts, of: Teacher | Student) -> NetworkText:
    return NETWORKS[of.architecture.name](of.architecture.params, parts.data.signature)


def _terms(student: Student) -> list[tuple[Term, LossText]]:
    return [
        (term, loss_text(term.loss.name, term.loss.params, all_labelled=student.transfer == "labelled"))
        for term in student.terms if term.weight > 0
    ]


def _alterations(parts: _Parts) -> str:
    kinds = dict.fromkeys(views.augmentation.kind for _, views in parts.trainings if views.augmentation)
    return "\n\n\n".join(training_text.ALTERATIONS[kind] for kind in kinds)


def _train(parts: _Parts) -> str:
    success, error = training_text.MEASURED[parts.data.signature.task]
    return training_text.TRAIN.replace("@SUCCESS@", success).replace("@ERROR@", error)


def _alter(parts: _Parts, views: Views) -> str:
    """An expression: pixels and a generator to altered pixels; sequences are altered like images of one channel."""
    if views.augmentation is None:
        return "None"
    settings = views.augmentation.model_dump(exclude={"kind"})
    function = views.augmentation.kind.replace("-", "_")
    given = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    if parts.data.signature.kind == "image":
        return f"lambda pixels, random: {function}(\n        pixels, random, {given})"
    return f"lambda steps, random: {function}(\n        steps[:, None], random, {given})[:, 0]"


def _call(
    parts: _Parts, variable: str, rows: str, wanted: str, *, name: str, seed: int, training: Training, views: Views,
    steps: str, held: str, teacher: str = "",
) -> str:
    spec = training.optimizer
    rest = f"weight_decay={spec.weight_decay}, fused=True"
    if spec.kind == "adamw":
        optimizer = f"torch.optim.AdamW({variable}.parameters(), lr={spec.learning_rate}, {rest})"
    else:
        momentum = f"momentum={spec.momentum}, nesterov={spec.momentum > 0}"
        optimizer = (
            f"torch.optim.SGD({variable}.parameters(), lr={spec.learning_rate}, {momentum},\n"
            f"                              {rest})"
        )
    return f'''train(
    {name!r}, {variable}, {rows}, {wanted}, {variable}_loss, seed={seed}, held={held}{teacher},
    views={views.fixed_views}, alter={_alter(parts, views)},
    batch_size={training.batch_size}, epochs={training.epochs}, steps={steps},
    optimizer={optimizer},
    peak={spec.learning_rate}, warmup={training.warmup_fraction}, schedule="{training.schedule}",
    patience={training.patience}, monitor="{training.monitor}",
)'''


def _teaching(parts: _Parts, networks: Sequence[NetworkText], taught: LossText) -> list[str]:
    """The loss that teachers minimise, each teacher's training, and how several answer as one."""
    if not parts.teachers:
        return []
    blocks = [_loss("teacher", parts, [f"{taught.call}"])]
    names = []
    for number, (one, network) in enumerate(zip(parts.teachers, networks, strict=True)):
        alone = parts.shown.student is None
        name = parts.shown.name if alone else "teacher" if number == 0 else f"teacher {number + 1}"
        variable = "teacher" if number == 0 else f"teacher_{number + 1}"
        names.append(variable)
        call = _call(
            parts, variable, "teacher_rows", "labels[teacher_rows]", name=name, seed=one.seed, training=one.training,
            views=one.views, steps=teacher_steps(one), held="validation",
        ).replace(f"{variable}_loss", "teacher_loss")
        blocks.append(f"torch.manual_seed({one.seed})\n{variable} = {network.build}\n{call}")
    if len(names) > 1:
        total = sum(one.weight for one in parts.teachers)
        shares = ", ".join(f"({name}, {one.weight / total!r})" for name, one in zip(names, parts.teachers, strict=True))
        blocks.append(
            'def all_teachers(batch):\n    """The weighted mean of their logits."""\n'
            f"    return torch.stack([one(batch) * share for one, share in [{shares}]]).sum(0)"
        )
    return blocks


def _learning(
    parts: _Parts, student: Student, network: NetworkText, own: Sequence[tuple[Term, LossText]], needs_teacher: bool
) -> str:
    terms = [text.call if _weight(term) == "1.0" else f"{_weight(term)} * {text.call}" for term, text in own]
    teacher = f", teacher={'all_teachers' if len(parts.teachers) > 1 else 'teacher'}" if needs_teacher else ""
    call = _call(
        parts, "student", "student_rows", "shown", name=parts.shown.name, seed=parts.shown.seed,
        training=parts.spec.student_training, views=parts.spec.student_views, steps=student_steps(parts.spec),
        held="student_validation", teacher=teacher,
    )
    return "\n".join([
        student_rows_text(parts.spec, student, parts.shown.seed, parts.data.signature.task), "\n",
        _loss("student", parts, terms), "\n",
        f"torch.manual_seed({parts.shown.seed})\nstudent = {network.build}\n{call}",
    ])


def _weight(term: Term) -> str:
    """As the training counts it at a share `progress` of all steps."""
    if term.schedule == "constant":
        return repr(float(term.weight))
    left = "progress" if term.schedule == "warm-up" else "(1.0 - progress)"
    return f"({float(term.weight)!r} * min(1.0, {left} / {term.schedule_fraction!r}))"


def _loss(variable: str, parts: _Parts, terms: Sequence[str]) -> str:
    flat = ""
    if parts.data.signature.task == "tagging":
        flat = "    # Every step counts as a sample.\n    answers, labels = answers.flatten(0, 1), labels.flatten()\n"
        if any("teacher" in term for term in terms):
            flat += "    teacher = teacher.flatten(0, 1)\n"
    total = "\n        + ".join(terms)
    total = f"(\n        {total}\n    )" if len(terms) > 1 else total
    return f"def {variable}_loss(answers, teacher, labels, progress):\n{flat}    return {total}"
