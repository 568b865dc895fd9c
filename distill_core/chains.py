"""Chains of compression steps as a form edits them: one for several variants and strengths; and the ready staircase."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from statistics import fmean
from typing import Any

from distill_core.catalog import Catalogue
from distill_core.rows import RunRow
from distill_core.spec import LONGEST_NAME

Json = dict[str, Any]
_STAIRS: tuple[tuple[tuple[str, Json], ...], ...] = (
    (("structured-pruning", {"ratio": 0.5}), ("magnitude-pruning", {"sparsity": 0.5})),
    (("fine-tuning", {"learn_from": "teacher"}),),
    (("static-int8", {}), ("dynamic-int8", {}), ("float16", {})),
)
"""The treads of the ready staircase; of each the first that the catalogue has and that fits."""
_ENDING = ", compressed"


@dataclass(frozen=True)
class ChainDraft:
    """Chains that differ only in the variant they begin with and in how strong some steps are."""

    of: tuple[str, ...]
    steps: tuple[Json, ...]
    seeds: str = "all"
    strengths: Mapping[int, tuple[Any, ...]] = field(default_factory=dict)
    """By a step's place: the values of its strength, where there are several."""


def unfold(drafts: Iterable[ChainDraft], catalogue: Catalogue) -> tuple[list[Json], list[int]]:
    """The chains that drafts stand for, and beside each the number of its draft.

    What was left empty stays in a chain as nothing, so that the check can name it.
    """
    chains: list[Json] = []
    origins: list[int] = []
    for number, draft in enumerate(drafts):
        places = [place for place in sorted(draft.strengths) if _strength(draft.steps[place], catalogue)]
        tried = [draft.strengths[place] or (None,) for place in places]
        for name in draft.of or ("",):
            for values in product(*tried):
                steps = [{"name": step["name"], "params": dict(step["params"])} for step in draft.steps]
                for place, value in zip(places, values, strict=True):
                    steps[place]["params"][_strength(draft.steps[place], catalogue)] = value
                chains.append({"of": name, "steps": steps, "seeds": draft.seeds})
                origins.append(number)
    return chains, origins


def fold(chains: Sequence[Json], catalogue: Catalogue) -> list[ChainDraft]:
    """The fewest drafts that unfold to exactly these chains, as far as neighbours can be put together."""
    single = [
        ChainDraft(
            of=(chain["of"],) if chain["of"] else (), seeds=chain.get("seeds", "all"),
            steps=tuple({"name": step["name"], "params": dict(step.get("params", {}))} for step in chain["steps"]),
        )
        for chain in chains
    ]
    found: list[ChainDraft] = []
    for one in single:
        joined = _stronger(found[-1], one, catalogue) if found else None
        found[-1:] = [joined] if joined else [*found[-1:], one]
    wide: list[ChainDraft] = []
    for one in found:
        before = wide[-1] if wide else None
        if before and before.of and one.of and replace(before, of=one.of) == one and not set(before.of) & set(one.of):
            wide[-1] = replace(before, of=before.of + one.of)
        else:
            wide.append(one)
    whole = [_comparable(chain) for chain in chains]
    return wide if [_comparable(chain) for chain in unfold(wide, catalogue)[0]] == whole else single


def _stronger(draft: ChainDraft, one: ChainDraft, catalogue: Catalogue) -> ChainDraft | None:
    """Both as one, if they differ in nothing but the strength of one step."""
    if draft.of != one.of or draft.seeds != one.seeds or len(draft.steps) != len(one.steps):
        return None
    differing = [place for place, step in enumerate(draft.steps) if step != one.steps[place]]
    if len(differing) != 1 or set(draft.strengths) - set(differing):
        return None
    (place,) = differing
    step, other = draft.steps[place], one.steps[place]
    name = _strength(step, catalogue)
    if step["name"] != other["name"] or not name or name not in step["params"] or name not in other["params"]:
        return None
    if {**step["params"], name: None} != {**other["params"], name: None}:
        return None
    values = draft.strengths.get(place, (step["params"][name],))
    return replace(draft, strengths={place: (*values, other["params"][name])})


def _comparable(chain: Json) -> Json:
    return {"of": chain["of"], "seeds": chain.get("seeds", "all"), "steps": [
        {"name": step["name"], "params": step.get("params", {})} for step in chain["steps"]
    ]}


def _strength(step: Json, catalogue: Catalogue) -> str:
    """The parameter that says how strong a step is; empty if none does or the catalogue does not know it."""
    return catalogue.compression[step["name"]].strength if step["name"] in catalogue.compression.names else ""


def ready_steps(catalogue: Catalogue, able: Collection[str]) -> tuple[Json, ...]:
    """Prune, fine-tune with the teacher, quantize: from what the catalogue has for these traits."""
    found: list[Json] = []
    for choices in _STAIRS:
        fitting = [
            (name, given) for name, given in choices
            if name in catalogue.compression.names and catalogue.compression[name].traits.issuperset(able)
        ]
        # Static quantization leaves recurrent layers, which such data usually need, as they are.
        if {"sequence", "text"} & set(able) and any(name == "dynamic-int8" for name, _ in fitting):
            fitting = [item for item in fitting if item[0] != "static-int8"]
        if fitting:
            name, given = fitting[0]
            params = catalogue.compression[name].resolve(given).model_dump(mode="json")
            found.append({"name": name, "params": params})
    return tuple(found)


def step_label(step: Json, catalogue: Catalogue) -> str:
    """A few words for what a step makes, as its runs are named; the title where its parameters make no sense."""
    entry = catalogue.compression[step["name"]]
    try:
        return str(entry.label.format(**step["params"])) or entry.title
    except (KeyError, TypeError, ValueError):
        return str(entry.title)


def best_variant(runs: Iterable[RunRow]) -> str:
    """The most accurate distilled student by the mean over its seeds; else the best alone, else the teacher."""
    scores: dict[tuple[str, str], list[float]] = {}
    for run in runs:
        if run.score is not None and math.isfinite(run.score) and run.role != "compressed":
            scores.setdefault((run.role, run.name), []).append(run.score)
    for role in ("student", "baseline"):
        mine = {name: fmean(found) for (of_role, name), found in scores.items() if of_role == role}
        if mine:
            return max(mine, key=lambda name: mine[name])
    return "teacher"


def compressed_name(name: str) -> str:
    """The name of an experiment that compresses what another one trained."""
    kept = name.removesuffix(_ENDING)
    return f"{kept[: LONGEST_NAME - len(_ENDING)].rstrip()}{_ENDING}"
