"""Adds corrected samples to a dataset's training split, and refuses those that do not fit the data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill_core.correction_sets import CorrectionSet, CorrectionsUnusable, read_set
from distill_core.datasets.samples import Samples
from distill_core.errors import Problem, SpecError
from distill_core.folders import Home

FIELD = "data.corrections"


def find_set(home: Home, digest: str) -> CorrectionSet | None:
    """The set that a spec names; None if it names none. Raises SpecError."""
    if not digest:
        return None
    try:
        return read_set(home, digest)
    except CorrectionsUnusable as error:
        raise SpecError([Problem(FIELD, digest, "a set of corrections of this home", error.sentence)]) from error


def with_corrections(data: Samples, chosen: CorrectionSet | None) -> tuple[Samples, CorrectionSet | None]:
    """The data with the set's learnt samples behind the training split, and the set as it is really used.

    A sample to learn that is, as stored, a test sample or one held back is held back as well: what checks a network
    must not teach it. Raises SpecError where classes, shape or task do not fit.
    """
    if chosen is None:
        return data, None
    facts = chosen.facts
    if problem := _misfit(data, chosen):
        raise SpecError([problem])
    stored = as_stored(chosen.inputs, data)
    checks = {stored[row].numpy().tobytes() for row, one in enumerate(facts.samples) if not one.learnt}
    learnt, moved = [], 0
    for row, one in enumerate(facts.samples):
        if one.learnt and (stored[row].numpy().tobytes() in checks or is_among(stored[row], data.test_inputs)):
            moved += 1
        elif one.learnt:
            learnt.append(row)
    samples = tuple(one.model_copy(update={"learnt": row in learnt}) for row, one in enumerate(facts.samples))
    used = CorrectionSet(facts=facts.model_copy(update={"samples": samples}), inputs=chosen.inputs)
    notes = data.notes
    if moved:
        are = "correction is" if moved == 1 else "corrections are"
        notes = (*notes, f"{moved} {are} held back that would have been learnt: the same sample checks the networks.")
    if not learnt:
        return replace(data, notes=notes), used
    labels = [data.class_names.index(facts.samples[row].label) for row in learnt]
    return replace(
        data, corrected_inputs=stored[learnt], notes=notes,
        train_labels=torch.cat([data.train_labels, torch.tensor(labels, dtype=data.train_labels.dtype)]),
    ), used


def as_stored(inputs: NDArray[np.generic], data: Samples) -> Tensor:
    """Inputs [n,*shape] as exported graphs take them -> as the dataset stores its samples."""
    if data.train_inputs.dtype == torch.uint8:
        return torch.from_numpy((inputs.astype(np.float32).clip(0, 1) * 255).round().astype(np.uint8))
    return torch.from_numpy(np.ascontiguousarray(inputs)).to(data.train_inputs.dtype)


def is_among(sample: Tensor, others: Tensor) -> bool:
    """Whether one of the others [N,*shape] is the sample, number by number."""
    flat, wanted = others.flatten(1), sample.flatten()
    # A few numbers rule most of them out without reading every sample from the disk.
    probes = torch.linspace(0, len(wanted) - 1, min(len(wanted), 16)).long()
    candidates = torch.arange(len(flat))
    for place in probes:
        candidates = candidates[flat[candidates, place] == wanted[place]]
    return any(torch.equal(flat[row], wanted) for row in candidates.tolist())


def _misfit(data: Samples, chosen: CorrectionSet) -> Problem | None:
    """Why a set cannot be learnt from with these data."""
    facts, shape = chosen.facts, tuple(chosen.inputs.shape[1:])
    if data.task != "classification":
        return Problem(FIELD, data.task, "classification", "Only classes can be corrected; leave the corrections out.")
    if facts.kind != data.kind or shape != data.shape:
        mine, theirs = (" x ".join(str(size) for size in sizes) for sizes in (data.shape, shape))
        return Problem(
            FIELD, f"{theirs} ({facts.kind})", f"{mine} ({data.kind}), as the samples of this data set are",
            "Choose the data whose samples were corrected, or leave the corrections out.",
        )
    if unknown := next((one.label for one in facts.samples if one.label not in data.class_names), None):
        return Problem(
            FIELD, unknown, ", ".join(data.class_names[:20]),
            "The corrections name a class that these data do not have; leave them out, or choose the data they are of.",
        )
    if data.kind == "text" and not 0 <= int(chosen.inputs.min()) <= int(chosen.inputs.max()) < len(data.words):
        return Problem(
            FIELD, int(chosen.inputs.max()), f"words numbered 0 to {len(data.words) - 1}",
            "The corrections use another vocabulary; leave them out, or choose the data they are of.",
        )
    return None
