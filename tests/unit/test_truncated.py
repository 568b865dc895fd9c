"""The network that is cut from the teacher computes what the teacher does up to the cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from distill_core.architectures import REGISTRY
from distill_core.signature import Signature

IMAGES = Signature(kind="image", shape=(3, 32, 32), outputs=10)
TEXTS = Signature(kind="text", shape=(6,), outputs=3, vocabulary=20)


def cut(signature: Signature, make: Callable[[], nn.Module], children: int) -> nn.Module:
    entry = REGISTRY["truncated"]
    return entry.build(entry.resolve({"children": children}), replace(signature, teacher=make))


def maker(name: str, signature: Signature, **params: Any) -> Callable[[], nn.Module]:
    entry = REGISTRY[name]
    return lambda: entry.build(entry.resolve(params), signature)


def test_five_children_of_a_resnet18_are_the_classic_student() -> None:
    student = cut(IMAGES, maker("resnet18", IMAGES, stem="imagenet"), 5)
    assert [name for name, _ in student.named_children()] == [
        "conv1", "bn1", "relu", "maxpool", "layer1", "cut_pool", "cut_flatten", "cut_head",
    ]  # fmt: skip
    assert sum(value.numel() for value in student.parameters()) == 158_154
    assert student.training and all(module.training for module in student.modules())


@pytest.mark.parametrize(("name", "inner"), [("resnet18", "layer2"), ("mobilenet-v2", "features.3"), ("vit", "ln")])
def test_with_the_teachers_weights_it_computes_the_teachers_inner_map(name: str, inner: str) -> None:
    params = {"size": "tiny", "patch": 4} if name == "vit" else {}
    make = maker(name, IMAGES, **params)
    torch.manual_seed(0)
    teacher = make().eval()
    children = {"layer2": 6, "features.3": 4, "ln": 15}[inner]
    student = cut(IMAGES, make, children).eval()
    state = student.state_dict()
    assert {key for key in state if key not in teacher.state_dict()} == {"cut_head.weight", "cut_head.bias"}
    student.load_state_dict(state | {key: value for key, value in teacher.state_dict().items() if key in state})
    seen: list[Tensor] = []
    teacher.get_submodule(inner).register_forward_hook(lambda module, inputs, output: seen.append(output))
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        teacher(images)
        mean = seen[0].mean(1) if seen[0].dim() == 3 else seen[0].mean((2, 3))
        torch.testing.assert_close(student(images), student.cut_head(mean))


def test_padding_is_neither_read_nor_counted() -> None:
    torch.manual_seed(0)
    student = cut(TEXTS, maker("text-transformer", TEXTS), 2).eval()
    padded = torch.tensor([[3, 4, 5, 0, 0, 0]])
    with torch.no_grad():
        steps = student.layer1(student.embedding(padded), padded != 0)
        torch.testing.assert_close(student(padded), student.cut_head(steps[:, :3].mean(1)))


def test_steps_are_tagged_one_by_one() -> None:
    signature = Signature(kind="sequence", shape=(8, 4), outputs=5, task="tagging")
    student = cut(signature, maker("bilstm", signature), 1)
    assert student(torch.randn(2, 8, 4)).shape == (2, 8, 5)


def test_a_cut_behind_the_steps_leaves_nothing_to_tag() -> None:
    signature = Signature(kind="sequence", shape=(8, 4), outputs=5, task="tagging")
    whole = nn.Sequential(nn.Flatten(), nn.Linear(32, 40), nn.Unflatten(1, (8, 5)))
    with pytest.raises(ValueError, match="no steps are left to tag"):
        cut(signature, lambda: whole, 2)


def test_too_many_children_and_no_teacher_are_sentences() -> None:
    with pytest.raises(ValueError, match=r"can be cut after 1 to 3 child modules; 5 is too many\."):
        cut(IMAGES, maker("mlp", IMAGES), 5)
    entry = REGISTRY["truncated"]
    with pytest.raises(ValueError, match=r"cut from another one, the teacher"):
        entry.build(entry.resolve({}), IMAGES)


class Crossed(nn.Module):
    """Runs its children in another order than they stand in."""

    def __init__(self) -> None:
        super().__init__()
        self.second = nn.Linear(6, 6)
        self.first = nn.Linear(6, 6)
        self.last = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.second(self.first(x)))


class Forked(Crossed):
    """Its first two children do not fit behind each other."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 3)
        self.second = nn.Linear(6, 3)
        self.last = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x) + self.second(x))


@pytest.mark.parametrize(("network", "words"), [(Crossed, "alone do not compute"), (Forked, "do not run one after")])
def test_a_teacher_whose_children_do_not_run_in_order_is_refused(network: type[nn.Module], words: str) -> None:
    rows = Signature(kind="table", shape=(6,), outputs=2)
    torch.manual_seed(0)
    with pytest.raises(ValueError, match=words):
        cut(rows, network, 2)


def test_a_recurrent_layer_that_answers_with_its_states_is_refused() -> None:
    signature = Signature(kind="sequence", shape=(8, 4), outputs=5)

    class Bare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.LSTM(4, 6, batch_first=True)
            self.head = nn.Linear(6, 5)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.cell(x)[0][:, -1])

    with pytest.raises(ValueError, match="does not give one tensor"):
        cut(signature, Bare, 1)
