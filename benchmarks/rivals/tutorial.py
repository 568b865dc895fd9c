"""A plain PyTorch script as tutorials have it: a DataLoader, the teacher asked at each step, one student at a time.

    python -m benchmarks.rivals.tutorial THREADS

Steps and loss are those of PyTorch's knowledge distillation tutorial; data, schedule and checks those of the usual
CIFAR scripts. It is written for reading, not to be slow: nothing is done that these do not do.
"""

from __future__ import annotations

import copy
import sys

import torch
from torch import Tensor, nn, optim
from torch.utils.data import DataLoader

from benchmarks.rivals.given import Budget, Given, Order, Part, Result, Variant, serve, train_one_by_one
from benchmarks.rivals.pictures import plain_batches, training_batches


def make_optimizer(network: nn.Module, budget: Budget) -> optim.Optimizer:
    if budget.kind == "adamw":
        return optim.AdamW(network.parameters(), lr=budget.learning_rate, weight_decay=budget.weight_decay)
    return optim.SGD(
        network.parameters(), lr=budget.learning_rate, momentum=budget.momentum, weight_decay=budget.weight_decay,
        nesterov=True,
    )


def distillation_loss(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    soft_targets = nn.functional.softmax(teacher_logits / temperature, dim=-1)
    soft_prob = nn.functional.log_softmax(student_logits / temperature, dim=-1)
    return torch.sum(soft_targets * (soft_targets.log() - soft_prob)) / soft_prob.size(0) * temperature**2


def train_network(
    given: Given, network: nn.Module, part: Part, budget: Budget, variant: Variant, *, teacher: nn.Module | None,
    seed: int,
) -> int:
    """Train, checking the validation set after each epoch, and go back to the best; answers the steps made."""
    device = given.device
    loader, held = training_batches(given, part, budget, seed=seed), plain_batches(given, given.validation)
    optimizer = make_optimizer(network, budget)
    scheduler = optim.lr_scheduler.LambdaLR(optimizer, budget.rate)
    cross_entropy = nn.CrossEntropyLoss()
    best_accuracy, best_state, steps = -1.0, copy.deepcopy(network.state_dict()), 0
    for _ in range(budget.epochs):
        network.train()
        running_loss = 0.0
        for inputs, labels in loader:
            inputs, labels = inputs.to(device), labels.to(device)
            optimizer.zero_grad()
            logits = network(inputs)
            loss = variant.labels_weight * cross_entropy(logits, labels)
            if teacher is not None and variant.teacher_weight > 0:
                with torch.no_grad():
                    teacher_logits = teacher(inputs)
                loss = loss + variant.teacher_weight * distillation_loss(logits, teacher_logits, variant.temperature)
            loss.backward()
            optimizer.step()
            scheduler.step()
            running_loss += loss.item()
            steps += 1
        found = evaluate(network, held, device)
        if found >= best_accuracy:
            best_accuracy, best_state = found, copy.deepcopy(network.state_dict())
    network.load_state_dict(best_state)
    return steps


@torch.no_grad()
def evaluate(network: nn.Module, loader: DataLoader[tuple[Tensor, Tensor]], device: torch.device) -> float:
    network.eval()
    correct = total = 0
    for inputs, labels in loader:
        inputs, labels = inputs.to(device), labels.to(device)
        correct += (network(inputs).argmax(1) == labels).sum().item()
        total += labels.size(0)
    return correct / total


def train(given: Given, order: Order) -> Result:
    return train_one_by_one(given, order, train_network)


if __name__ == "__main__":
    serve(lambda given: given, train, sys.argv[1:])
