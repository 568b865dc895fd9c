"""The whole loop: train, correct answers, freeze them, train with them, read what they did."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from safetensors.numpy import load_file

from distill_core.correction_sets import read_set
from distill_core.errors import SpecError
from distill_core.evaluation.feedback import Feedback
from distill_core.events import DataLoaded, RunDeclared, RunFinished
from distill_core.folders import Home
from distill_core.pipeline import deep_check
from distill_core.services import Lab
from distill_core.spec import parse_spec
from distill_core.training.split import transfer_set
from tests.correction_samples import drawn, of_test
from tests.integration.pipeline_lab import PipelineLab

# Of which two are held back.
LEARNABLE = 7
# Chosen so that the rule of the content would have that upload learnt.
TINY = 1e-4


def trained(lab: PipelineLab, found: Lab, data: dict[str, Any], identity: str) -> str:
    """An experiment as the dispatcher would have had it run, in this process."""
    found.store.create(parse_spec(data), experiment_id=identity, created_at=1_790_000_000)
    assert lab.run(identity, data).outcome == "succeeded"
    found.store.ingest(identity)
    return identity


def accuracy(lab: PipelineLab, identity: str, name: str, seed: int) -> float:
    runs = {(run.name, run.seed): run.run_id for run in lab.told(identity, RunDeclared)}
    return next(run.accuracy for run in lab.told(identity, RunFinished) if run.run_id == runs[name, seed])


@pytest.fixture
def one_seed(spec_data: dict) -> dict:
    return spec_data | {"seeds": [0]}


def test_corrections_teach_the_next_experiment_which_tells_what_they_did(tmp_path: Path, one_seed: dict) -> None:
    # Compressed children too: they are fine-tuned and calibrated with corrections among the samples.
    steps = [{"name": "fine-tuning", "params": {"epochs": 1}}, {"name": "static-int8"}]
    one_seed["compression"] = {"chains": [{"of": "distilled", "steps": steps}]}
    lab, found = PipelineLab(tmp_path), Lab(Home(tmp_path))
    first = trained(lab, found, one_seed, "20260101-000000-aaaaaa")
    # What one network already answers: so it has another number right of the learnt than of those held back.
    runs = {run.name: run.run_id for run in lab.told(first, RunDeclared)}
    said = ask(lab, first, runs["alone"], np.stack([drawn(number).inputs for number in range(LEARNABLE)]))
    for number in range(LEARNABLE):
        found.corrections.add(first, drawn(number), said[number], answers={"alone": "1"})
    found.corrections.add(first, of_test(5), "9")
    digest = found.corrections.freeze(first)
    facts = found.corrections.frozen(digest)
    assert (facts.learnt, facts.held_back, facts.from_test) == (5, 3, 1)

    data = copy.deepcopy(one_seed)
    data["data"]["corrections"] = digest
    second = trained(lab, found, data, "20260102-000000-bbbbbb")
    told = {run.name: run for run in lab.told(second, RunDeclared)}
    assert told["alone"].samples_seen == "105 labelled images (5 of them corrected)"
    assert told["teacher"].samples_seen.endswith("(5 of them corrected)")
    assert not {run.run_id for run in lab.told(first, RunDeclared)} & {run.run_id for run in told.values()}
    assert [lab.told(one, DataLoaded)[0].validation for one in (first, second)] == [
        lab.told(first, DataLoaded)[0].validation
    ] * 2
    assert lab.told(second, DataLoaded)[0].train == 1157

    result = found.corrections.feedback(second)
    assert result is not None and result.notes == ()
    assert (result.experiment_id, result.learnt, len(result.held_back)) == (first, 5, 3)
    assert all(run.only_corrections for run in result.runs)
    assert [run.role for run in result.runs] == ["teacher", "baseline", "student", "student", *["compressed"] * 2]
    for run in result.runs:
        assert run.test_total == 640 and run.test_before is not None
        seed = run.seed
        assert run.test_before / 640 == pytest.approx(accuracy(lab, first, run.name, seed))
        assert run.test_after / 640 == pytest.approx(accuracy(lab, second, run.name, seed))
        assert run.test_after - run.test_before == (run.fixed or 0) - (run.broken or 0)
    assert_as_the_graphs_say(lab, result, first, second)
    alone = next(run for run in result.runs if run.name == "alone")
    assert alone.learnt_before == 5 and (alone.held_before or 0) <= 3
    assert "With 5 corrections learnt, accuracy of distilled on the test set " in result.sentence()


def ask(lab: PipelineLab, identity: str, run_id: str, inputs: np.ndarray) -> list[str]:
    """What an exported file answers, by plain ONNX Runtime."""
    session = onnxruntime.InferenceSession(str(lab.folder(identity).run(run_id).onnx))
    return [str(answer) for answer in session.run(None, {"pixels": inputs})[0].argmax(1)]


def assert_as_the_graphs_say(lab: PipelineLab, result: Feedback, first: str, second: str) -> None:
    """Counts before and after are those of the exported files."""
    held = read_set(lab.home, result.corrections)
    rows = [one.row for one in result.held_back]
    right = [one.label for one in result.held_back]
    assert rows == [row for row, one in enumerate(held.facts.samples) if not one.learnt]
    for run in result.runs:
        for identity, run_id, counted, named in (
            (first, run.before_run_id, run.held_before, run.answers_before),
            (second, run.run_id, run.held_after, run.answers_after),
        ):
            answers = ask(lab, identity, run_id, held.inputs[rows])
            assert list(named or ()) == answers
            assert counted == sum(mine == theirs for mine, theirs in zip(answers, right, strict=True))


def test_what_is_held_back_is_in_no_training_set(tmp_path: Path, one_seed: dict) -> None:
    home = Home(tmp_path)
    found = Lab(home)
    data = copy.deepcopy(one_seed) | {"name": "asked"}
    first = trained_nothing(found, data)
    for number in range(LEARNABLE):
        found.corrections.add(first, drawn(number), str(number))
    found.corrections.add(first, of_test(0), "3")
    # The same test image once more, as a stranger's upload that differs by less than a grey value.
    twin = of_test(1)
    found.corrections.add(first, drawn(0, inputs=twin.inputs + np.float32(TINY), source="upload"), "3")
    digest = found.corrections.freeze(first)
    frozen = read_set(home, digest)
    pixels = [np.round(row * 255).astype(np.uint8).tobytes() for row in frozen.inputs]
    test_pixels = {np.round(of_test(row).inputs * 255).astype(np.uint8).tobytes() for row in (0, 1)}
    taught = {
        image: one.label for image, one in zip(pixels, frozen.facts.samples, strict=True)
        if one.learnt and image not in test_pixels
    }
    held = set(pixels) - set(taught)
    assert test_pixels <= held and len(held) >= 4 and len(taught) >= 4
    withheld = next(iter(taught.values()))
    data["data"] |= {"corrections": digest, "withheld_classes": [withheld]}

    checked = deep_check(parse_spec(data), home=home)
    assert checked.corrections is not None
    assert checked.corrections.facts.learnt == len(taught)
    assert frozen.facts.learnt == len(taught) + 1
    assert checked.data.notes == (
        "1 correction is held back that would have been learnt: the same sample checks the networks.",
    )
    split, base = checked.split, 1157
    assert {row for row in split.teacher.tolist() if row >= base} == set(range(base, base + len(taught)))
    assert not [row for row in (*split.validation.tolist(), *split.learn.tolist()) if row >= base]
    assert {row.numpy().tobytes() for row in checked.data.train_rows(split.teacher)} & {*held, *taught} == {*taught}
    for kind in ("labelled", "all"):
        transfer = transfer_set(checked.data, split, checked.spec.data, seed=3, kind=kind)
        seen = [row.numpy().tobytes() for row in checked.data.train_rows(transfer.indices)]
        named = {image: str(int(label)) for image, label in zip(seen, transfer.labels, strict=True)}
        assert not set(seen) & held
        assert {image: named[image] for image in taught if image in named} == {
            image: label for image, label in taught.items() if label != withheld
        }


def trained_nothing(found: Lab, data: dict[str, Any]) -> str:
    """An experiment whose worker has told of its data and no more."""
    from tests.store_samples import write_events

    identity = "20260101-000000-aaaaaa"
    found.store.create(parse_spec(data), experiment_id=identity, created_at=1_790_000_000)
    loaded = DataLoaded(at=1.0, class_names=tuple("0123456789"), shape=(1, 8, 8), train=1157, validation=1, test=640)
    write_events(found.home, identity, loaded)
    found.store.ingest(identity)
    return identity


def test_a_third_experiment_keeps_what_the_second_learnt(tmp_path: Path, one_seed: dict) -> None:
    """Nothing that was learnt once may check a network later, and the other way round."""
    found = Lab(Home(tmp_path))
    first = trained_nothing(found, one_seed)
    for number in range(LEARNABLE):
        found.corrections.add(first, drawn(number), "3")
    data = copy.deepcopy(one_seed)
    data["data"]["corrections"] = found.corrections.freeze(first)
    second = "20260102-000000-bbbbbb"
    found.store.create(parse_spec(data), experiment_id=second, created_at=1_790_000_001)
    from tests.store_samples import write_events

    write_events(found.home, second, DataLoaded(
        at=1.0, class_names=tuple("0123456789"), shape=(1, 8, 8), train=1157, validation=1, test=640,
    ))  # fmt: skip
    found.store.ingest(second)
    for number in range(20, 30):
        found.corrections.add(second, drawn(number), "4")
    before = {one.sample_id: one.learnt for one in found.corrections.frozen(data["data"]["corrections"]).samples}
    third = found.corrections.frozen(found.corrections.freeze(second))
    now = {one.sample_id: one.learnt for one in third.samples}
    assert third.experiment_id == second and len(now) == 17
    assert {one: now[one] for one in before} == before
    assert sum(now.values()) == sum(before.values()) + 7


def test_other_settings_and_lost_networks_are_told(tmp_path: Path, one_seed: dict) -> None:
    lab, found = PipelineLab(tmp_path), Lab(Home(tmp_path))
    first = trained(lab, found, one_seed, "20260101-000000-aaaaaa")
    for number in range(3):
        found.corrections.add(first, drawn(number), "3")
    data = copy.deepcopy(one_seed)
    data["data"]["corrections"] = found.corrections.freeze(first)
    data["students"][1]["terms"][1]["weight"] = 0.5
    data["students"][2]["name"] = "renamed"
    alone = next(run.run_id for run in lab.told(first, RunDeclared) if run.name == "alone")
    lab.folder(first).run(alone).onnx.unlink()
    assert load_file(lab.folder(first).run(alone).model)
    second = trained(lab, found, data, "20260102-000000-bbbbbb")
    result = found.corrections.feedback(second)
    assert result is not None
    runs = {run.name: run for run in result.runs}
    assert runs["alone"].only_corrections and not runs["distilled"].only_corrections
    assert runs["alone"].held_before is not None, "without its graph the kept network is asked"
    assert runs["renamed"].test_before is None and runs["renamed"].held_before is None
    assert result.notes == ("renamed (seed 0) was not trained before, so it is compared with nothing.",)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"corrections": "0123456789abcdef"}, "There is no set of corrections '0123456789abcdef'"),
        ({"dataset": {"name": "digits-rows"}}, r"1 x 8 x 8 .image.+allowed: 8 x 8 .sequence"),
        ({"dataset": {"name": "diabetes"}}, "Only classes can be corrected"),
    ],
)
def test_a_set_that_is_missing_or_does_not_fit_is_one_sentence(
    tmp_path: Path, one_seed: dict, changes: dict, sentence: str
) -> None:
    from distill_core.training.corrected import find_set, with_corrections
    from distill_core.training.preparation import installed_catalogue

    found = Lab(Home(tmp_path))
    first = trained_nothing(found, one_seed)
    found.corrections.add(first, drawn(1), "3")
    data = one_seed["data"] | {"corrections": found.corrections.freeze(first)} | changes
    spec = parse_spec(one_seed | {"data": data})
    entry, params = installed_catalogue().datasets.resolve(spec.data.dataset)
    with pytest.raises(SpecError, match=sentence) as refused:
        with_corrections(entry.load(params, tmp_path), find_set(found.home, spec.data.corrections))
    assert [problem.field for problem in refused.value.problems] == ["data.corrections"]


def test_the_deep_check_refuses_a_damaged_set(tmp_path: Path, one_seed: dict) -> None:
    found = Lab(Home(tmp_path))
    first = trained_nothing(found, one_seed)
    found.corrections.add(first, drawn(1), "3")
    digest = found.corrections.freeze(first)
    path = found.home.corrections(digest)
    np.savez_compressed(path, inputs=drawn(2).inputs[None])
    data = one_seed | {"data": one_seed["data"] | {"corrections": digest}}
    with pytest.raises(SpecError, match="is damaged; start again"):
        deep_check(parse_spec(data), home=found.home)
