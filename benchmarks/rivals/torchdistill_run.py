"""The same work by torchdistill: its training and distillation boxes, its KDLoss and its loggers, as its examples do.

    PYTHON_OF_ITS_ENVIRONMENT -m benchmarks.rivals.torchdistill_run THREADS

Runs in an environment of its own (benchmarks/rivals/environment.py), where nothing of ours but this folder is needed.
"""

from __future__ import annotations

import copy
import logging
import sys
import time
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler
from torchdistill.core.distillation import get_distillation_box
from torchdistill.core.training import get_training_box
from torchdistill.misc.log import MetricLogger, SmoothedValue
from torchdistill.optim.registry import register_scheduler
from torchvision import transforms

from benchmarks.rivals.given import (
    EVALUATION_BATCH,
    Budget,
    Given,
    Order,
    Part,
    Result,
    Variant,
    serve,
    train_one_by_one,
)
from benchmarks.rivals.pictures import Images, altered, to_tensor

LOG_EVERY = 50


@register_scheduler(key="warmup_cosine")
def warmup_cosine(optimizer: torch.optim.Optimizer, budget: Budget) -> torch.optim.lr_scheduler.LRScheduler:
    return torch.optim.lr_scheduler.LambdaLR(optimizer, budget.rate)


def criterion(variant: Variant) -> dict[str, Any]:
    """Its configuration of the loss. With alpha 0 its KDLoss leaves T^2 out, so that the term's weight has it."""
    logits = {"module_path": ".", "io": "output"}
    if variant.teacher_weight == 0:
        term: dict[str, Any] = {
            "criterion": {"key": "CrossEntropyLoss", "kwargs": {}},
            "criterion_wrapper": {
                "key": "SimpleLossWrapper",
                "kwargs": {"input": {"is_from_teacher": False, **logits}, "target": {"uses_label": True}},
            },
            "weight": variant.labels_weight,
        }
    else:
        soft_only = variant.labels_weight == 0
        term = {
            "criterion": {
                "key": "KDLoss",
                "kwargs": {
                    "student_module_path": ".", "student_module_io": "output", "teacher_module_path": ".",
                    "teacher_module_io": "output", "temperature": variant.temperature,
                    "alpha": variant.labels_weight, "beta": variant.teacher_weight, "reduction": "batchmean",
                },
            },
            "weight": variant.teacher_weight * variant.temperature**2 if soft_only else 1.0,
        }
    return {"key": "WeightedSumLoss", "kwargs": {"sub_terms": {"term": term}}}


def configuration(given: Given, part: Part, budget: Budget, variant: Variant, *, seed: int) -> dict[str, Any]:
    """What its YAML files say: loaders, networks, optimiser, schedule and loss."""
    shuffle = torch.Generator().manual_seed(seed)
    sampler: dict[str, Any] = {"class_or_func": RandomSampler, "kwargs": {"generator": shuffle}}
    if budget.steps_per_epoch != len(part.labels) // budget.batch_size:
        sampler["kwargs"]["num_samples"] = budget.steps_per_epoch * budget.batch_size
    settings = {"lr": budget.learning_rate, "weight_decay": budget.weight_decay}
    key = "AdamW"
    if budget.kind == "sgd":
        key, settings = "SGD", settings | {"momentum": budget.momentum, "nesterov": True}
    return {
        "num_epochs": budget.epochs,
        "train_data_loader": {
            "dataset_id": "train", "sampler": sampler,
            "kwargs": {"batch_size": budget.batch_size, "num_workers": given.workers, "drop_last": True},
        },
        "val_data_loader": {
            "dataset_id": "validation", "requires_supp": False, "sampler": {"class_or_func": SequentialSampler},
            "kwargs": {"batch_size": EVALUATION_BATCH, "num_workers": given.workers},
        },
        "teacher": {"forward_proc": "forward_batch_only", "requires_grad": False},
        "student": {"forward_proc": "forward_batch_only", "requires_grad": True},
        "model": {"forward_proc": "forward_batch_only", "requires_grad": True},
        "optimizer": {"key": key, "kwargs": settings},
        "scheduler": {"key": "warmup_cosine", "kwargs": {"budget": budget}, "scheduling_step": 1},
        "criterion": criterion(variant),
    }


def train_network(
    given: Given, network: nn.Module, part: Part, budget: Budget, variant: Variant, *, teacher: nn.Module | None,
    seed: int,
) -> int:
    """Train with the box that fits, checking after each epoch, and go back to the best; answers the steps made."""
    datasets = {
        "train": Images(part, altered(given)),
        "validation": Images(given.validation, transforms.Compose(to_tensor(given))),
    }
    config = configuration(given, part, budget, variant, seed=seed)
    if teacher is not None and variant.teacher_weight > 0:
        box = get_distillation_box(teacher, network, datasets, config, given.device, None, False, 1)
    else:
        box = get_training_box(network, datasets, config, given.device, None, False, 1)
    best_accuracy, best_state, steps = -1.0, copy.deepcopy(network.state_dict()), 0
    for epoch in range(box.num_epochs):
        box.pre_epoch_process(epoch=epoch)
        steps += train_one_epoch(box, given.device, epoch)
        found = evaluate(network, box.val_data_loader, given.device)
        if found >= best_accuracy:
            best_accuracy, best_state = found, copy.deepcopy(network.state_dict())
        box.post_epoch_process()
    network.load_state_dict(best_state)
    return steps


def train_one_epoch(box: Any, device: torch.device, epoch: int) -> int:
    logger = MetricLogger(delimiter="  ")
    logger.add_meter("lr", SmoothedValue(window_size=1, fmt="{value}"))
    logger.add_meter("img/s", SmoothedValue(window_size=10, fmt="{value}"))
    steps = 0
    for inputs, labels, extra in logger.log_every(box.train_data_loader, LOG_EVERY, f"Epoch: [{epoch}]"):
        start = time.time()
        inputs, labels = inputs.to(device), labels.to(device)
        loss = box.forward_process(inputs, labels, extra)
        box.post_forward_process(loss)
        logger.update(loss=loss.item(), lr=box.optimizer.param_groups[0]["lr"])
        logger.meters["img/s"].update(len(labels) / (time.time() - start))
        steps += 1
    return steps


@torch.no_grad()
def evaluate(network: nn.Module, loader: DataLoader[Any], device: torch.device) -> float:
    network.eval()
    right = total = 0
    for inputs, labels in loader:
        right += int((network(inputs.to(device)).argmax(1) == labels.to(device)).sum())
        total += len(labels)
    return right / total


def train(given: Given, order: Order) -> Result:
    return train_one_by_one(given, order, train_network)


if __name__ == "__main__":
    # As its examples do: its log goes to standard error.
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    serve(lambda given: given, train, sys.argv[1:])
