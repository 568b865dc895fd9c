"""Names what a teacher answers to a stream's batches, to the last bit, and where that is kept."""

from __future__ import annotations

import hashlib
import platform
from typing import Any

import torch
from torch import nn

from distill_core.planned import PlannedRun, code_key, digest
from distill_core.teacher_answers import limits_of
from distill_core.training.answer_store import AnswerStore
from distill_core.training.cohort import Cohort
from distill_core.training.preparation import Checked
from distill_core.training.stream import Stream
from distill_core.training.teachers import MeanOfTeachers, all_of

_VERSION = 3


def give_store(checked: Checked, run: PlannedRun, stream: Stream, teacher: nn.Module) -> None:
    """Let a stream keep the answers of a trained teacher, and read those that a former training kept.

    Only for real trainings: of steps that merely take their time nothing may be kept. Raises LabError for a setting
    of the disk space that is no number.
    """
    limits = limits_of(checked.home)
    if not limits.most_bytes:
        return
    batches, size = stream.batches_per_pass, min(stream.batch_size, stream.rows)
    if stream.views.fixed_views is not None and stream.variation is None:
        # Such a stream asks about its whole pool once, in the pool's order.
        batches, size = -(-stream.rows // stream.at_once), stream.at_once
    stream.store = AnswerStore(
        limits.root / digest(_causes(checked, run, stream, teacher)), batches=batches, batch_size=size,
        half=stream.precision == "bfloat16", limits=limits, rounding=stream.largest_rounding,
        error=stream.largest_error,
    )


def close_stores(cohort: Cohort) -> None:
    """A cohort's training has ended."""
    for candidate in cohort.candidates:
        if candidate.stream.store is not None:
            candidate.stream.store.close()


def forget_stores(cohort: Cohort) -> None:
    """Let go of what was closed: a store that knows its stream would keep all of it in memory until Python tidies."""
    for candidate in cohort.candidates:
        candidate.stream.store = None


def _causes(checked: Checked, run: PlannedRun, stream: Stream, teacher: nn.Module) -> dict[str, Any]:
    """All that the answers depend on. The teacher by its very weights: what a name stands for could change."""
    spec, origin, transfer = checked.spec, checked.origin, stream.transfer
    student = run.student
    generator = None if student is None or student.generator is None else [
        student.generator.model_dump(mode="json"), student.generated_share,
        origin.code[code_key("generator", student.generator)],
    ]
    return {
        "version": _VERSION,
        "origin": origin.model_dump(mode="json", exclude={"code"}),
        "machine": _machine(checked.device),
        "processes": spec.processes,
        "dataset": [spec.data.dataset.model_dump(mode="json"), origin.code[code_key("dataset", spec.data.dataset)]],
        "corrections": spec.data.corrections,
        "samples": _digest_of({"indices": transfer.indices}),
        "views": stream.views.model_dump(mode="json"),
        "batch_size": stream.batch_size,
        "seed": stream.seed,
        "generator": generator,
        # Labels choose what some generators mix.
        "labels": None if generator is None else _digest_of({"labels": transfer.labels}),
        "teachers": [
            [planned.architecture.model_dump(mode="json"), origin.code[code_key("architecture", planned.architecture)],
             _digest_of(one.state_dict())]
            for planned, one in zip(checked.plan.teachers, all_of(teacher), strict=True)
        ],
        "shares": list(teacher.shares) if isinstance(teacher, MeanOfTeachers) else [1.0],
    }


def _machine(device: torch.device) -> list[Any]:
    """What decides how sums are rounded here."""
    if device.type == "cuda":
        return [torch.cuda.get_device_name(device), torch.version.cuda]
    return [platform.machine(), sorted(torch.cpu.get_capabilities().items()), torch.get_num_threads()]


def _digest_of(tensors: dict[str, torch.Tensor]) -> str:
    found = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        found.update(f"{name} {value.dtype} {tuple(value.shape)};".encode())
        found.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()[:32]
