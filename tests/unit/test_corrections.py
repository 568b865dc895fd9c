"""Corrections of an experiment: what may be corrected, undo, export, and which samples the next one learns from."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill_core.correction_sets import CorrectionsUnusable, learnt_of, read_set, sample_id
from distill_core.errors import Conflict, DataError, LabError, NotFound
from distill_core.event_log import EventLog
from distill_core.events import DataLoaded
from distill_core.folders import Home
from distill_core.services import Lab
from distill_core.signature import InputKind
from distill_core.trying import Sample
from tests.correction_samples import drawn
from tests.store_samples import small_spec

IDENTITY = "20260101-000000-aaaaaa"


def experiment(
    home: Home, *, kind: InputKind = "image", shape: tuple[int, ...] = (1, 8, 8), names: tuple[str, ...] = (),
    task: Any = "classification", identity: str = IDENTITY, **data: Any,
) -> Lab:
    """An experiment whose worker has read its data."""
    found = Lab(home, clock=iter(range(1_790_000_000, 1_790_100_000)).__next__)
    spec = small_spec(data={"dataset": {"name": "digits"}} | data)
    found.store.create(spec, experiment_id=identity, created_at=1_790_000_000)
    log = EventLog(home.experiment(identity).events)
    log(DataLoaded(
        at=1.0, class_names=names or tuple("0123456789"), shape=shape, train=100, validation=10, test=50, task=task,
        input_kind=kind,
    ))  # fmt: skip
    log.close()
    found.store.ingest(identity)
    return found


@pytest.fixture
def home(tmp_path: Any) -> Home:
    return Home(tmp_path)


def test_a_correction_keeps_where_it_came_from_and_what_was_answered(home: Home) -> None:
    corrections = experiment(home).corrections
    corrections.add(IDENTITY, drawn(1, source="camera"), "7", answers={"teacher": "1", "alone": "9"})
    corrections.add(IDENTITY, drawn(2, source="test", test_index=33), "4")
    newest, oldest = corrections.all(IDENTITY)
    assert (oldest.label, oldest.source, oldest.answers) == ("7", "camera", {"teacher": "1", "alone": "9"})
    assert (newest.label, newest.source, newest.test_index) == ("4", "test", 33)
    assert newest.at > oldest.at
    assert oldest.png is not None and oldest.png.startswith(b"\x89PNG")


def test_removing_can_be_undone_and_nothing_is_lost(home: Home) -> None:
    corrections = experiment(home).corrections
    kept = corrections.add(IDENTITY, drawn(1), "7", answers={"alone": "1"})
    corrections.remove(IDENTITY, kept.correction_id)
    assert corrections.all(IDENTITY) == [] and corrections.find(IDENTITY, drawn(1).inputs) is None
    corrections.restore(IDENTITY, kept.correction_id)
    assert corrections.all(IDENTITY) == [kept] == [corrections.find(IDENTITY, drawn(1).inputs)]
    with pytest.raises(NotFound, match=r"has no correction '\.\./\.\./spec'"):
        corrections.remove(IDENTITY, "../../spec")


def test_the_same_sample_twice_is_one_sentence_and_may_change_its_class_once_removed(home: Home) -> None:
    corrections = experiment(home).corrections
    first = corrections.add(IDENTITY, drawn(1), "7")
    with pytest.raises(Conflict, match="among the corrections already, as '7'"):
        corrections.add(IDENTITY, drawn(1, source="upload"), "3")
    assert [one.label for one in corrections.all(IDENTITY)] == ["7"]
    corrections.remove(IDENTITY, first.correction_id)
    corrections.add(IDENTITY, drawn(1), "3")
    assert [one.label for one in corrections.all(IDENTITY)] == ["3"]


NAN = np.full((1, 8, 8), np.nan, dtype=np.float32)


@pytest.mark.parametrize(
    ("sample", "label", "sentence"),
    [
        (drawn(1), "ten", r"There is no class 'ten'; allowed: 0, 1, 2"),
        (drawn(0, inputs=np.zeros((1, 8, 8), np.float32)), "1", "This image is blank"),
        (drawn(0, inputs=np.full((1, 8, 8), 0.5, np.float32)), "1", "This image is blank"),
        (drawn(0, inputs=np.ones((3, 8, 8), np.float32)), "1", "has the size 3 x 8 x 8; allowed: 1 x 8 x 8"),
        (drawn(0, inputs=NAN), "1", "numbers that are not finite"),
    ],
)
def test_what_cannot_be_corrected_is_one_sentence_and_nothing_is_kept(
    home: Home, sample: Sample, label: str, sentence: str
) -> None:
    corrections = experiment(home).corrections
    with pytest.raises(DataError, match=sentence):
        corrections.add(IDENTITY, sample, label)
    assert corrections.all(IDENTITY) == []
    with pytest.raises(NotFound):
        corrections.add("nothing-here", drawn(1), "1")


def test_other_tasks_and_blank_texts_are_refused_and_texts_and_tables_kept(home: Home) -> None:
    with pytest.raises(DataError, match="answers of a regression have no class"):
        experiment(home, task="regression", identity="a").corrections.add("a", drawn(1), "1")
    texts = experiment(home, kind="text", shape=(4,), names=("bad", "good"), identity="b").corrections
    with pytest.raises(DataError, match="This text is blank"):
        texts.add("b", drawn(0, inputs=np.zeros(4, np.int64), source="typed"), "good")
    texts.add("b", drawn(0, inputs=np.array([5, 2, 0, 0]), source="typed", text="so good"), "good")
    assert [(one.text, one.png) for one in texts.all("b")] == [("so good", None)]
    tables = experiment(home, kind="table", shape=(2,), names=("x", "y"), identity="c").corrections
    tables.add("c", drawn(0, inputs=np.zeros(2, np.float32), source="typed"), "y")
    for found, identity, dtype in ((texts, "b", np.int64), (tables, "c", np.float32)):
        assert read_set(home, found.freeze(identity)).inputs.dtype == dtype


def test_an_experiment_that_has_read_nothing_yet_says_so(home: Home) -> None:
    found = Lab(home)
    found.store.create(small_spec(), experiment_id=IDENTITY, created_at=1.0)
    with pytest.raises(Conflict, match="has not read its data yet"):
        found.corrections.add(IDENTITY, drawn(1), "1")


def test_an_export_holds_everything_and_no_formula(home: Home) -> None:
    corrections = experiment(home, names=("=1+1", "b")).corrections
    corrections.add(IDENTITY, drawn(1), "=1+1", answers={"@SUM(A1)": "b"})
    gone = corrections.add(IDENTITY, drawn(2), "b")
    corrections.remove(IDENTITY, gone.correction_id)
    content = corrections.export(IDENTITY)
    assert content == corrections.export(IDENTITY), "equal corrections are equal files"
    archive = zipfile.ZipFile(io.BytesIO(content))
    root, name = f"corrections-{IDENTITY}", sample_id(drawn(1).inputs)
    assert set(archive.namelist()) == {
        f"{root}/{file}" for file in ("corrections.csv", "corrections.json", "inputs.npz", f"images/{name}.png")
    }
    rows = list(csv.DictReader(io.StringIO(archive.read(f"{root}/corrections.csv").decode("utf-8-sig"))))
    assert [(row["id"], row["right_class"], row["answers"]) for row in rows] == [(name, "'=1+1", "'@SUM(A1): b")]
    listed = json.loads(archive.read(f"{root}/corrections.json"))["corrections"]
    assert [(one["id"], one["label"], one["answers"]) for one in listed] == [(name, "=1+1", {"@SUM(A1)": "b"})]
    arrays = np.load(io.BytesIO(archive.read(f"{root}/inputs.npz")))
    assert np.array_equal(arrays[name], drawn(1).inputs)


def test_a_frozen_set_is_named_by_its_content_and_a_later_correction_leaves_it_alone(home: Home) -> None:
    corrections = experiment(home).corrections
    for number in range(10):
        corrections.add(IDENTITY, drawn(number), "7")
    digest = corrections.freeze(IDENTITY)
    assert digest == corrections.freeze(IDENTITY)
    held = read_set(home, digest)
    assert (held.facts.learnt, held.facts.held_back) == (7, 3)
    assert [sample_id(row) for row in held.inputs] == [one.sample_id for one in held.facts.samples]
    corrections.add(IDENTITY, drawn(99), "7")
    assert corrections.freeze(IDENTITY) != digest and len(read_set(home, digest).inputs) == 10


def test_test_samples_alone_make_no_set(home: Home) -> None:
    corrections = experiment(home).corrections
    corrections.add(IDENTITY, drawn(1, source="test", test_index=0), "7")
    with pytest.raises(Conflict, match="test samples never teach"):
        corrections.freeze(IDENTITY)
    assert not list(home.path.glob("corrections/*"))
    corrections.add(IDENTITY, drawn(2), "7")
    facts = corrections.frozen(corrections.freeze(IDENTITY))
    assert (facts.learnt, facts.held_back, facts.from_test) == (1, 1, 1)


@pytest.mark.parametrize("hurt", ["inputs", "facts", "gone", "label"])
def test_a_set_that_was_touched_is_not_used(home: Home, hurt: str) -> None:
    corrections = experiment(home).corrections
    corrections.add(IDENTITY, drawn(1), "7")
    digest = corrections.freeze(IDENTITY)
    path, facts = home.corrections(digest), home.corrections(digest).with_suffix(".json")
    if hurt == "inputs":
        path.write_bytes(path.read_bytes()[:-40])
    elif hurt == "facts":
        facts.write_text("{")
    elif hurt == "gone":
        path.unlink()
    else:
        facts.write_text(facts.read_text().replace('"7"', '"8"'))
    with pytest.raises(CorrectionsUnusable, match="start again from the experiment"):
        read_set(home, digest)


def test_a_lost_input_names_the_correction(home: Home) -> None:
    corrections = experiment(home).corrections
    kept = corrections.add(IDENTITY, drawn(1), "7")
    (home.experiment(IDENTITY).corrections / f"{kept.correction_id}.npz").unlink()
    for act in (corrections.freeze, corrections.export):
        with pytest.raises(CorrectionsUnusable, match=f"input of correction {kept.correction_id} is lost"):
            act(IDENTITY)


def test_a_spec_whose_set_is_missing_is_refused_before_launch(home: Home) -> None:
    found = experiment(home)
    spec = small_spec(data={"dataset": {"name": "digits"}, "corrections": "0123456789abcdef"})
    problems = list(found.corrections.problems(spec))
    assert [problem.field for problem in problems] == ["data.corrections"]
    assert not list(found.corrections.problems(small_spec()))
    with pytest.raises(LabError, match="16 hexadecimal digits"):
        small_spec(data={"dataset": {"name": "digits"}, "corrections": "../x"})


ids = st.lists(st.integers(0, 2**64 - 1).map(lambda number: f"{number:016x}"), max_size=40, unique=True)


@given(names=ids, data=st.data())
def test_who_learns_and_who_is_held_back(names: list[str], data: st.DataObject) -> None:
    """About 30% held back, one at least of two; test samples always; what was decided once stays."""
    of_test = data.draw(st.sets(st.sampled_from(names))) if names else set()
    samples = [(name, 0 if name in of_test else None) for name in names]
    found = learnt_of(samples)
    assert found == learnt_of(samples[::-1])
    assert not any(found[name] for name in of_test)
    free = [name for name in names if name not in of_test]
    held = sum(not found[name] for name in free)
    assert held == (max(1, round(0.3 * len(free))) if len(free) > 1 else 0)
    assert len(free) == 0 or held < len(free)
    more = learnt_of([*samples, ("x" * 16, None), ("y" * 16, None)], found)
    assert {name: more[name] for name in names} == found
    assert [more["x" * 16], more["y" * 16]] == [False, True]
