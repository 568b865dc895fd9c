"""What every rival is given, the same for all, and how it answers: an order a line in, an outcome a line out.

Loads nothing of ours but this folder: it also runs in environments that have only torch.
"""

from __future__ import annotations

import json
import math
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.rivals.networks import build

ANSWER = "OUTCOME "
EVALUATION_BATCH = 512


@dataclass(frozen=True)
class Budget:
    """One training: `kind` is adamw or sgd (Nesterov)."""

    kind: str
    learning_rate: float
    weight_decay: float
    momentum: float
    epochs: int
    steps_per_epoch: int
    batch_size: int
    warmup_fraction: float

    @property
    def steps(self) -> int:
        return self.epochs * self.steps_per_epoch

    def rate(self, step: int) -> float:
        """Share 0..1 of the learning rate at a step counted from 0: linear warm-up, then half a cosine to 0."""
        warmup = round(self.warmup_fraction * self.steps)
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(self.steps - warmup, 1)))


@dataclass(frozen=True)
class Variant:
    """One student: labels_weight * cross-entropy + teacher_weight * T^2 * KL(teacher || student)."""

    name: str
    labels_weight: float
    teacher_weight: float
    temperature: float


PLAIN = Variant("teacher", labels_weight=1.0, teacher_weight=0.0, temperature=1.0)
"""How a teacher learns."""


@dataclass(frozen=True)
class Part:
    """Images uint8 [N,C,H,W] and labels int64 [N]."""

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Given:
    """The whole work; `fixed_views` of K: a student sees K altered copies made once, None: new ones at each step."""

    folder: Path
    settings: dict[str, Any]
    device: torch.device
    variants: tuple[Variant, ...]
    teacher_part: Part
    validation: Part
    test: Part
    student_parts: dict[int, Part]
    teacher_budget: Budget
    student_budget: Budget
    fixed_views: int | None
    workers: int
    teacher_weights: dict[str, np.ndarray]

    @property
    def augmentation(self) -> dict[str, Any]:
        found: dict[str, Any] = self.settings["augmentation"]
        return found

    def network(self, role: str, *, seed: int) -> nn.Module:
        """The teacher's or student's network with the initial weights of a seed, on the device."""
        torch.manual_seed(seed)
        images = self.test.images
        return build(self.settings[role], channels=images.shape[1], size=images.shape[2]).to(self.device)

    def given_teacher(self) -> nn.Module | None:
        """The trained teacher, if one is given; else every rival trains its own."""
        if not self.teacher_weights:
            return None
        network = self.network("teacher_network", seed=0)
        network.load_state_dict({name: torch.from_numpy(value) for name, value in self.teacher_weights.items()})
        return network.eval()

    def normalised(self, images: Tensor) -> Tensor:
        """uint8 [B,C,H,W] to zero-mean floats on the device."""
        mean, std = (torch.tensor(self.settings[key], device=self.device).view(1, -1, 1, 1) for key in ("mean", "std"))
        return (images.to(self.device).float() / 255 - mean) / std


@dataclass(frozen=True)
class Order:
    """Which students of a work to train, and where the work lies."""

    folder: Path
    seeds: tuple[int, ...]
    variants: tuple[str, ...]


@dataclass(frozen=True)
class Trained:
    """A student that has ended, at its best epoch of validation; `seconds` None where it trained with others."""

    variant: str
    seed: int
    network: nn.Module
    steps: int
    seconds: float | None


@dataclass(frozen=True)
class Result:
    """All that an order asked for; teacher_seconds 0 where the teacher was given."""

    students: tuple[Trained, ...]
    teacher_seconds: float
    teacher: nn.Module


Train = Callable[[Any, Order], Result]


class TrainNetwork(Protocol):
    """Trains a network with a variant's loss by a part of the data; answers the steps made."""

    def __call__(
        self, given: Given, network: nn.Module, part: Part, budget: Budget, variant: Variant, *,
        teacher: nn.Module | None, seed: int,
    ) -> int: ...


def train_one_by_one(given: Given, order: Order, train_network: TrainNetwork) -> Result:
    """The teacher unless it is given, then each student by itself."""
    start = time.perf_counter()
    teacher, teacher_seconds = given.given_teacher(), 0.0
    if teacher is None:
        seed = given.settings["teacher_seed"]
        teacher = given.network("teacher_network", seed=seed)
        train_network(given, teacher, given.teacher_part, given.teacher_budget, PLAIN, teacher=None, seed=seed)
        teacher_seconds = time.perf_counter() - start
    teacher.eval()
    students = []
    for seed in order.seeds:
        for variant in (one for one in given.variants if one.name in order.variants):
            start = time.perf_counter()
            network = given.network("student_network", seed=seed)
            steps = train_network(
                given, network, given.student_parts[seed], given.student_budget, variant, teacher=teacher, seed=seed
            )
            wait_for(given.device)
            students.append(Trained(variant.name, seed, network, steps, time.perf_counter() - start))
    return Result(tuple(students), teacher_seconds, teacher)


def read_given(folder: Path) -> Given:
    settings = json.loads((folder / "work.json").read_text(encoding="utf-8"))
    with np.load(folder / "work.npz") as arrays:
        held = {name: arrays[name] for name in arrays.files}

    def part(name: str) -> Part:
        return Part(held[f"{name}_images"], held[f"{name}_labels"])

    return Given(
        folder=folder, settings=settings, device=torch.device(settings["device"]),
        variants=tuple(Variant(**one) for one in settings["variants"]),
        teacher_part=part("teacher"), validation=part("validation"), test=part("test"),
        student_parts={seed: part(f"student_{seed}") for seed in settings["seeds"]},
        teacher_budget=Budget(**settings["teacher_budget"]), student_budget=Budget(**settings["student_budget"]),
        fixed_views=settings["fixed_views"], workers=settings["workers"],
        teacher_weights={
            name.removeprefix("weights/"): value for name, value in held.items() if name.startswith("weights/")
        },
    )


@torch.no_grad()
def accuracy(given: Given, network: nn.Module, part: Part) -> float:
    """Share of right answers of a network that reads normalised images."""
    network.eval()
    right = 0
    for images, labels in zip(
        torch.from_numpy(part.images).split(EVALUATION_BATCH),
        torch.from_numpy(part.labels).split(EVALUATION_BATCH),
        strict=True,
    ):
        right += int((network(given.normalised(images)).argmax(1).cpu() == labels).sum())
    return right / len(part.labels)


def wait_for(device: torch.device) -> None:
    """Until the device has done what it was told, so that a clock read next is true."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def outcome(train: Train, prepared: Any, given: Given, order: Order) -> dict[str, Any]:
    """Train by an order; the time is that of the training with its validation, the test comes after it."""
    if given.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(given.device)
    cpu, start = _cpu_seconds(), time.perf_counter()
    result = train(prepared, order)
    wait_for(given.device)
    seconds, cpu = time.perf_counter() - start, _cpu_seconds() - cpu
    return {
        "seconds": seconds, "cpu_seconds": cpu, "teacher_seconds": result.teacher_seconds,
        "teacher_accuracy": accuracy(given, result.teacher, given.test),
        "device_bytes": torch.cuda.max_memory_allocated(given.device) if given.device.type == "cuda" else 0,
        "students": [
            {
                "variant": one.variant, "seed": one.seed, "steps": one.steps, "seconds": one.seconds,
                "accuracy": accuracy(given, one.network, given.test),
            }
            for one in result.students
        ],
    }


def _cpu_seconds() -> float:
    """Of this process and of its children that have ended, as data loaders' do after each pass."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def serve(prepare: Callable[[Given], Any], train: Train, arguments: Sequence[str]) -> None:
    """Answer orders from standard input until it closes; the first argument is the count of threads."""
    torch.set_num_threads(int(arguments[0]))
    known: dict[Path, tuple[Given, Any]] = {}
    _answer({"ready": True})
    for line in sys.stdin:
        asked = json.loads(line)
        order = Order(Path(asked["folder"]), tuple(asked["seeds"]), tuple(asked["variants"]))
        if order.folder not in known:
            given = read_given(order.folder)
            known[order.folder] = given, prepare(given)
        given, prepared = known[order.folder]
        _answer({"loaded": True})
        _answer(outcome(train, prepared, given, order))


def _answer(content: dict[str, Any]) -> None:
    # At a line's beginning, whatever a library has printed before.
    print(f"\n{ANSWER}{json.dumps(content)}", flush=True)
