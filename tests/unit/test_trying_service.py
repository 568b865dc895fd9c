"""The service behind the page: offers, samples, answers of real graphs, kept test inputs and the gallery."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from distill_core.deployment.sessions import Sessions
from distill_core.deployment.test_inputs import place_of_test_inputs, read_test_inputs, write_test_inputs
from distill_core.errors import DataError, ExportError, NotFound
from distill_core.evaluation.saved import DamagedAnswers
from distill_core.folders import Home
from distill_core.rows import ExperimentView
from distill_core.store.store import Store
from distill_core.trying import Answer, Offer, Refusal, Trying
from tests.fixtures import build_running_experiment
from tests.trying_samples import DIGITS, STROKES, build_tryable_digits, build_tryable_task, digits, linear_graph


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def opened(home: Home, identity: str) -> tuple[Trying, ExperimentView, Offer]:
    view, trying = Store(home).experiment(identity), Trying(home)
    return trying, view, trying.offer(view)


def test_every_exported_run_answers_a_drawing(home: Home) -> None:
    trying, view, offer = opened(home, build_tryable_digits(home))
    sample = trying.drawn(offer, STROKES[0])
    assert (sample.source, sample.test_index, sample.inputs.shape) == ("drawn", None, (1, 8, 8))
    replies = trying.ask(offer.runs, sample)
    assert [reply.run_id for reply in replies] == [run.run_id for run in view.runs if run.onnx_path]
    for reply in replies:
        assert isinstance(reply, Answer)
        assert reply.output.shape == (10,) and reply.output.argmax() == 0 and 0 < reply.milliseconds < 1000


def test_a_test_sample_is_answered_as_it_was_after_training(home: Home) -> None:
    trying, view, offer = opened(home, build_tryable_digits(home))
    assert (offer.tests.total, len(offer.tests.rows), offer.tests.shipped_only) == (640, 640, False)
    sample = offer.test_sample(123)
    assert (sample.source, sample.test_index) == ("test", 123)
    assert offer.label_of(123) == digits()[1][1157 + 123]
    saved = np.load(home.experiment(view.row.experiment_id).run(offer.runs[0].run_id).test_logits)[123]
    (reply,) = trying.ask(offer.runs[:1], sample)
    assert isinstance(reply, Answer)
    np.testing.assert_allclose(reply.output, saved, atol=1e-4)


def test_an_older_experiment_has_the_samples_of_its_bundles(home: Home) -> None:
    _, _, offer = opened(home, build_tryable_digits(home, kept=False))
    assert offer.tests.shipped_only and offer.tests.total == 640 and len(offer.tests.rows) == 32
    row = int(offer.tests.rows[7])
    images, labels = digits()
    np.testing.assert_allclose(offer.test_sample(row).inputs, images[1157 + row] / np.float32(255))
    assert offer.label_of(row) == labels[1157 + row]
    with pytest.raises(NotFound, match="not kept"):
        offer.test_sample(1)
    assert offer.label_of(1) is None


def test_damaged_test_inputs_fall_back_to_those_of_the_bundles(home: Home) -> None:
    identity = build_tryable_digits(home)
    place = place_of_test_inputs(home.experiment(identity), "digits")
    assert place is not None
    place.write_bytes(place.read_bytes()[:500])
    assert opened(home, identity)[2].tests.shipped_only


def test_a_run_that_fails_spoils_no_other(home: Home) -> None:
    trying, view, offer = opened(home, build_tryable_digits(home))
    folder = home.experiment(view.row.experiment_id)
    folder.run(offer.runs[0].run_id).onnx.write_bytes(b"damaged")
    folder.run(offer.runs[1].run_id).onnx.unlink()
    replies = trying.ask(offer.runs, offer.test_sample(0))
    assert [type(reply) for reply in replies] == [Refusal, Refusal] + [Answer] * (len(offer.runs) - 2)
    assert all(isinstance(reply, Refusal) and "xport the run again" in reply.sentence for reply in replies[:2])


def test_without_an_exported_run_there_is_nothing_to_try(home: Home) -> None:
    worker = build_running_experiment(home)
    with pytest.raises(NotFound, match="no exported model yet"):
        Trying(home).offer(Store(home).experiment(worker.experiment_id))


def test_a_blank_drawing_and_a_bad_picture_are_sentences(home: Home) -> None:
    trying, _, offer = opened(home, build_tryable_digits(home))
    with pytest.raises(DataError, match="blank"):
        trying.drawn(offer, [])
    with pytest.raises(DataError, match="cannot be used"):
        trying.pictured(offer, b"x", source="upload", fit=True)


def test_the_gallery_ranks_by_disagreement_and_only_what_can_be_opened(home: Home) -> None:
    trying, view, offer = opened(home, build_tryable_digits(home, kept=False))
    first, second = view.runs[0].run_id, view.runs[1].run_id
    found = trying.gallery(view, offer, first, second)
    assert set(found.rows.tolist()) == set(offer.tests.rows.tolist())
    assert (np.diff(found.distance) <= 0).all() and found.distance[0] > found.distance[-1]
    only = trying.gallery(view, offer, first, second, which="first").rows
    assert all(found.first[row].argmax() == found.labels[row] != found.second[row].argmax() for row in only)


def test_answers_that_are_gone_or_damaged_are_sentences(home: Home) -> None:
    trying, view, offer = opened(home, build_tryable_digits(home))
    folder, (first, second) = home.experiment(view.row.experiment_id), [run.run_id for run in view.runs[:2]]
    folder.run(first).test_logits.unlink()
    with pytest.raises(NotFound, match="is gone"):
        trying.gallery(view, offer, first, second)
    folder.run(first).test_logits.write_bytes(b"x")
    with pytest.raises(DamagedAnswers, match="cannot be read"):
        trying.gallery(view, offer, first, second)
    np.save(folder.run(first).test_logits, np.zeros((640, 3)))
    with pytest.raises(DamagedAnswers, match="do not fit together"):
        trying.gallery(view, offer, first, second)


def test_an_edited_row_is_no_test_sample(home: Home) -> None:
    trying, _, offer = opened(home, build_tryable_task(home, "regression"))
    sample = offer.test_sample(0)
    edited = trying.edited(offer, [*map(float, sample.inputs[:-1]), 5.0])
    assert (edited.source, edited.test_index) == ("typed", None)
    (reply,) = trying.ask(offer.runs[:1], edited)
    assert isinstance(reply, Answer) and reply.output.shape == (2,)
    assert offer.label_of(0) == pytest.approx(
        np.load(home.experiment("regression").test_labels)[0] * [10, 5] + [100, 50], rel=1e-5, nan_ok=True
    ), "in the data's own units"


def test_large_test_sets_are_thinned_evenly(tmp_path: Path) -> None:
    inputs, labels = np.arange(1000, dtype=np.uint8).repeat(4).reshape(1000, 1, 2, 2), np.arange(1000)
    write_test_inputs(tmp_path / "x.npz", inputs, labels, largest_bytes=400)
    found = read_test_inputs(tmp_path / "x.npz")
    assert found is not None
    assert (len(found.rows), found.rows[0], found.rows[-1], found.total) == (100, 0, 999, 1000)
    np.testing.assert_array_equal(found.labels, found.rows)
    np.testing.assert_array_equal(found.inputs, inputs[found.rows])
    assert found.inputs.dtype == np.uint8
    assert found.place_of(999) == 99 and found.place_of(1) is None and found.place_of(5000) is None


def test_sessions_are_held_up_to_a_cap_and_a_changed_graph_is_loaded_anew(tmp_path: Path) -> None:
    sessions, sample = Sessions(most=2), np.ones((1, 8, 8), dtype=np.float32)
    paths = [tmp_path / f"{place}" / "model.onnx" for place in range(3)]
    for place, path in enumerate(paths):
        linear_graph(path, np.full((64, 10), place), np.zeros(10), DIGITS)
        assert sessions.answer(path, sample)[0][0] == 64 * place
    assert len(sessions) == 2
    linear_graph(paths[2], np.full((64, 10), 0.5), np.zeros(10), DIGITS)
    assert sessions.answer(paths[2], sample)[0][0] == 32
    with pytest.raises(ExportError, match="cannot answer this sample"):
        sessions.answer(paths[2], np.ones((1, 9, 8), dtype=np.float32))


def test_only_the_second_call_of_a_new_graph_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one makes room for its values, which takes longer than answering."""
    seen: list[str] = []

    class Session:
        def get_inputs(self) -> list[SimpleNamespace]:
            return [SimpleNamespace(name="pixels", type="tensor(float16)")]

        def run(self, outputs: None, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
            assert feed["pixels"].dtype == np.float16 and feed["pixels"].shape == (1, 1, 8, 8)
            seen.append("run")
            return [np.zeros((1, 10), dtype=np.float16)]

    def clock() -> float:
        seen.append("clock")
        return float(len(seen))

    monkeypatch.setattr("distill_core.deployment.sessions.open_session", lambda path, threads: Session())
    (tmp_path / "model.onnx").touch()
    sessions, sample = Sessions(clock=clock), np.ones((1, 8, 8), dtype=np.float32)
    output, milliseconds = sessions.answer(tmp_path / "model.onnx", sample)
    assert seen == ["run", "clock", "run", "clock"] and milliseconds == 2000 and output.dtype == np.float32
    sessions.answer(tmp_path / "model.onnx", sample)
    assert seen[4:] == ["clock", "run", "clock"]


def test_large_graphs_push_each_other_out(tmp_path: Path) -> None:
    sessions, sample = Sessions(most_bytes=10_000), np.ones((1, 8, 8), dtype=np.float32)
    for place in range(4):
        linear_graph(tmp_path / f"{place}.onnx", np.ones((64, 10)), np.zeros(10), DIGITS)
        sessions.answer(tmp_path / f"{place}.onnx", sample)
    assert len(sessions) == 3, "of about 3 kB each"
