"""Losses as plain code: the very functions of the catalogue, cut out of their files, or a plain form of few lines."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from distill_core.signature import NO_LABEL

LOSS_FILES = Path(__file__).parents[1] / "losses"
_OURS = "distill_core.losses."


@dataclass(frozen=True)
class LossText:
    """`call`: an expression of `answers`, `teacher` and `labels`; `definitions`: what it calls, in order."""

    call: str
    definitions: Mapping[str, str]


# How each loss is called; its function stands in the file of that name, with the formula and the paper.
_CALLS = {
    "kd": "kd(answers, teacher, temperature={temperature})",
    "soft-cross-entropy": "soft_cross_entropy(answers, teacher, temperature={temperature})",
    "mse-logits": "mse_logits(answers, teacher)",
    "standardised-kd": "standardised_kd(answers, teacher, temperature={temperature})",
    "dist": (
        "dist(answers, teacher, inter_weight={inter_weight}, intra_weight={intra_weight}, temperature={temperature})"
    ),
    "dkd": (
        "dkd(answers, teacher, labels, target_weight={target_weight}, non_target_weight={non_target_weight}, "
        "temperature={temperature})"
    ),
}
# Where each sample has its label, the mean over those that have one is the plain mean.
_CROSS_ENTROPY = "F.cross_entropy(answers, labels{smoothing})"
_LABELLED_CROSS_ENTROPY = '''def labelled_cross_entropy(answers, labels, label_smoothing):
    """Mean over the samples that have a label; -100 stands for none."""
    losses = F.cross_entropy(answers, labels, label_smoothing=label_smoothing, reduction="none")
    return losses.sum() / (labels != -100).sum().clamp(min=1)'''
_SQUARED_ERROR = '''def squared_error(values, targets):
    """Mean over the targets that are known; NaN stands for none."""
    known = ~targets.isnan()
    return ((values - torch.where(known, targets, 0)) ** 2 * known).sum() / known.sum().clamp(min=1)'''
LOSSES = frozenset({*_CALLS, "cross-entropy", "squared-error"})


def loss_text(name: str, params: Mapping[str, Any], *, all_labelled: bool) -> LossText:
    """How a loss of LOSSES is computed; `all_labelled`: every sample of the transfer set has its label."""
    if name == "cross-entropy":
        smoothing = float(params["label_smoothing"])
        if all_labelled:
            return LossText(_CROSS_ENTROPY.format(smoothing=f", label_smoothing={smoothing}" if smoothing else ""), {})
        call = f"labelled_cross_entropy(answers, labels, {smoothing})"
        return LossText(call, {"labelled_cross_entropy": _LABELLED_CROSS_ENTROPY})
    if name == "squared-error":
        return LossText("squared_error(answers, labels)", {"squared_error": _SQUARED_ERROR})
    function = name.replace("-", "_")
    return LossText(_CALLS[name].format(**params), definitions(function, function))


@cache
def definitions(module: str, name: str) -> dict[str, str]:
    """The source of a function of a loss's file, behind all that it calls there and in other losses' files."""
    text = (LOSS_FILES / f"{module}.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    own = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    constants = {
        target.id: node for node in tree.body if isinstance(node, ast.Assign) for target in node.targets
        if isinstance(target, ast.Name)
    }
    elsewhere = {
        alias.asname or alias.name: (node.module.removeprefix(_OURS), alias.name) for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(_OURS) for alias in node.names
    }
    found: dict[str, str] = {}

    def add(wanted: str) -> None:
        node = own[wanted]
        for used in dict.fromkeys(part.id for part in ast.walk(node) if isinstance(part, ast.Name)):
            if used in found or used == wanted:
                continue
            if used == "NO_LABEL":
                found[used] = f"NO_LABEL = {NO_LABEL}"
            elif used in constants:
                found[used] = ast.get_source_segment(text, constants[used]) or ""
            elif used in own:
                add(used)
            elif used in elsewhere:
                found.update(definitions(*elsewhere[used]))
        found[wanted] = ast.get_source_segment(text, node) or ""

    add(name)
    return found
