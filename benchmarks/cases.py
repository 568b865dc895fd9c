"""The works that rivals compete in: experiments of ours, and the same as plain arrays and settings for the others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.rivals.environment import cache_folder
from benchmarks.rivals.given import Budget, Part, Variant
from distill_core.folders import Home
from distill_core.planned import PlannedRun
from distill_core.presets import find_preset
from distill_core.spec import Choice, CropFlip, Data, ExperimentSpec, Sgd, Student, Teacher, Term, Training, Views
from distill_core.training.assembly import teacher_cohort
from distill_core.training.cohort import Surroundings
from distill_core.training.preparation import Checked, deep_check

TEMPERATURES, SHARES, SEEDS = (1.0, 2.0, 4.0, 8.0, 16.0), (0.25, 0.5, 0.75, 0.9, 1.0), (0, 1, 2, 3, 4)
CIFAR_TEACHER_EPOCHS, CIFAR_TEST = 3, 2000
GROWTH_SEEDS = (0, 1, 2)
_CLASSES = 10


def distilled(name: str, architecture: Choice, *, temperature: float, share: float) -> Student:
    """A student that learns `share` from the teacher and the rest from the labels."""
    terms = [Term(loss=Choice(name="kd", params={"temperature": temperature}), weight=share)]
    if share < 1:
        terms.insert(0, Term(loss=Choice(name="cross-entropy"), weight=round(1 - share, 6)))
    return Student(name=name, architecture=architecture, terms=tuple(terms))


def alone(architecture: Choice) -> Student:
    return Student(name="alone", architecture=architecture, terms=(Term(loss=Choice(name="cross-entropy")),))


def digits_one(*, device: str, fresh_views: bool = False) -> ExperimentSpec:
    """The default preset's student at T=8 and its teacher; with fresh views the teacher is asked at each step."""
    spec = find_preset("digits").spec
    views = spec.student_views.model_copy(update={"fixed_views": None} if fresh_views else {})
    student = distilled("distilled T=8", spec.students[0].architecture, temperature=8.0, share=1.0)
    return spec.model_copy(
        update={"students": (student,), "seeds": tuple(range(20)), "student_views": views, "device": device}
    )


def digits_map(*, device: str) -> ExperimentSpec:
    """25 cells of temperature and share of the teacher, and the student alone, with 5 seeds: 130 students."""
    spec = find_preset("digits").spec
    architecture = spec.students[0].architecture
    cells = tuple(
        distilled(f"T={temperature:g}, {share:.0%} teacher", architecture, temperature=temperature, share=share)
        for temperature in TEMPERATURES
        for share in SHARES
    )
    return spec.model_copy(
        update={
            "name": "Digits: a map of 25 cells", "students": (alone(architecture), *cells), "seeds": SEEDS,
            "device": device,
        }
    )


def cifar(arrays: Path, *, device: str, epochs: int = 1) -> ExperimentSpec:
    """resnet20 from resnet32 on 32x32 images, batch 128, crop and flip: alone and distilled at three temperatures."""
    student = Choice(name="cifar-resnet", params={"depth": 20})
    training = Training(
        epochs=epochs, batch_size=128, optimizer=Sgd(learning_rate=0.1, momentum=0.9, weight_decay=5e-4)
    )
    views = Views(augmentation=CropFlip(), fixed_views=None)
    return ExperimentSpec(
        name="CIFAR-10: resnet20 from resnet32", data=arrays_data(arrays),
        teacher=Teacher(
            architecture=Choice(name="cifar-resnet", params={"depth": 32}),
            training=training.model_copy(update={"epochs": CIFAR_TEACHER_EPOCHS}), views=views,
        ),
        students=(
            alone(student),
            *(distilled(f"distilled T={t:g}", student, temperature=t, share=0.7) for t in (2.0, 5.0, 10.0)),
        ),
        student_training=training, student_views=views, seeds=tuple(range(10)), device=device,
    )


def small_images(arrays: Path, *, epochs: int) -> ExperimentSpec:
    """A small student of a small teacher on 32x32 images: what growth is measured with."""
    student = Choice(name="tiny-cnn", params={"width": 16})
    spec = cifar(arrays, device="cpu", epochs=epochs)
    # At resnet20's rate such a small network may learn nothing in its first hundred steps.
    calmer = Sgd(learning_rate=0.02, momentum=0.9, weight_decay=5e-4)
    return spec.model_copy(
        update={
            "name": "Growth", "seeds": GROWTH_SEEDS,
            "teacher": spec.teacher.model_copy(update={"architecture": Choice(name="small-cnn")}),
            "students": (distilled("distilled T=4", student, temperature=4.0, share=0.7),),
            "student_training": spec.student_training.model_copy(update={"optimizer": calmer}),
        }
    )


def arrays_data(arrays: Path) -> Data:
    params: dict[str, str] = {
        "path": str(arrays), "inputs": "train_x", "labels": "train_y", "test_inputs": "test_x", "test_labels": "test_y",
    }
    return Data(dataset=Choice(name="arrays", params=dict(params)), validation_fraction=0.1)


def cifar_arrays(folder: Path | None, *, images: int) -> Path:
    """An npz file of as many training images, evenly of each class, and 2,000 test images; made once.

    From an image folder with train/ and test/, or drawn where there is none: the same sizes, so that only accuracies
    mean something else. Raises ValueError for a folder that has too few.
    """
    source = "drawn" if folder is None else "cifar"
    target = cache_folder() / f"{source}-{images}.npz"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        arrays = {}
        for part, count, seed in (("train", images, 0), ("test", CIFAR_TEST, 1)):
            x, y = _drawn(count, seed=seed) if folder is None else _read(folder / part, count)
            arrays |= {f"{part}_x": x, f"{part}_y": y}
        unfinished = target.with_suffix(".part.npz")
        np.savez(unfinished, **arrays)  # type: ignore[arg-type]
        unfinished.replace(target)
    return target


def _read(folder: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first images of each class folder, in turn of the classes: uint8 [N,32,32,3] and labels."""
    classes = sorted(one for one in folder.iterdir() if one.is_dir())
    each = -(-count // len(classes))
    found, labels = [], []
    for label, one in enumerate(classes):
        files = sorted(one.iterdir())[:each]
        if len(files) < each:
            raise ValueError(f"{one} has {len(files)} images; {each} are asked for")
        found += [np.asarray(Image.open(file).convert("RGB")) for file in files]
        labels += [label] * each
    order = np.random.default_rng(0).permutation(len(found))[:count]
    return np.stack(found)[order], np.array(labels)[order]


def _drawn(count: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A coloured square per class among noise: sizes and types as CIFAR's, and something to learn."""
    draw = np.random.default_rng(seed)
    labels = np.arange(count) % _CLASSES
    images = draw.integers(0, 160, (count, 32, 32, 3), dtype=np.uint8)
    for number, label in enumerate(labels):
        top, left = 3 * (label // 4) + 4, 4 * (label % 4) + 4
        images[number, top : top + 10, left : left + 10, label % 3] += np.uint8(90)
    return images, labels


def prepared(spec: ExperimentSpec, folder: Path) -> Checked:
    return deep_check(spec, home=Home(folder / "home"))


def gpu_name() -> str:
    return torch.cuda.get_device_name()


def trained_teacher(checked: Checked, *, threads: int) -> dict[str, np.ndarray]:
    """Weights of the experiment's teacher; trained once for all rivals and kept."""
    torch.set_num_threads(threads)
    run = checked.plan.teacher
    target = cache_folder() / f"teacher-{run.run_id}.npz"
    if not target.exists():
        cohort = teacher_cohort(checked, run, Surroundings.silent())
        cohort.fit()
        state = cohort.candidates[0].model.state_dict()
        unfinished = target.with_suffix(".part.npz")
        np.savez(unfinished, **{name: value.cpu().contiguous().numpy() for name, value in state.items()})  # type: ignore[arg-type]
        unfinished.replace(target)
    with np.load(target) as arrays:
        return {name: arrays[name] for name in arrays.files}


def warm_up(spec: ExperimentSpec) -> ExperimentSpec:
    """The same work, two steps of it: whatever a first step costs is paid before the clock runs."""
    short = {"epochs": 1, "steps_per_epoch": 2}
    return spec.model_copy(
        update={
            "student_training": spec.student_training.model_copy(update=short),
            "teacher": spec.teacher.model_copy(update={"training": spec.teacher.training.model_copy(update=short)}),
        }
    )


def write_work(
    spec: ExperimentSpec, folder: Path, *, workers: int, weights: dict[str, np.ndarray] | None = None,
    seeds: Sequence[int] = (),
) -> Checked:
    """Write a work's folder: spec.json for us, work.json and work.npz for the others, from the same checked spec."""
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text(json.dumps(spec.to_json()), encoding="utf-8")
    checked = prepared(spec, folder)
    data, split = checked.data, checked.split
    seeds = tuple(seeds) or spec.seeds
    parts = {
        "teacher": _part(data.train_inputs[split.teacher], data.train_labels[split.teacher]),
        "validation": _part(
            data.train_inputs[split.student_validation], data.train_labels[split.student_validation]
        ),
        "test": _part(data.test_inputs, data.test_labels),
    }
    for seed in seeds:
        transfer = checked.transfer(seed=seed, kind="labelled")
        parts[f"student_{seed}"] = _part(data.train_inputs[transfer.indices], transfer.labels)
    arrays = {f"{name}_images": part.images for name, part in parts.items()}
    arrays |= {f"{name}_labels": part.labels for name, part in parts.items()}
    arrays |= {f"weights/{name}": value for name, value in (weights or {}).items()}
    np.savez(folder / "work.npz", **arrays)  # type: ignore[arg-type]
    views = spec.student_views
    assert views.augmentation is not None and views.augmentation == spec.teacher.views.augmentation
    samples = len(parts[f"student_{seeds[0]}"].labels) * (views.fixed_views or 1)
    settings = {
        "device": spec.device, "workers": workers, "seeds": list(seeds), "mean": list(data.mean), "std": list(data.std),
        "augmentation": views.augmentation.model_dump(mode="json"), "fixed_views": views.fixed_views,
        "teacher_seed": spec.teacher.seed,
        "teacher_network": _network(checked, spec.teacher.architecture),
        "student_network": _network(checked, spec.students[0].architecture),
        "teacher_budget": asdict(_budget(spec.teacher.training, len(parts["teacher"].labels))),
        "student_budget": asdict(_budget(spec.student_training, samples)),
        "variants": [asdict(_variant(run)) for run in checked.plan.cohorts[0].runs],
    }
    (folder / "work.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")
    return checked


def _part(images: Tensor, labels: Tensor) -> Part:
    assert images.dtype == torch.uint8 and images.dim() == 4, "rivals read images as bytes"
    return Part(images.numpy(), labels.numpy())


def _network(checked: Checked, choice: Choice) -> dict[str, object]:
    _, params = checked.catalogue.architectures.resolve(choice)
    return {"name": choice.name, "params": params.model_dump(mode="json")}


def _budget(training: Training, samples: int) -> Budget:
    chosen = training.optimizer
    assert training.schedule == "cosine" and training.patience is None, "rivals have no other schedule"
    return Budget(
        kind=chosen.kind, learning_rate=chosen.learning_rate, weight_decay=chosen.weight_decay,
        momentum=chosen.momentum if isinstance(chosen, Sgd) else 0.0, epochs=training.epochs,
        steps_per_epoch=training.steps_per_epoch or max(samples // training.batch_size, 1),
        batch_size=training.batch_size, warmup_fraction=training.warmup_fraction,
    )


def _variant(run: PlannedRun) -> Variant:
    labels = sum(term.weight for term in run.terms if term.loss.name == "cross-entropy")
    taught = [term for term in run.terms if term.loss.name == "kd"]
    temperature = float(taught[0].loss.params["temperature"]) if taught else 1.0  # type: ignore[arg-type]
    return Variant(
        run.name, labels_weight=labels, teacher_weight=taught[0].weight if taught else 0.0, temperature=temperature
    )
