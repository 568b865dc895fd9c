"""Networks are examined by the worker: what is found, what is left alone, and how it goes on after a stop."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch

from distill_core.errors import Conflict
from distill_core.events import Noted, RunDeclared, RunFinished, StepChanged
from distill_core.examination import maps
from distill_core.examined import PARTS, Attention, Examined, LossLine, Maps, Robustness, Similarity
from distill_core.folders import read_json
from distill_core.pipeline import examining
from tests.conftest import tiny_spec_data
from tests.integration.pipeline_lab import PipelineLab
from tests.integration.test_pipeline_tasks import experiment, loss, student

E = TypeVar("E", bound=Examined)


def request(seed: int = 0) -> dict[str, Any]:
    return {"examine": {"seed": seed}, "train": False, "before": {"state": "succeeded", "reason": ""}}


def found(lab: PipelineLab, kind: type[E], name: str = "one", *, seed: int = 0) -> E:
    return kind.model_validate(read_json(lab.folder(name).examination(seed, kind.part)))


def bytes_of(lab: PipelineLab) -> dict[str, str]:
    """Digests of everything that training and export left."""
    runs = lab.folder("one").path / "runs"
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in runs.rglob("*") if path.is_file()}


def without_times(lab: PipelineLab) -> dict[str, Any]:
    """What was found, without how long it took."""
    places = [lab.folder("one").examination(0, kind.part) for kind in PARTS]
    return {place.name: read_json(place) | {"seconds": 0} for place in places if place.exists()}


@pytest.fixture(autouse=True)
def _short_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As few steps of t-SNE as scikit-learn takes; how good its maps are is not asked here."""
    monkeypatch.setattr(maps, "_ITERATIONS", 250)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> PipelineLab:
    torch.set_num_threads(1)
    lab = PipelineLab(tmp_path_factory.mktemp("examined"))
    assert lab.run("one", tiny_spec_data() | {"seeds": [0]}).outcome == "succeeded"
    return lab


def test_an_examination_finds_all_parts_and_changes_nothing_else(trained: PipelineLab) -> None:
    lab, spec = trained, tiny_spec_data() | {"seeds": [0]}
    before = bytes_of(lab)
    assert lab.run("one", spec, request=request()).outcome == "succeeded"
    assert bytes_of(lab) == before, "no weights, no answers, no file of a run, no further run"
    runs = {run.run_id: run for run in lab.told("one", RunDeclared)}
    robust = found(lab, Robustness)
    names = [(one.role, one.name) for one in robust.networks]
    assert names[:2] == [("teacher", "teacher"), ("baseline", "alone")]
    assert sorted(names[2:4]) == [("student", "distilled"), ("student", "distilled, all")]
    (quantized,) = robust.networks[4:]
    assert quantized.role == "compressed" and quantized.made_here and quantized.of == robust.networks[2].run_id
    assert {one.run_id for one in robust.networks[:4]} <= set(runs)
    assert {curve.kind for curve in robust.curves} == {"noise", "blur", "brightness", "occlusion"}
    assert (robust.samples, robust.counted) == (640, 640)
    accuracy = {run.run_id: run.accuracy for run in lab.told("one", RunFinished)}
    for curve in robust.curves:
        assert len(curve.values) == len(curve.strengths) == 6 and curve.strengths[0] == 0
        if curve.run_id in accuracy:
            assert curve.values[0] == pytest.approx(accuracy[curve.run_id]), "undisturbed it is the test accuracy"
    pair = found(lab, Similarity).pairs[0]
    assert pair.rows[-1] == pair.columns[-1] == "answer" and "0 Conv2d" in pair.rows
    assert all(0 <= value <= 1 for row in pair.values for value in row if value is not None)
    assert not any("Flatten" in layer for layer in pair.rows), "what only reshapes is no layer of its own"
    laid_out = found(lab, Maps)
    assert [(cloud.run_id, cloud.method) for cloud in laid_out.clouds] == [
        (one.run_id, method) for one in robust.networks[:3] for method in ("pca", "tsne")
    ]
    assert all(len(cloud.points) == len(laid_out.labels) == 400 for cloud in laid_out.clouds)
    looks = found(lab, Attention)
    assert len(looks.subjects) == 6 and all(len(subject.looks) == 4 for subject in looks.subjects)
    assert not looks.missing and set(looks.layers) == {one.run_id for one in robust.networks[:4]}
    line = found(lab, LossLine)
    assert runs[line.alone].name == "alone" and line.distilled == robust.networks[2].run_id
    ends = {point.a: point.accuracy for point in line.points}
    assert (ends[0.0], ends[1.0]) == pytest.approx((accuracy[line.alone], accuracy[line.distilled]))
    steps = [step for step in lab.told("one", StepChanged) if step.step == "examination"]
    assert steps[-1].state == "finished" and steps[-1].done == steps[-1].total > 60
    dones = [step.done for step in steps if step.state == "running"]
    assert dones == sorted(dones)


def test_a_stopped_examination_goes_on_and_gives_what_an_uninterrupted_one_gives(trained: PipelineLab) -> None:
    lab, spec = trained, tiny_spec_data() | {"seeds": [0]}
    lab.run("one", spec, request=request())
    whole = without_times(lab)
    assert len(whole) == len(PARTS)
    for kind in PARTS:
        lab.folder("one").examination(0, kind.part).unlink()

    def after_robustness() -> bool:
        return lab.folder("one").examination(0, Robustness.part).exists()

    assert lab.run("one", spec, request=request(), stop=after_robustness).outcome == "cancelled"
    assert set(without_times(lab)) == {"robustness.json"}, "the next part was told to stop and left nothing"
    kept = lab.folder("one").examination(0, Robustness.part)
    touched = kept.stat().st_mtime_ns
    assert lab.run("one", spec, request=request()).outcome == "succeeded"
    assert without_times(lab) == whole, "bit by bit"
    assert kept.stat().st_mtime_ns == touched, "what was finished is not done again"
    # Damaged, or of other weights, it is.
    kept.write_text(json.dumps(read_json(kept) | {"digest": "of other weights"}))
    lab.folder("one").examination(0, Maps.part).write_text("{")
    lab.run("one", spec, request=request())
    assert without_times(lab) == whole


def test_one_parts_trouble_costs_no_other_part(trained: PipelineLab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab, spec = trained, tiny_spec_data() | {"seeds": [0]}
    for kind in PARTS:
        lab.folder("one").examination(0, kind.part).unlink(missing_ok=True)

    def breaks(bench: object) -> None:
        raise RuntimeError("a layer of another world")

    monkeypatch.setattr(examining, "PARTS", tuple(
        replace(part, examine=breaks) if part.kind in (Similarity, Maps) else part for part in examining.PARTS
    ))
    with pytest.raises(RuntimeError, match="another world"):
        lab.run("one", spec, request=request())
    assert set(without_times(lab)) == {f"{kind.part}.json" for kind in PARTS if kind not in (Similarity, Maps)}
    told = [note.text for note in lab.told("one", Noted)]
    assert "More of the examination failed: a layer of another world" in told, "the second is not kept silent"


def test_weights_that_were_let_go_of_are_left_out_and_without_any_student_it_is_refused(
    trained: PipelineLab,
) -> None:
    lab, spec = trained, tiny_spec_data() | {"seeds": [0]}
    ids = {run.name: run.run_id for run in lab.told("one", RunDeclared)}
    models = {name: lab.folder("one").run(run_id).model for name, run_id in ids.items()}
    held = {name: path.read_bytes() for name, path in models.items()}
    try:
        models["alone"].unlink()
        lab.run("one", spec, request=request())
        assert "alone" not in {one.name for one in found(lab, Robustness).networks}
        assert any("The network of alone (seed 0) was let go of" in note for note in found(lab, Robustness).notes)
        assert "the same network trained alone" in found(lab, LossLine).absent
        for name in ("distilled", "distilled, all"):
            models[name].unlink()
        with pytest.raises(Conflict, match="No student's network of seed 0 is kept"):
            lab.run("one", spec, request=request())
    finally:
        for name, path in models.items():
            path.write_bytes(held[name])
    assert any("let go of" in note.text for note in lab.told("one", Noted))


LSTM = {"name": "lstm", "params": {"hidden": 8}}


def tags() -> dict[str, Any]:
    return experiment(
        "digits-tagging", {"name": "lstm", "params": {"hidden": 12}},
        student("alone", LSTM, loss("cross-entropy")), student("taught", LSTM, loss("kd")),
    )


def values() -> dict[str, Any]:
    return experiment(
        "diabetes", {"name": "mlp", "params": {"hidden": 16}},
        student("alone", {"name": "mlp", "params": {"hidden": 4}}, loss("squared-error")),
        student("taught", {"name": "mlp", "params": {"hidden": 4}}, loss("mse-logits")),
    )


@pytest.mark.parametrize(
    ("make", "kinds", "absent"),
    [(tags, {"value-noise", "missing"}, {Attention, Maps}), (values, {"value-noise", "missing"}, {Attention})],
)
def test_other_kinds_of_experiments_say_what_does_not_apply(
    tmp_path: Path, make: Callable[[], dict[str, Any]], kinds: set[str], absent: set[type[Examined]]
) -> None:
    torch.set_num_threads(1)
    lab, spec = PipelineLab(tmp_path), make()
    assert lab.run("one", spec).outcome == "succeeded"
    assert lab.run("one", spec, request=request()).outcome == "succeeded"
    for kind in PARTS:
        assert bool(found(lab, kind).absent) == (kind in absent), kind.part
    robust = found(lab, Robustness)
    assert {curve.kind for curve in robust.curves} == kinds
    scores = {
        run.run_id: run.r2 if robust.metric == "r2" else run.accuracy for run in lab.told("one", RunFinished)
    }
    assert robust.metric == ("r2" if spec["name"] == "diabetes" else "accuracy")
    for curve in robust.curves:
        if curve.run_id in scores:
            assert curve.values[0] == pytest.approx(scores[curve.run_id], abs=1e-5)
