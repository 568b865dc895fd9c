"""What goes wrong amid an experiment spoils nothing: divergence, kills, wrong exports, changed code and data."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from distill_core.deployment.parity import Parity
from distill_core.entries import Registry
from distill_core.errors import DataError, Diverged
from distill_core.events import (
    LatencyMeasured,
    Noted,
    OnnxExported,
    RunChanged,
    RunDeclared,
    RunFinished,
)
from distill_core.folders import read_json, write_json
from distill_core.losses import REGISTRY
from tests.integration.pipeline_lab import PipelineLab, accuracies, after


def test_a_teacher_that_diverged_teaches_nobody_however_often_it_is_resumed(
    lab: PipelineLab, spec_data: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("distill_core.training.candidate.learning_rate", lambda *_: float("inf"))
        with pytest.raises(Diverged, match="The teacher's loss became NaN"):
            lab.run("one", spec_data)
    with pytest.raises(Diverged, match="The teacher's loss became NaN"):
        lab.run("one", spec_data)
    assert {event.run_id for event in lab.told("one", RunFinished)} == {lab.told("one", RunDeclared)[0].run_id}


def test_a_kill_while_a_run_is_taken_over_leaves_nothing_half(
    lab: PipelineLab, spec_data: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.run("one", spec_data)
    copied: list[str] = []

    def killed(source: str, target: str, **_: object) -> str:
        copied.append(Path(source).name)
        if len(copied) == 3:
            raise KeyboardInterrupt
        return str(shutil.copy2(source, target))

    with monkeypatch.context() as patch:
        patch.setattr("distill_core.pipeline.reuse.copy_file", killed)
        with pytest.raises(KeyboardInterrupt):
            lab.run("two", spec_data)
    assert len(copied) == 3 and "result.json" not in copied
    assert lab.run("two", spec_data).outcome == "succeeded"
    assert all(event.reused_from == "one" for event in lab.told("two", RunChanged))
    assert accuracies(lab, "two") == accuracies(lab, "one")


def test_an_export_that_answers_otherwise_is_neither_measured_nor_offered(
    lab: PipelineLab, spec_data: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Parity(max_abs_diff=0.5, same_class=600, total=640, tolerance=0.01)
    with monkeypatch.context() as patch:
        patch.setattr("distill_core.pipeline.shipping.check_parity", lambda *_, **__: wrong)
        assert lab.run("one", spec_data).outcome == "succeeded"
    assert not lab.told("one", OnnxExported) and not lab.told("one", LatencyMeasured)
    sentences = [note.text for note in lab.told("one", Noted)]
    assert len(sentences) == 4 and all("600 of 640 test samples keep their class" in text for text in sentences)
    assert not list(lab.folder("one").path.glob("runs/*/*.onnx"))
    # Nothing of it is held against a later export that is right.
    assert lab.run("one", spec_data).outcome == "succeeded"
    assert len(lab.told("one", OnnxExported)) == 4


def test_who_mends_a_loss_trains_anew_but_what_has_begun_keeps_its_names(
    lab: PipelineLab, spec_data: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.run("begun", spec_data, stop=after(60))
    lab.run("done", spec_data)
    names = [run.run_id for run in lab.told("done", RunDeclared)]
    losses = Registry("loss", [replace(e, code="mended" if e.name == "kd" else e.code) for e in REGISTRY])
    monkeypatch.setattr("distill_core.losses.REGISTRY", losses)
    lab.run("new", spec_data)
    reused = {event.run_id for event in lab.told("new", RunChanged) if event.state == "reused"}
    assert reused == {run.run_id for run in lab.told("done", RunDeclared) if not run.teacher_terms}
    assert lab.run("begun", spec_data).outcome == "succeeded"
    assert [run.run_id for run in lab.told("begun", RunDeclared)] == names * 2
    assert any("the code changed" in note.text for note in lab.told("begun", Noted))


def test_other_images_than_at_the_beginning_are_refused(lab: PipelineLab, spec_data: dict) -> None:
    lab.run("one", spec_data, stop=after(20))
    held = lab.folder("one").origin
    write_json(held, read_json(held) | {"fingerprint": "of other images"})
    with pytest.raises(DataError, match="no longer those this experiment began with"):
        lab.run("one", spec_data)
