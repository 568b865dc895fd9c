"""The benchmarks' rivals do the same work as ours: networks, views, losses, rates, steps; a race measures them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import race as racing
from benchmarks.cases import cifar, cifar_arrays, digits_map, digits_one, prepared, warm_up, write_work
from benchmarks.contest import Options, contest
from benchmarks.race import LAB, LEAN, TORCHDISTILL, TUTORIAL, Heat
from benchmarks.rivals import environment, lab, lean, tutorial
from benchmarks.rivals.given import Given, Order, read_given
from benchmarks.rivals.pictures import Images, altered
from distill_core.losses.kd import KdParams
from distill_core.losses.kd import build as build_kd
from distill_core.losses.term import StepTensors
from distill_core.spec import ExperimentSpec
from distill_core.training.schedule import learning_rate
from distill_core.training.views import alter, generator_for

DISTILLED = "distilled T=8"


def weights_of(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def short(spec: ExperimentSpec, *, teacher_steps: int, epochs: int, steps: int) -> ExperimentSpec:
    return spec.model_copy(
        update={
            "seeds": spec.seeds[:2],
            "teacher": spec.teacher.model_copy(
                update={
                    "training": spec.teacher.training.model_copy(update={"epochs": 1, "steps_per_epoch": teacher_steps})
                }
            ),
            "student_training": spec.student_training.model_copy(update={"epochs": epochs, "steps_per_epoch": steps}),
        }
    )


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Given:
    spec = short(digits_one(device="cpu"), teacher_steps=60, epochs=3, steps=40)
    folder = tmp_path_factory.mktemp("rivals") / "work"
    write_work(spec, folder, workers=0)
    return read_given(folder)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Given:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        spec = short(cifar(cifar_arrays(None, images=150), device="cpu"), teacher_steps=1, epochs=1, steps=2)
    small = {"student_training": spec.student_training.model_copy(update={"batch_size": 8})}
    spec = spec.model_copy(update=small)
    folder = tmp_path_factory.mktemp("images") / "work"
    write_work(spec, folder, workers=0)
    return read_given(folder)


def test_every_rival_trains_the_same_students_as_well_in_as_many_steps(digits: Given) -> None:
    order = Order(digits.folder, seeds=(0,), variants=(DISTILLED,))
    accuracies = {}
    for name, train, given in (
        (LAB, lab.train, lab.prepare(digits)), (TUTORIAL, tutorial.train, digits), (LEAN, lean.train, digits)
    ):
        result = train(given, order)  # type: ignore[operator]
        (student,) = result.students
        assert (student.variant, student.seed, student.steps) == (DISTILLED, 0, 120), name
        assert result.teacher_seconds > 0
        accuracies[name] = _accuracy(digits, student.network)
    assert min(accuracies.values()) > 0.7, accuracies
    assert max(accuracies.values()) - min(accuracies.values()) < 0.15, accuracies


def _accuracy(given: Given, network: torch.nn.Module) -> float:
    with torch.no_grad():
        answers = network.eval()(given.normalised(torch.from_numpy(given.test.images)))
    return float((answers.argmax(1).numpy() == given.test.labels).mean())


@pytest.mark.parametrize("work", ["digits", "images"])
def test_networks_begin_with_the_same_weights_as_ours(work: str, request: pytest.FixtureRequest) -> None:
    given: Given = request.getfixturevalue(work)
    checked = lab.prepare(given).checked
    spec = checked.spec
    for role, choice in (("teacher", spec.teacher.architecture), ("student", spec.students[0].architecture)):
        ours, theirs = checked.network(choice, seed=3), given.network(f"{role}_network", seed=3)
        assert torch.equal(weights_of(ours), weights_of(theirs))
        batch = given.normalised(torch.from_numpy(given.test.images[:5]))
        torch.testing.assert_close(ours.eval()(batch), theirs.eval()(batch))


def test_a_given_teacher_answers_alike_at_ours_and_theirs(images: Given, tmp_path: Path) -> None:
    spec = lab.prepare(images).checked.spec
    state = images.network("teacher_network", seed=11).state_dict()
    write_work(spec, tmp_path / "work", workers=0, weights={name: value.numpy() for name, value in state.items()})
    given = read_given(tmp_path / "work")
    order = Order(given.folder, seeds=(0,), variants=tuple(one.name for one in given.variants[1:2]))
    wanted = weights_of(images.network("teacher_network", seed=11))
    for result in (
        lab.train(lab.prepare(given), order), tutorial.train(given, order), lean.train(given, order)
    ):
        assert torch.equal(weights_of(result.teacher), wanted)
        assert [student.steps for student in result.students] == [2]


def test_rates_and_samples_are_those_of_the_spec(digits: Given) -> None:
    checked = lab.prepare(digits).checked
    for budget, training in (
        (digits.student_budget, checked.spec.student_training), (digits.teacher_budget, checked.spec.teacher.training)
    ):
        peak = training.optimizer.learning_rate
        found = [peak * budget.rate(step) for step in range(budget.steps)]
        assert found == pytest.approx([learning_rate(training, step, budget.steps) for step in range(budget.steps)])
    transfer = checked.transfer(seed=1, kind="labelled")
    assert np.array_equal(digits.student_parts[1].labels, transfer.labels.numpy())
    assert not np.array_equal(digits.student_parts[0].images, digits.student_parts[1].images)


def test_the_map_has_the_cells_that_its_names_tell(tmp_path: Path) -> None:
    write_work(digits_map(device="cpu"), tmp_path / "work", workers=0, seeds=(0,))
    variants = {one.name: one for one in read_given(tmp_path / "work").variants}
    assert len(variants) == 26
    cell = variants["T=4, 90% teacher"]
    assert (cell.temperature, cell.teacher_weight, cell.labels_weight) == (4.0, 0.9, pytest.approx(0.1))
    assert (variants["alone"].teacher_weight, variants["alone"].labels_weight) == (0.0, 1.0)
    assert variants["T=16, 100% teacher"].labels_weight == 0


def test_the_scripts_loss_is_ours() -> None:
    draw = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 7, 10, generator=draw).unbind()
    term = build_kd(KdParams(temperature=4.0), None)
    ours = term(StepTensors(student, teacher, torch.zeros(7, dtype=torch.long)))
    torch.testing.assert_close(tutorial.distillation_loss(student, teacher, 4.0), ours)


def test_augmentation_is_as_strong_everywhere(digits: Given, images: Given) -> None:
    """Of many draws the mean picture and how much each pixel varies agree."""
    for given in (digits, images):
        spec = lab.prepare(given).checked.spec
        picture = given.test.images[:1].repeat(1500, axis=0)
        raw = torch.from_numpy(picture).float() / 255
        ours = alter(raw, spec.student_views.augmentation, generator_for(1))
        part = type(given.test)(picture, np.zeros(len(picture), dtype=np.int64))
        torch.manual_seed(0)
        many = Images(part, altered(given))
        script = torch.stack([many[index][0] for index in range(len(many))])
        bare = lean.Batches(given, part, fixed_views=None).inputs(torch.arange(len(picture)))
        wanted = given.normalised((ours * 255).round().to(torch.uint8))
        # torchvision shifts by whole pixels, which on 8x8 is a little more.
        whole_pixels = given is digits
        for found, most in ((script, 0.35 if whole_pixels else 0.1), (bare, 0.1)):
            assert (found.mean(0) - wanted.mean(0)).abs().max() < 0.25
            assert abs(found.std(0).mean() / wanted.std(0).mean() - 1) < most


def test_a_race_measures_time_memory_and_accuracy_of_processes(tmp_path: Path) -> None:
    spec = short(digits_one(device="cpu"), teacher_steps=5, epochs=2, steps=5)
    heat = Heat(seeds=[(0,), (1,)], variants=(DISTILLED,))
    options = Options(rivals=(LAB, LEAN))
    rows = contest(
        "tiny", spec, dict.fromkeys((LAB, LEAN, TUTORIAL), heat), options, tmp_path, workers=0, threads=1,
        scale=lambda name, outcome: outcome["seconds"] * (3 if name == LEAN else 1),
    )
    ours, bare = rows
    assert (ours["rival"], bare["rival"]) == ("Distill Lab", "lean loop")
    assert (ours["students"], ours["steps each"], ours["rounds"], ours["times ours"]) == (2, 10, 2, 1)
    assert bare["seconds"] > 0 and bare["teacher seconds"] > 0 and bare["CPU seconds"] > 0
    assert 100 < bare["memory MB"] < 4000
    assert "to" in bare["ours more accurate by"] and ours["ours more accurate by"] == ""
    assert warm_up(spec).student_training.epochs == 1


def test_torchdistill_trains_the_same_steps_where_it_is_installed(digits: Given, tmp_path: Path) -> None:
    try:
        environment.torchdistill_python(install=False)
    except environment.NotMeasured as reason:
        pytest.skip(str(reason))
    heat = Heat(seeds=[(0,)], variants=(DISTILLED,))
    outcomes, missing = racing.race(
        {TORCHDISTILL: heat}, digits.folder, warm_up=digits.folder, threads=1, device="cpu", logs=tmp_path
    )
    assert not missing
    (student,) = outcomes[TORCHDISTILL][0]["students"]
    assert student["steps"] == 120 and student["accuracy"] > 0.7


def test_a_rival_that_cannot_be_installed_is_told_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(command: list[str]) -> str:
        raise subprocess.CalledProcessError(1, command, stderr="looking\nERROR: No matching distribution found\n")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(environment, "_called", refused)
    spec = short(digits_one(device="cpu"), teacher_steps=2, epochs=1, steps=2)
    heat = Heat(seeds=[(0,)], variants=(DISTILLED,))
    (row,) = contest(
        "tiny", spec, {TORCHDISTILL: heat}, Options(rivals=(TORCHDISTILL,)), tmp_path / "race", workers=0, threads=1
    )
    assert row["seconds"].startswith("not measured: torchdistill") and "No matching distribution" in row["seconds"]


def test_images_are_read_from_a_folder_evenly_by_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for part, each in (("train", 3), ("test", 1000)):
        for label, name in enumerate(("cat", "dog")):
            folder = tmp_path / "images" / part / name
            folder.mkdir(parents=True)
            for number in range(each):
                Image.new("RGB", (32, 32), (100 * label, 0, 0)).save(folder / f"{number}.png")
    arrays = np.load(cifar_arrays(tmp_path / "images", images=4))
    assert arrays["train_x"].shape == (4, 32, 32, 3) and sorted(arrays["train_y"]) == [0, 0, 1, 1]
    assert np.array_equal(arrays["train_x"][:, 0, 0, 0], 100 * arrays["train_y"])
    with pytest.raises(ValueError, match="10 are asked for"):
        cifar_arrays(tmp_path / "images", images=20)


def test_a_work_says_what_the_spec_says(digits: Given) -> None:
    settings = json.loads((digits.folder / "work.json").read_text())
    spec = prepared(lab.prepare(digits).checked.spec, digits.folder).spec
    assert settings["fixed_views"] == spec.student_views.fixed_views == 16
    assert settings["teacher_seed"] == spec.teacher.seed
    assert (settings["student_budget"]["batch_size"], settings["student_budget"]["kind"]) == (64, "adamw")
