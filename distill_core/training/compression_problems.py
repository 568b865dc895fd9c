"""What of the compression cannot be done, which only the networks can tell."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING

from distill_core.compression_step import Around, CompressionRefused, NetworkStep, TrainingStep
from distill_core.datasets.samples import example_inputs
from distill_core.errors import Problem
from distill_core.plan import with_baselines
from distill_core.plan_compression import TEACHER, steps_of
from distill_core.spec import Chain, Choice

if TYPE_CHECKING:
    from distill_core.training.preparation import Checked


def compression_problems(checked: Checked) -> Iterator[Problem]:
    """Chains of nothing, and steps that no training of the network could make possible."""
    known = {TEACHER: checked.spec.teacher.architecture} | {
        student.name: student.architecture for student in with_baselines(checked.spec, checked.catalogue)
    }
    for number, chain in enumerate(checked.spec.compression.chains):
        at = f"compression.chains.{number}"
        if chain.of not in known:
            yield Problem(f"{at}.of", chain.of, ", ".join(known), "Name a variant of this experiment, or the teacher.")
        else:
            yield from _rehearse(chain, known[chain.of], checked, at)


def _rehearse(chain: Chain, architecture: Choice, checked: Checked, at: str) -> Iterator[Problem]:
    network = checked.network(architecture, seed=0).eval()
    around = Around(signature=checked.signature, example=example_inputs(checked.signature, 2))
    done: list[NetworkStep] = []
    for choice in steps_of(chain, checked.catalogue):
        entry, params = checked.catalogue.compression.resolve(choice)
        step = entry.build(params)
        try:
            if isinstance(step, NetworkStep):
                network = step.rehearse(network, around)
                done.append(step)
            elif isinstance(step, TrainingStep):
                # On a copy: what holds while it trains is gone afterwards.
                trained = copy.deepcopy(network)
                for earlier in done:
                    earlier.hold(trained)
        except CompressionRefused as error:
            yield Problem(f"{at}.steps", entry.title, "a step this network allows", error.sentence)
            return
