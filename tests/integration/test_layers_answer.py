"""What the tap picker is told: both networks' layers for the chosen data, without weights and without a crash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distill_core.errors import SpecError
from distill_core.folders import Home
from distill_core.jobs.fetching import Fetching
from distill_core.jobs.layers_answer import LayersAnswer
from distill_core.training.preparation import installed_catalogue


@pytest.fixture
def answer(tmp_path: Path) -> LayersAnswer:
    home = Home(tmp_path)
    return LayersAnswer(home, Fetching(home, installed_catalogue()))


def asked(answer: LayersAnswer, dataset: str, teacher: dict[str, Any], student: dict[str, Any]) -> dict[str, Any]:
    return answer.answer({"dataset": {"name": dataset}, "teacher": teacher, "student": student})


def test_layers_come_in_running_order_with_class_and_shape(answer: LayersAnswer) -> None:
    told = asked(answer, "digits", {"name": "small-cnn"}, {"name": "tiny-cnn"})
    assert told["teacher"][0] == {"name": "0", "kind": "Conv2d", "shape": [16, 8, 8]}
    assert [layer["kind"] for layer in told["student"]][:2] == ["Conv2d", "ReLU"]
    assert all(layer["shape"] != [10] for network in told.values() for layer in network), "the answer is no layer"


def test_a_recurrent_network_tells_its_steps(answer: LayersAnswer) -> None:
    told = asked(answer, "digits-rows", {"name": "bilstm", "params": {"hidden": 5}}, {"name": "lstm"})
    assert {"name": "recurrent.cell", "kind": "LSTM", "shape": [8, 10]} in told["teacher"]


def test_a_cut_student_follows_its_teacher(answer: LayersAnswer) -> None:
    for children in (4, 8):
        cut = {"name": "truncated", "params": {"children": children}}
        told = asked(answer, "digits", {"name": "small-cnn"}, cut)
        shapes = [layer["shape"] for layer in told["teacher"]]
        # Its own head comes behind what it took over.
        assert [layer["shape"] for layer in told["student"]][:children] == shapes[:children]


def test_an_answer_that_is_only_reshaped_is_no_layer(answer: LayersAnswer) -> None:
    told = asked(answer, "digits", {"name": "small-cnn"}, {"name": "squeezenet"})
    names = [layer["name"] for layer in told["student"]]
    assert "features" in names
    # The pooled classes, and the block that ends with them, are the answer but for its shape.
    assert not {"classifier", "classifier.3"} & set(names)
    assert names[-1] == "features"


def test_a_network_too_deep_for_the_data_has_no_layers(answer: LayersAnswer) -> None:
    told = asked(answer, "digits", {"name": "small-cnn"}, {"name": "vgg", "params": {"depth": 16}})
    assert told["teacher"]
    assert told["student"] == []


def test_pretrained_weights_are_not_fetched_for_shapes(answer: LayersAnswer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distill_core.architectures.pretrained.urlopen", lambda *_, **__: pytest.fail("fetched"))
    told = asked(answer, "digits", {"name": "resnet18", "params": {"pretrained": True}}, {"name": "tiny-cnn"})
    assert any(layer["name"] == "layer4" for layer in told["teacher"])


def test_a_network_for_other_data_is_refused(answer: LayersAnswer) -> None:
    with pytest.raises(SpecError, match="a network for images"):
        asked(answer, "digits", {"name": "lstm"}, {"name": "tiny-cnn"})


def test_one_look_serves_many_questions(answer: LayersAnswer, monkeypatch: pytest.MonkeyPatch) -> None:
    first = asked(answer, "digits", {"name": "small-cnn"}, {"name": "tiny-cnn"})
    monkeypatch.setattr("distill_core.jobs.layers_answer.list_taps", lambda *_: pytest.fail("looked again"))
    assert asked(answer, "digits", {"name": "small-cnn"}, {"name": "tiny-cnn"}) == first
