"""Which compressed runs an experiment makes: chains of steps, whose common beginnings are made once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from distill_core.catalog import Catalogue
from distill_core.compression_step import FileStep, Series, TrainingStep
from distill_core.planned import Origin, Plan, PlannedRun, PlannedStep, code_key, digest
from distill_core.spec import Chain, Choice, ExperimentSpec, Term, Training

TEACHER = "teacher"
# The loss by which a compressed network matches the teacher's answers again.
_MATCHING = {"classification": "kd", "tagging": "kd", "regression": "mse-logits"}


def plan_compression(
    spec: ExperimentSpec, plan: Plan, catalogue: Catalogue, *, origin: Origin
) -> tuple[PlannedRun, ...]:
    """Every compressed run once, parents before children; `plan` has the trained ones."""
    found: dict[str, PlannedRun] = {}
    labels = step_labels(spec.compression.chains, catalogue)
    for chain in spec.compression.chains:
        for source in sources(chain, plan):
            parent, path = source, _beginning(chain)
            for choice in steps_of(chain, catalogue):
                path = (*path, _key(choice))
                child = _child(parent, choice, spec, plan, catalogue, origin=origin, label=labels[path])
                parent = found.setdefault(child.run_id, child)
    return tuple(found.values())


StepPath = tuple[str, ...]
"""What a chain begins with, and the JSON of each step so far."""


def step_labels(chains: Iterable[Chain], catalogue: Catalogue) -> dict[StepPath, str]:
    """What the last step of each path is called in the name of its run.

    Runs of one name are taken for seeds of one variant: steps on the same network whose labels are alike add the
    settings in which they differ.
    """
    alike: dict[tuple[StepPath, str], dict[StepPath, dict[str, Any]]] = {}
    for chain in chains:
        path = _beginning(chain)
        for choice in steps_of(chain, catalogue):
            entry, params = catalogue.compression.resolve(choice)
            label = entry.label.format(**params.model_dump()) or entry.title
            before, path = path, (*path, _key(choice))
            alike.setdefault((before, label), {})[path] = {"step": entry.title} | params.model_dump(mode="json")
    found: dict[StepPath, str] = {}
    for (_, label), members in alike.items():
        names = dict.fromkeys(name for settings in members.values() for name in settings)
        differing = [
            name for name in names if len({json.dumps(settings.get(name)) for settings in members.values()}) > 1
        ]
        for path, settings in members.items():
            told = [f"{name.replace('_', ' ')} {_in_words(settings[name])}" for name in differing if name in settings]
            found[path] = ", ".join([label, *told])
    return found


def _beginning(chain: Chain) -> StepPath:
    return (chain.of,)


def _in_words(value: Any) -> str:
    """A setting's value; named layers are few of all, and no patience is none."""
    if isinstance(value, list):
        return " + ".join(str(one) for one in value) or "all"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def _key(choice: Choice) -> str:
    return json.dumps(choice.model_dump(mode="json"), sort_keys=True)


def sources(chain: Chain, plan: Plan) -> Sequence[PlannedRun]:
    """The trained runs that a chain begins with."""
    if chain.of == TEACHER:
        return plan.teachers[:1]
    runs = [run for cohort in plan.cohorts for run in cohort.runs if run.name == chain.of]
    return runs[:1] if chain.seeds == "first" else runs


def steps_of(chain: Chain, catalogue: Catalogue) -> Iterator[Choice]:
    """The steps of a checked chain, with all that a series stands for."""
    for choice in chain.steps:
        entry, params = catalogue.compression.resolve(choice)
        step = entry.build(params)
        yield from step.steps if isinstance(step, Series) else (choice,)


def _child(
    parent: PlannedRun, choice: Choice, spec: ExperimentSpec, plan: Plan, catalogue: Catalogue, *, origin: Origin,
    label: str,
) -> PlannedRun:
    entry, params = catalogue.compression.resolve(choice)
    step = entry.build(params)
    before = parent.compression
    content: dict[str, Any] = {
        "parent": parent.run_id, "step": choice.model_dump(mode="json"),
        "code": origin.code[code_key("compression", choice)],
    }
    planned = PlannedStep(
        parent=parent.run_id, choice=choice, earlier=(*before.earlier, before.choice) if before else (),
        strength=getattr(params, entry.strength) if entry.strength else None,
    )
    terms: tuple[Term, ...] = ()
    if isinstance(step, TrainingStep):
        training = _training(step, parent, spec)
        planned, terms = replace(planned, training=training), _terms(step, catalogue, catalogue.task(spec.data.dataset))
        content |= {
            "training": training.model_dump(mode="json"), "views": spec.student_views.model_dump(mode="json"),
            "teacher": [run.run_id for run in plan.teachers] if step.teacher_weight > 0 else None,
        }
    elif isinstance(step, FileStep):
        # What it is calibrated with is a function of the data, which name the parent.
        content["calibrates"] = step.calibrates
    return replace(
        parent, run_id=digest(content), role="compressed", name=f"{parent.name} › {label}", terms=terms,
        needs_teacher=isinstance(step, TrainingStep) and step.teacher_weight > 0, weights="", compression=planned,
    )


def _training(step: TrainingStep, parent: PlannedRun, spec: ExperimentSpec) -> Training:
    """The budget of the variant's own training, shorter and at a lower rate."""
    whole = parent.teacher.training if parent.teacher is not None else spec.student_training
    optimizer = whole.optimizer.model_copy(update={"learning_rate": step.learning_rate})
    return whole.model_copy(update={"epochs": step.epochs, "optimizer": optimizer, "patience": step.patience})


def _terms(step: TrainingStep, catalogue: Catalogue, task: Any) -> tuple[Term, ...]:
    def term(loss: str, weight: float, **given: Any) -> Term:
        params = catalogue.losses[loss].resolve(given).model_dump(mode="json")
        return Term(loss=Choice(name=loss, params=params), weight=weight)

    terms = []
    if step.labels_weight > 0:
        terms.append(term(catalogue.alone_loss(task), step.labels_weight))
    if step.teacher_weight > 0:
        matching = _MATCHING[task]
        softened = {"temperature": step.temperature} if matching == "kd" else {}
        terms.append(term(matching, step.teacher_weight, **softened))
    return tuple(terms)
