"""The registries and their JSON: what is refused, what survives the wire, what adding a plug-in takes."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from distill_core import losses
from distill_core.catalog import Catalogue
from distill_core.entries import Entry, LossEntry, Params, Registry, discover
from distill_core.errors import SpecError, UnknownName
from distill_core.pipeline import installed_catalogue
from distill_core.signature import INPUT_KINDS, TASKS
from distill_core.spec import Choice

REAL = installed_catalogue()
WIRED = Catalogue.from_json(json.loads(json.dumps(REAL.to_json())))
KINDS = ("architectures", "datasets", "losses", "generators", "compression", "executors", "exporters")
ENTRIES = [(kind, entry) for kind in KINDS for entry in getattr(REAL, kind)]
IDS = [f"{kind}-{entry.name}" for kind, entry in ENTRIES]
every_entry = pytest.mark.parametrize(("kind", "entry"), ENTRIES, ids=IDS)
EDGES = {"minimum": (-1, 0), "exclusiveMinimum": (0,), "maximum": (1, 0), "exclusiveMaximum": (0,)}


def refusal(entry: Entry, params: dict[str, Any]) -> str | None:
    try:
        entry.resolve(params)
    except SpecError as error:
        return error.sentence
    return None


def bad_values(field: dict[str, Any]) -> list[Any]:
    """Values that a field's schema forbids, or that come close to it."""
    options = field.get("anyOf", [field])
    values: list[Any] = ["nonsense", [], {}, float("nan"), float("inf"), -(10**12), 10**12, 1.5, True, None, ""]
    for option in options:
        values += [option[bound] + step for bound, steps in EDGES.items() for step in steps if bound in option]
    return values


def test_there_is_something_to_choose_from() -> None:
    for kind in KINDS:
        assert len(getattr(REAL, kind)) >= 1, kind


def test_two_entries_of_one_name_are_refused() -> None:
    entry = next(iter(REAL.losses))
    with pytest.raises(ValueError, match=f"two loss entries are named '{entry.name}'"):
        Registry("loss", [entry, entry])


def test_an_unknown_name_lists_the_close_ones() -> None:
    with pytest.raises(UnknownName) as refused:
        REAL.losses["cross-entropi"]
    assert refused.value.sentence.startswith("There is no loss named 'cross-entropi'; did you mean cross-entropy")
    with pytest.raises(UnknownName) as refused:
        REAL.losses["qqqqqqqq"]
    assert all(name in refused.value.sentence for name in REAL.losses.names)


def test_the_json_round_trip_changes_nothing() -> None:
    assert WIRED.to_json() == REAL.to_json()
    for kind in KINDS:
        assert getattr(WIRED, kind).names == getattr(REAL, kind).names


@every_entry
def test_defaults_are_the_same_on_both_sides(kind: str, entry: Entry) -> None:
    wired = getattr(WIRED, kind)[entry.name]
    required = entry.params.model_json_schema().get("required", ())
    params = {name: "somewhere" for name in required}
    assert wired.resolve(params).model_dump(mode="json") == entry.resolve(params).model_dump(mode="json")
    assert wired.traits == entry.traits


@every_entry
def test_bad_parameters_give_the_same_sentence_on_both_sides(kind: str, entry: Entry) -> None:
    wired = getattr(WIRED, kind)[entry.name]
    schema = entry.params.model_json_schema()
    required = {name: "somewhere" for name in schema.get("required", ())}
    cases = [{"no_such_field": 1}]
    cases += [{name: value} for name, field in schema.get("properties", {}).items() for value in bad_values(field)]
    if required:
        cases.append({})
        assert refusal(entry, {}) is not None
    refused = 0
    for case in cases:
        params = case if case == {} else required | case
        ours = refusal(entry, params)
        assert refusal(wired, params) == ours, params
        refused += ours is not None
    assert refused >= 1, "the unknown field at least"


@every_entry
def test_every_field_is_flat_and_described(kind: str, entry: Entry) -> None:
    schema = entry.params.model_json_schema()
    assert "$defs" not in schema
    for name, field in schema.get("properties", {}).items():
        assert field.get("description"), f"{kind} {entry.name}: {name} needs a description"
    assert issubclass(entry.params, Params)
    assert entry.title and entry.summary and entry.source


@pytest.mark.parametrize("dataset", list(REAL.datasets), ids=REAL.datasets.names)
def test_for_every_data_there_is_a_network_a_loss_alone_and_a_teachers_loss(dataset: Entry) -> None:
    assert dataset.traits & set(INPUT_KINDS) and dataset.traits & set(TASKS)
    fields = dataset.params.model_json_schema().get("properties", {})
    for several, parameter in ((INPUT_KINDS, "kind"), (TASKS, "task")):
        offered = dataset.traits & set(several)
        if len(offered) > 1:
            assert set(fields[parameter]["enum"]) == offered, "a parameter tells which"
    for task in dataset.traits & set(TASKS):
        assert [loss.name for loss in REAL.losses if {"alone", task} <= loss.traits] == [REAL.alone_loss(task)]
        assert [loss for loss in REAL.losses if {"teacher", task} <= loss.traits]


@pytest.mark.parametrize("dataset", list(REAL.datasets), ids=REAL.datasets.names)
def test_both_sides_tell_the_kind_and_task_of_every_data(dataset: Entry) -> None:
    required = {name: "somewhere" for name in dataset.params.model_json_schema().get("required", ())}
    fields = dataset.params.model_json_schema().get("properties", {})
    for kind in fields.get("kind", {}).get("enum", [None]):
        for task in fields.get("task", {}).get("enum", [None]):
            told = {name: value for name, value in (("kind", kind), ("task", task)) if value and name in fields}
            choice = Choice(name=dataset.name, params=required | told)
            assert WIRED.input_kind(choice) == REAL.input_kind(choice)
            assert WIRED.task(choice) == REAL.task(choice)
            if told.get("kind"):
                assert WIRED.input_kind(choice) == told["kind"]
            if told.get("task"):
                assert WIRED.task(choice) == told["task"]


def test_a_refused_parameter_is_named_with_its_entry() -> None:
    with pytest.raises(SpecError) as refused:
        REAL.losses.resolve(Choice(name="kd", params={"temperature": 0}))
    assert refused.value.sentence == "kd.params.temperature is 0; allowed: a value above 0. The default is 4.0."


NEW_LOSS = '''
"""A loss of one file: the mean absolute distance of the logits."""

from distill_core.entries import LossEntry, Params


class MaeLogitsParams(Params):
    pass


def build(params, shapes):
    return lambda step: (step.student_logits - step.teacher().detach()).abs().mean()


ENTRY = LossEntry(
    name="mae-logits", title="Logit regression (MAE)", summary="Absolute distance.", source="https://example.org",
    params=MaeLogitsParams, traits=frozenset({"teacher", "regression"}), build=build,
)
'''


def copy_losses(folder: Path) -> Path:
    """The real plug-in package under another name, as it lies on disk."""
    source = Path(losses.__file__).parent
    package = folder / "copied_losses"
    package.mkdir()
    for file in source.glob("*.py"):
        shutil.copy(file, package / file.name)
    (package / "__init__.py").write_text("", encoding="utf-8")
    return package


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    package = copy_losses(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield package
    for name in [name for name in sys.modules if name.partition(".")[0] == package.name]:
        del sys.modules[name]


def test_adding_a_loss_is_one_new_file(copied: Path) -> None:
    before = discover("loss", "copied_losses", [str(copied)], LossEntry)
    assert before.names == REAL.losses.names
    (copied / "mae_logits.py").write_text(NEW_LOSS, encoding="utf-8")
    importlib.invalidate_caches()
    after = discover("loss", "copied_losses", [str(copied)], LossEntry)
    assert sorted(after.names) == sorted([*before.names, "mae-logits"])
    wired = Catalogue.from_json(replace(REAL, losses=after).to_json())
    assert "teacher" in wired.losses["mae-logits"].traits


def test_a_plug_in_of_the_wrong_kind_is_refused(copied: Path) -> None:
    (copied / "wrong.py").write_text("ENTRY = 'not an entry'\n", encoding="utf-8")
    importlib.invalidate_caches()
    with pytest.raises(TypeError, match="not a LossEntry"):
        discover("loss", "copied_losses", [str(copied)], LossEntry)
