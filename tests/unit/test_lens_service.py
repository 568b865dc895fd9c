"""What the lens finds in an experiment's folder, and in which words it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from distill_core.errors import NotFound
from distill_core.evaluation.epoch_answers import EpochAnswers, watched_rows, write_epoch_answers
from distill_core.evaluation.saved import DamagedAnswers
from distill_core.folders import Home
from distill_core.ingestion.looks import small_picture
from distill_core.lens import LensUnfit, _mean_teacher
from distill_core.services import Lab
from tests.fixtures import build_running_experiment, preset_spec
from tests.lens_samples import EPOCHS, build_lens_digits
from tests.task_samples import build_task_experiment


def test_teacher_and_students_of_a_seed_with_their_saved_answers(tmp_path: Path) -> None:
    home = Home(tmp_path)
    identity = build_lens_digits(home, withheld="3")
    view = Lab(home).lens.of(identity)
    folder = home.experiment(identity)
    labels = np.load(folder.test_labels)
    rows = watched_rows(labels, outputs=10)
    assert [sample.row for sample in view.samples] == rows.tolist() and len(rows) == 100
    assert [sample.label for sample in view.samples] == labels[rows].tolist()
    assert all(sample.picture is not None and sample.picture.crisp for sample in view.samples)
    assert [one.run.role for one in view.networks] == ["teacher", "baseline", "baseline", "student", "student"]
    assert [one.temperature for one in view.networks] == [None, None, None, 1.0, 8.0]
    for one in view.networks:
        kept = np.load(folder.run(one.run.run_id).test_logits)
        assert np.array_equal(one.final, kept[rows])
    teacher, *learners = view.networks
    assert teacher.epochs == () and all(one.epochs == EPOCHS for one in learners)
    np.testing.assert_allclose(learners[0].by_epoch[0] * 3, learners[0].final, rtol=1e-5)
    assert (view.seed, view.seeds, view.withheld) == (0, (0,), (3,))
    assert Lab(home).lens.of(identity).stamp == view.stamp


def test_what_changes_on_the_disk_is_read_again(tmp_path: Path) -> None:
    home = Home(tmp_path)
    identity = build_lens_digits(home)
    lens = Lab(home).lens
    before = lens.of(identity)
    assert lens.of(identity) is before
    run = before.networks[1].run.run_id
    place = home.experiment(identity).run(run)
    np.save(place.test_logits, np.load(place.test_logits) * 2)
    np.testing.assert_allclose(lens.of(identity).networks[1].final, before.networks[1].final * 2)


def test_answers_of_other_samples_or_none_at_all_leave_the_kept_network(tmp_path: Path) -> None:
    home = Home(tmp_path)
    identity = build_lens_digits(home, epochs=())
    lens = Lab(home).lens
    assert all(not one.epochs for one in lens.of(identity).networks)
    place = home.experiment(identity).run(lens.of(identity).networks[1].run.run_id)
    logits = np.zeros((1, 100, 10), np.float32)
    write_epoch_answers(place.epoch_answers, EpochAnswers(np.array([1]), np.arange(100), logits))
    assert all(not one.epochs for one in lens.of(identity).networks), "rows 0 to 99 are not those of the lens"


def test_several_teachers_are_the_mean_that_students_imitate(tmp_path: Path) -> None:
    home = Home(tmp_path)
    identity = build_lens_digits(home)
    lab = Lab(home)
    view = lab.experiment(identity)
    rows, runs = np.array([0, 5, 9]), view.runs[:2]
    found = _mean_teacher(view, home.experiment(identity), runs, rows)
    one, other = (np.load(home.experiment(identity).run(run.run_id).test_logits)[rows] for run in runs)
    np.testing.assert_allclose(found.final, (one + other) / 2, rtol=1e-5)


def test_it_refuses_in_a_sentence(tmp_path: Path) -> None:
    home = Home(tmp_path)
    lab = Lab(home)
    with pytest.raises(NotFound):
        lab.lens.of("nothing-here")
    regression = build_task_experiment(home, "regression", seeds=1)
    with pytest.raises(LensUnfit, match="experiments that classify"):
        lab.lens.of(regression)
    running = build_running_experiment(home, spec=preset_spec(seeds=1), experiment_id="running").experiment_id
    with pytest.raises(NotFound, match="wait until its teacher is trained"):
        lab.lens.of(running)
    identity = build_lens_digits(home)
    with pytest.raises(NotFound, match="allowed: 0"):
        lab.lens.of(identity, seed=7)
    place = home.experiment(identity).run(lab.lens.of(identity).networks[1].run.run_id)
    place.test_logits.write_bytes(b"torn")
    with pytest.raises(DamagedAnswers, match="Run the experiment again"):
        lab.lens.of(identity)


def test_pictures_are_small_whatever_the_sample() -> None:
    draw = np.random.default_rng(0)
    tiny = small_picture(draw.integers(0, 256, (1, 8, 8), dtype=np.uint8), "image")
    photo = small_picture(draw.random((3, 224, 160), dtype=np.float32), "image")
    steps = small_picture(draw.normal(size=(12, 5)), "sequence")
    assert tiny is not None and photo is not None and steps is not None
    assert (tiny.media_type, tiny.crisp, photo.media_type, photo.crisp) == ("image/png", True, "image/jpeg", False)
    assert len(tiny.content) < 300 and len(photo.content) < 8_000
    assert small_picture(np.zeros(4), "table") is None
