"""The floor: a bare hand-written loop over tensors, with batched augmentation and nothing told or kept meanwhile.

    python -m benchmarks.rivals.lean THREADS

Data lie ready in memory; where views are fixed the teacher answers each once. Validation and the best epoch's copy
belong to the work. One student after the other.
"""

from __future__ import annotations

import math
import sys
import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.rivals.given import (
    EVALUATION_BATCH,
    PLAIN,
    Budget,
    Given,
    Order,
    Part,
    Result,
    Trained,
    Variant,
    serve,
    wait_for,
)


class Batches:
    """Inputs, labels and, where views are fixed, the row of each sample among them."""

    def __init__(self, given: Given, part: Part, *, fixed_views: int | None) -> None:
        self._given, self._fixed = given, fixed_views
        self._pixels = torch.from_numpy(part.images).to(given.device)
        self.labels = torch.from_numpy(part.labels).to(given.device)
        # As ours lie: that is the quicker of the two on a processor, also for small images.
        last = given.device.type == "cpu" or part.images.shape[2] >= 16
        self.format = torch.channels_last if last else torch.contiguous_format
        if fixed_views is not None:
            raw = self._pixels.float() / 255
            views = [raw, *(self._altered(raw) for _ in range(fixed_views - 1))]
            self.pool = self._ready(torch.cat(views))
            self.labels = self.labels.repeat(fixed_views)
        elif given.augmentation["kind"] == "crop-flip":
            pad = given.augmentation["padding"]
            # Padded once, as bytes: a batch is then one gather.
            self._pixels = F.pad(self._pixels, (pad, pad, pad, pad))

    def __len__(self) -> int:
        return len(self.labels)

    def inputs(self, rows: Tensor) -> Tensor:
        if self._fixed is not None:
            return self.pool[rows]
        if self._given.augmentation["kind"] == "crop-flip":
            return self._ready(self._cropped(self._pixels[rows]).float() / 255)
        return self._ready(self._altered(self._pixels[rows].float() / 255))

    def _ready(self, raw: Tensor) -> Tensor:
        settings = self._given.settings
        mean, std = (torch.tensor(settings[key], device=raw.device).view(1, -1, 1, 1) for key in ("mean", "std"))
        return ((raw - mean) / std).contiguous(memory_format=self.format)

    def _altered(self, raw: Tensor) -> Tensor:
        """One affine map a sample, drawn as the work says."""
        spec, (count, _, height, width) = self._given.augmentation, raw.shape
        draw = torch.rand(5, count, device=raw.device) * 2 - 1
        angle, scale = draw[0] * math.radians(spec["rotation_degrees"]), 1 + draw[1] * spec["scale"]
        cosine, sine = angle.cos() * scale, angle.sin() * scale
        shift = spec["shift_pixels"] * 2
        theta = torch.stack(
            [cosine, draw[2] * spec["shear"] - sine, draw[3] * shift / width, sine, cosine, draw[4] * shift / height], 1
        ).view(count, 2, 3)
        grid = F.affine_grid(theta, list(raw.shape), align_corners=False)
        return F.grid_sample(raw, grid, align_corners=False)

    def _cropped(self, padded: Tensor) -> Tensor:
        """Random crops of padded bytes, half of them mirrored."""
        count, channels, height, width = padded.shape
        pad, device = self._given.augmentation["padding"], padded.device
        size = height - 2 * pad
        top = torch.randint(0, 2 * pad + 1, (count, 1), device=device)
        left = torch.randint(0, 2 * pad + 1, (count, 1), device=device)
        across = torch.arange(size, device=device).expand(count, size)
        if self._given.augmentation["flip"]:
            across = torch.where(torch.rand(count, 1, device=device) < 0.5, across.flip(1), across)
        rows, columns = torch.arange(size, device=device) + top, across + left
        index = (rows[:, :, None] * width + columns[:, None]).flatten(1)[:, None].expand(-1, channels, -1)
        return padded.flatten(2).gather(2, index).view(count, channels, size, size)


def make_optimizer(network: nn.Module, budget: Budget) -> torch.optim.Optimizer:
    if budget.kind == "adamw":
        return torch.optim.AdamW(
            network.parameters(), lr=budget.learning_rate, weight_decay=budget.weight_decay, fused=True
        )
    return torch.optim.SGD(
        network.parameters(), lr=budget.learning_rate, momentum=budget.momentum, weight_decay=budget.weight_decay,
        nesterov=True, fused=True,
    )


def train_network(
    given: Given, network: nn.Module, batches: Batches, budget: Budget, variant: Variant, *,
    teacher: nn.Module | None = None, answers: Tensor | None = None, seed: int,
) -> int:
    """Train and go back to the best epoch; `answers` [rows, K] are the teacher's where views are fixed."""
    torch.manual_seed(seed)
    held = given.normalised(torch.from_numpy(given.validation.images)).contiguous(memory_format=batches.format)
    held_labels = torch.from_numpy(given.validation.labels).to(given.device)
    network.to(memory_format=batches.format)
    optimizer = make_optimizer(network, budget)
    per_pass, temperature = max(len(batches) // budget.batch_size, 1), variant.temperature
    order, step, best = torch.empty(0), 0, -1.0
    kept: dict[str, Tensor] = {}
    for _ in range(budget.epochs):
        network.train()
        for _ in range(budget.steps_per_epoch):
            place = step % per_pass
            if place == 0:
                order = torch.randperm(len(batches), device=given.device)
            rows = order[place * budget.batch_size : (place + 1) * budget.batch_size]
            for group in optimizer.param_groups:
                group["lr"] = budget.learning_rate * budget.rate(step)
            inputs = batches.inputs(rows)
            logits = network(inputs)
            losses = []
            if variant.labels_weight > 0:
                losses.append(variant.labels_weight * F.cross_entropy(logits, batches.labels[rows]))
            if variant.teacher_weight > 0 and teacher is not None:
                with torch.no_grad():
                    targets = teacher(inputs) if answers is None else answers[rows]
                soft, wanted = F.log_softmax(logits / temperature, 1), F.log_softmax(targets / temperature, 1)
                distance = F.kl_div(soft, wanted, reduction="batchmean", log_target=True)
                losses.append(variant.teacher_weight * temperature**2 * distance)
            optimizer.zero_grad(set_to_none=True)
            sum(losses[1:], losses[0]).backward()
            optimizer.step()
            step += 1
        network.eval()
        with torch.no_grad():
            found = torch.cat([network(part) for part in held.split(EVALUATION_BATCH)])
            right = (found.argmax(1) == held_labels).float().mean().item()
        if right >= best:
            best = right
            kept = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(kept)
    return step


def train(given: Given, order: Order) -> Result:
    start = time.perf_counter()
    teacher, teacher_seconds = given.given_teacher(), 0.0
    if teacher is None:
        seed = given.settings["teacher_seed"]
        teacher = given.network("teacher_network", seed=seed)
        batches = Batches(given, given.teacher_part, fixed_views=None)
        train_network(given, teacher, batches, given.teacher_budget, PLAIN, seed=seed)
        teacher_seconds = time.perf_counter() - start
    teacher.eval()
    students = []
    for seed in order.seeds:
        torch.manual_seed(seed)
        batches = Batches(given, given.student_parts[seed], fixed_views=given.fixed_views)
        teacher.to(memory_format=batches.format)
        answers = None
        if given.fixed_views is not None:
            with torch.no_grad():
                answers = torch.cat([teacher(part) for part in batches.pool.split(EVALUATION_BATCH)])
        for variant in (one for one in given.variants if one.name in order.variants):
            start = time.perf_counter()
            network = given.network("student_network", seed=seed)
            steps = train_network(
                given, network, batches, given.student_budget, variant, teacher=teacher, answers=answers, seed=seed
            )
            wait_for(given.device)
            students.append(Trained(variant.name, seed, network, steps, time.perf_counter() - start))
    return Result(tuple(students), teacher_seconds, teacher)


if __name__ == "__main__":
    serve(lambda given: given, train, sys.argv[1:])
