"""Chains as a form edits them: put together and taken apart without loss; the ready staircase; names."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill_core import compression
from distill_core.catalog import Catalogue
from distill_core.chains import (
    ChainDraft,
    best_variant,
    compressed_name,
    fold,
    ready_steps,
    step_label,
    unfold,
)
from distill_core.entries import Registry
from distill_core.spec import Compression
from tests.unit.chart_rows import run
from tests.unit.family_rows import stairs

NOTHING: Registry = Registry("loss", [])
CATALOGUE = Catalogue(**{one.name: NOTHING for one in fields(Catalogue)} | {"compression": compression.REGISTRY})
IMAGES = frozenset({"image", "classification"})


def pruning(sparsity: object, **more: object) -> dict:
    return {"name": "magnitude-pruning", "params": {"sparsity": sparsity, "scope": "global", "layers": [], **more}}


TUNING = {"name": "fine-tuning", "params": {"epochs": 3}}


def test_strengths_and_variants_become_chains_and_back() -> None:
    draft = ChainDraft(of=("a", "b"), steps=(pruning(0.3), TUNING), strengths={0: (0.3, 0.5, 0.7)})
    chains, origins = unfold([draft], CATALOGUE)
    assert [(chain["of"], chain["steps"][0]["params"]["sparsity"]) for chain in chains] == [
        ("a", 0.3), ("a", 0.5), ("a", 0.7), ("b", 0.3), ("b", 0.5), ("b", 0.7),
    ]
    assert origins == [0] * 6
    assert len(Compression.model_validate({"chains": chains}).chains) == 6
    assert fold(chains, CATALOGUE) == [draft]


def test_other_differences_stay_apart() -> None:
    chains = unfold([
        ChainDraft(of=("a",), steps=(pruning(0.3),)), ChainDraft(of=("a",), steps=(pruning(0.3), TUNING)),
        ChainDraft(of=("a",), steps=(pruning(0.3, scope="layer"),)),
        ChainDraft(of=("a",), steps=(pruning(0.5),), seeds="first"),
    ], CATALOGUE)[0]
    assert len(fold(chains, CATALOGUE)) == 4


VALUES = st.sampled_from([0.2, 0.5, 0.8])


@given(st.lists(st.builds(
    lambda of, values, tuned, seeds: ChainDraft(
        of=tuple(of), steps=(pruning(values[0]), *([TUNING] if tuned else [])), seeds=seeds,
        strengths={0: tuple(values)} if len(values) > 1 else {},
    ),
    st.lists(st.sampled_from("abc"), max_size=3, unique=True), st.lists(VALUES, min_size=1, max_size=3, unique=True),
    st.booleans(), st.sampled_from(["all", "first"]),
), max_size=4))
def test_folding_loses_nothing(drafts: list[ChainDraft]) -> None:
    chains, _ = unfold(drafts, CATALOGUE)
    again, origins = unfold(fold(chains, CATALOGUE), CATALOGUE)
    assert again == chains and len(origins) == len(chains)


def test_what_was_left_empty_stays_for_the_check_to_name() -> None:
    chains, _ = unfold([ChainDraft(of=(), steps=(pruning(0.3),), strengths={0: ()})], CATALOGUE)
    assert chains == [{"of": "", "steps": [pruning(None)], "seeds": "all"}]
    with pytest.raises(ValueError, match="choose what is compressed"):
        Compression.model_validate({"chains": [chains[0]]})
    with pytest.raises(ValueError, match="add a step"):
        Compression.model_validate({"chains": [{"of": "a", "steps": []}]})


def test_the_staircase_prunes_tunes_and_quantizes_with_what_there_is() -> None:
    steps = ready_steps(CATALOGUE, IMAGES)
    assert steps[-2]["name"] == "fine-tuning" and steps[-2]["params"]["learn_from"] == "teacher"
    for step in steps:
        entry, _ = CATALOGUE.compression[step["name"]], CATALOGUE.compression[step["name"]].resolve(step["params"])
        assert entry.traits >= IMAGES
    kinds = [CATALOGUE.compression[step["name"]].traits & {"network", "trains", "file"} for step in steps]
    assert kinds == [{"network"}, {"trains"}, {"file"}]
    none = Registry("compression step", [CATALOGUE.compression["fine-tuning"]])
    small = replace(CATALOGUE, compression=none)
    assert [step["name"] for step in ready_steps(small, IMAGES)] == ["fine-tuning"]
    assert ready_steps(CATALOGUE, frozenset({"text", "classification"}))[-1]["name"] == "dynamic-int8"


def test_labels_are_those_of_the_runs() -> None:
    assert step_label(pruning(0.5), CATALOGUE) == "50% zeros"
    assert step_label(pruning("x"), CATALOGUE) == CATALOGUE.compression["magnitude-pruning"].title
    assert step_label({"name": "iterative-pruning", "params": {}}, CATALOGUE) == "Iterative pruning"


def test_the_best_distilled_student_comes_first() -> None:
    rows = [*stairs(), run("student", "better", 0, accuracy=0.97)]
    assert best_variant(rows) == "better"
    assert best_variant([row for row in rows if row.role in ("teacher", "baseline")]) == "alone"
    assert best_variant([]) == "teacher"


def test_names_end_once_and_fit() -> None:
    assert compressed_name("Digits") == "Digits, compressed" == compressed_name("Digits, compressed")
    assert len(compressed_name("x" * 80)) == 80 and compressed_name("x" * 80).endswith(", compressed")
