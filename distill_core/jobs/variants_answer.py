"""The preview's answer to what a generator makes of samples, and what the teacher says of it."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from distill_core.errors import Problem, SpecError
from distill_core.generators.variants import Originals, Variants
from distill_core.ingestion.examples import png_of
from distill_core.ingestion.words import words_of
from distill_core.signature import NO_LABEL
from distill_core.spec import Choice
from distill_core.training.normaliser import Normaliser
from distill_core.training.preparation import Checked
from distill_core.training.split import TransferSet
from distill_core.training.stream import VARIANTS
from distill_core.training.views import generator_for

SHOWN_SAMPLES, VARIANTS_OF_EACH = 4, 4
_BATCH, _LARGEST_POOL = 32, 2048
_MOST_ANSWERS = 5
# Small images are shown larger, pixel by pixel.
_SHORTEST_SIDE = 64
_NUMBERS_SHOWN = 24


@torch.no_grad()
def variants_answer(
    checked: Checked, generator: Choice, *, teacher: nn.Module | None = None, temperature: float = 4.0, seed: int = 0
) -> dict[str, Any]:
    """Four samples of the transfer set, each with four variants: their looks, their labels, the teacher's answers.

    {"kind", "task", "temperature", "taught", "samples": [{"original": shown, "variants": [shown, ...]}, ...]}, where
    shown is {"png": base64 or None, "text", "labels", "answers"}. Labels are [name, share] pairs. Answers are the five
    best [class, probability] at the temperature; of tagging the best one of each step; of a regression [name, value] in
    the data's own units; None without a teacher. Raises SpecError for a generator that does not fit.
    """
    entry, params = checked.catalogue.generators.resolve(generator)
    kind = checked.data.kind
    if kind not in entry.traits:
        able = [other.name for other in checked.catalogue.generators if kind in other.traits]
        remedy = f"Choose one made for {kind} data."
        raise SpecError([Problem("generator.name", generator.name, ", ".join(able), remedy)])
    showing = _Showing(checked, teacher, temperature)
    originals = _originals(checked, seed=seed)
    maker = entry.build(params)
    # As at the first steps of a training, but before any augmentation.
    made = [maker(originals, generator_for(seed, VARIANTS, number)) for number in range(VARIANTS_OF_EACH)]
    whole = showing.shown(Variants(inputs=originals.inputs, labels=originals.labels))
    varied = [showing.shown(variants) for variants in made]
    return {
        "kind": kind, "task": checked.data.task, "temperature": temperature, "taught": teacher is not None,
        "samples": [
            {"original": original, "variants": [variants[place] for variants in varied]}
            for place, original in enumerate(whole)
        ],
    }


def _originals(checked: Checked, *, seed: int) -> Originals:
    """A batch of the labelled transfer set, for a mixture needs partners, and some of the set to draw from."""
    data, normalise = checked.data, Normaliser(checked.data, torch.device("cpu"))
    transfer: TransferSet = checked.transfer(seed=checked.spec.seeds[0], kind="labelled")
    order = torch.randperm(len(transfer.indices), generator=generator_for(seed, VARIANTS))
    rows = order[:_BATCH]
    return Originals(
        inputs=normalise.raw(data.train_rows(transfer.indices[rows])), labels=transfer.labels[rows],
        pool=data.train_rows(transfer.indices[order[:_LARGEST_POOL]]), signature=data.signature,
    )


class _Showing:
    """Puts samples, labels and answers into JSON."""

    def __init__(self, checked: Checked, teacher: nn.Module | None, temperature: float) -> None:
        self.data, self.teacher, self.temperature = checked.data, teacher, temperature
        device = torch.device("cpu") if teacher is None else next(teacher.parameters()).device
        self.device, self.normalise = device, Normaliser(checked.data, device)

    def shown(self, variants: Variants) -> list[dict[str, Any]]:
        """The first of the batch, each as the answer shows it."""
        inputs, count = variants.inputs[:SHOWN_SAMPLES], min(SHOWN_SAMPLES, len(variants.inputs))
        answers = [None] * count if self.teacher is None else self._answers(self.teacher.eval(), inputs)
        return [
            {**self._picture(inputs[place]), "labels": self._labels(variants, place), "answers": answers[place]}
            for place in range(count)
        ]

    def _picture(self, one: Tensor) -> dict[str, Any]:
        if self.data.kind == "text":
            return {"png": None, "text": " ".join(words_of(one.tolist(), self.data.words))}
        if self.data.kind == "table":
            numbers = [f"{value:.3g}" for value in one[:_NUMBERS_SHOWN].tolist()]
            return {"png": None, "text": ", ".join(numbers) + (" …" if len(one) > _NUMBERS_SHOWN else "")}
        pixels = one if self.data.kind == "image" else _as_picture(one, self.data.mean, self.data.std)
        bytes_of_it = (pixels.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
        factor = -(-_SHORTEST_SIDE // min(bytes_of_it.shape[1:]))
        large = np.kron(bytes_of_it, np.ones((1, factor, factor), dtype=np.uint8))
        return {"png": base64.b64encode(png_of(large)).decode("ascii"), "text": ""}

    def _labels(self, variants: Variants, place: int) -> list[list[Any]]:
        """[name, share] of every label that counts; none of a sample without labels."""
        if variants.partner_labels is None or variants.share is None:
            return self._weighed(variants.labels[place], 1.0)
        share = float(variants.share[place])
        both = self._weighed(variants.labels[place], share)
        return both + self._weighed(variants.partner_labels[place], 1 - share)

    def _weighed(self, label: Tensor, share: float) -> list[list[Any]]:
        if self.data.task == "regression":
            if label.isnan().any():
                return []
            values = [f"{name} {value:.4g}" for name, value in self._in_own_units(label)]
            return [[", ".join(values), share]]
        known = [self.data.class_names[int(one)] for one in label.reshape(-1) if one != NO_LABEL]
        return [[" ".join(known), share]] if known else []

    def _answers(self, teacher: nn.Module, inputs: Tensor) -> list[list[list[Any]]]:
        logits = teacher(self.normalise(inputs.to(self.device))).float().cpu()
        if self.data.task == "regression":
            return [self._in_own_units(one) for one in logits]
        soft = (logits / self.temperature).softmax(-1)
        if self.data.task == "classification":
            return [self._best(one, _MOST_ANSWERS) for one in soft]
        # Padding is no step to be tagged.
        there = [int((one != 0).sum()) if self.data.kind == "text" else len(one) for one in inputs]
        return [[self._best(step, 1)[0] for step in one[:steps]] for one, steps in zip(soft, there, strict=True)]

    def _best(self, probabilities: Tensor, most: int) -> list[list[Any]]:
        values, classes = probabilities.topk(min(most, len(probabilities)))
        names = (self.data.class_names[index] for index in classes.tolist())
        return [[name, value] for name, value in zip(names, values.tolist(), strict=True)]

    def _in_own_units(self, values: Tensor) -> list[list[Any]]:
        own = values * torch.tensor(self.data.label_std or (1.0,)) + torch.tensor(self.data.label_mean or (0.0,))
        return [[name, value] for name, value in zip(self.data.class_names, own.tolist(), strict=True)]


def _as_picture(steps: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """A sequence [L,F] as a grey image [1,L,F] of 0..1, a row a step: two deviations below the mean are black."""
    lowest, spread = torch.tensor(mean) - 2 * torch.tensor(std), 4 * torch.tensor(std)
    return ((steps - lowest) / spread)[None]
