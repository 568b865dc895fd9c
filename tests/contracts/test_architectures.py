"""Every architecture keeps the same promises, for every kind of input and task that it names."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from typing import Any, Literal, get_args, get_origin

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

from distill_core.architectures import REGISTRY
from distill_core.architectures.pieces import pieces
from distill_core.entries import ArchitectureEntry
from distill_core.signature import INPUT_KINDS, TASKS, Signature
from distill_core.training.folded import folded
from distill_core.training.precision import computing, whole

SHAPES: dict[str, tuple[tuple[int, ...], ...]] = {
    "image": ((1, 8, 8), (3, 32, 32)),
    "sequence": ((8, 5),),
    "text": ((9,),),
    "table": ((6,),),
}
VOCABULARY = 30
QUICK: dict[str, dict[str, Any]] = {"vit": {"size": "tiny", "patch": 4}, "truncated": {"children": 2}}
"""Smaller than the defaults, where those are slow or too deep for the teacher below."""
TEACHERS = {"image": "small-cnn", "sequence": "lstm", "text": "text-transformer", "table": "mlp"}
REFUSED = {("vgg", (1, 8, 8))}
"""What an entry's kinds allow but its size does not: a sentence is wanted instead of a network."""


def signature_of(kind: Any, shape: tuple[int, ...], task: Any = "classification") -> Signature:
    outputs = 2 if task == "regression" else 10
    return Signature(kind=kind, shape=shape, outputs=outputs, task=task, vocabulary=VOCABULARY if kind == "text" else 0)


def signatures(entry: ArchitectureEntry) -> list[Signature]:
    """All that its traits allow; steps to tag are those of sequences and texts."""
    return [
        signature_of(kind, shape, task)
        for kind in INPUT_KINDS
        for task in TASKS
        for shape in SHAPES[kind]
        if {kind, task} <= entry.traits and (task != "tagging" or kind in ("sequence", "text"))
    ]


def build(entry: ArchitectureEntry, signature: Signature, *, seed: int = 0, **params: Any) -> nn.Module:
    if "cut" in entry.traits and signature.teacher is None:
        teacher = REGISTRY[TEACHERS[signature.kind]]
        signature = replace(signature, teacher=lambda: teacher.build(teacher.resolve({}), signature))
    torch.manual_seed(seed)
    return entry.build(entry.resolve(QUICK.get(entry.name, {}) | params), signature)


def inputs_of(signature: Signature, count: int, *, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    if signature.kind != "text":
        return torch.randn(count, *signature.shape, generator=generator)
    tokens = torch.randint(1, VOCABULARY, (count, *signature.shape), generator=generator)
    tokens[0, signature.shape[0] // 2 :] = 0
    return tokens


def loss_of(answers: Tensor, signature: Signature) -> Tensor:
    """Against fixed made-up labels."""
    generator = torch.Generator().manual_seed(7)
    if signature.task == "regression":
        return nn.functional.mse_loss(answers, torch.randn(answers.shape, generator=generator))
    logits = answers.flatten(0, -2)
    return nn.functional.cross_entropy(logits, torch.randint(10, (len(logits),), generator=generator))


def loss_after_step(network: nn.Module, inputs: Tensor, signature: Signature, loss: Tensor) -> Tensor:
    """Of a step down the gradient: one that would lower a straight loss by a twentieth, halved while it is too long."""
    weights = [value for value in network.parameters() if value.grad is not None]
    slope = sum(float(value.grad.square().sum()) for value in weights if value.grad is not None)
    start, length = [value.detach().clone() for value in weights], 0.05 * loss.item() / slope
    for _ in range(8):
        with torch.no_grad():
            for value, begun in zip(weights, start, strict=True):
                assert value.grad is not None
                value.copy_(begun - length * value.grad)
        stepped = loss_of(network(inputs), signature)
        if stepped < loss:
            break
        length /= 2
    return stepped


CASES = [
    pytest.param(
        entry, signature, id=f"{entry.name}-{signature.kind}{signature.shape}-{signature.task}".replace(" ", "")
    )
    for entry in REGISTRY
    for signature in signatures(entry)
]
FITTING = [case for case in CASES if (case.values[0].name, case.values[1].shape) not in REFUSED]
TRAINED = list(
    {(case.values[0].name, case.values[1].kind, case.values[1].task): case for case in reversed(FITTING)}.values()
)
"""The smallest shape of each kind and task."""
SMALLEST = [
    pytest.param(entry, next(case.values[1] for case in FITTING if case.values[0].name == entry.name), id=entry.name)
    for entry in REGISTRY
]


def variants(entry: ArchitectureEntry) -> list[dict[str, Any]]:
    """The defaults, and each other choice of each parameter that has choices."""
    found: list[dict[str, Any]] = [{}]
    for name, field in entry.params.model_fields.items():
        if get_origin(field.annotation) is Literal:
            found += [{name: value} for value in get_args(field.annotation) if value != field.default]
    return found


IMAGE_ENTRIES = [entry for entry in REGISTRY if "image" in entry.traits and "cut" not in entry.traits]
VARIANTS = [
    pytest.param(entry, params, id=f"{entry.name}-{'-'.join(f'{k}={v}' for k, v in params.items()) or 'default'}")
    for entry in IMAGE_ENTRIES
    for params in variants(entry)
]


def test_every_entry_names_what_it_fits() -> None:
    for entry in REGISTRY:
        assert entry.traits & set(INPUT_KINDS), f"{entry.name} names no kind of input"
        assert entry.traits & set(TASKS), f"{entry.name} names no task"
        assert ("pretrained" in entry.traits) == ("pretrained" in entry.params.model_fields), entry.name
        assert signatures(entry), entry.name


@pytest.mark.parametrize(("entry", "signature"), CASES)
def test_it_answers_as_the_signature_says(entry: ArchitectureEntry, signature: Signature) -> None:
    if (entry.name, signature.shape) in REFUSED:
        with pytest.raises(ValueError, match=r"^[A-Z].*\.$"):
            build(entry, signature)
        return
    network = build(entry, signature)
    assert network.training
    inputs = inputs_of(signature, 3)
    network.eval()
    with torch.no_grad():
        answers = network(inputs)
        assert answers.shape == (3, *signature.answer_shape)
        assert torch.isfinite(answers).all()
        torch.testing.assert_close(answers[1:2], network(inputs[1:2]), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("entry", "signature"), TRAINED)
def test_a_step_lowers_its_own_loss_and_every_weight_has_a_gradient(
    entry: ArchitectureEntry, signature: Signature
) -> None:
    network = build(entry, signature).train()
    for module in network.modules():
        if isinstance(module, (nn.Dropout, StochasticDepth)):
            module.p = 0.0
    inputs = inputs_of(signature, 4)
    idle = dict(network.named_parameters())
    loss = loss_of(network(inputs), signature)
    # The second step reaches what stands behind a last layer that begins at zero.
    for _ in range(2):
        network.zero_grad()
        loss.backward()
        idle = {name: value for name, value in idle.items() if value.grad is None or not value.grad.any()}
        stepped = loss_after_step(network, inputs, signature, loss)
        assert stepped < loss
        loss = stepped
    assert not idle, f"these take no part: {sorted(idle)}"


@pytest.mark.parametrize(("entry", "signature"), SMALLEST)
def test_the_seed_alone_determines_it_and_safetensors_keep_it(entry: ArchitectureEntry, signature: Signature) -> None:
    first, second = build(entry, signature, seed=1), build(entry, signature, seed=1)
    weights = first.state_dict()
    assert all(torch.equal(value, second.state_dict()[name]) for name, value in weights.items())
    other = build(entry, signature, seed=2)
    assert any(not torch.equal(value, other.state_dict()[name]) for name, value in weights.items())
    other.load_state_dict(load(save({name: value.contiguous() for name, value in weights.items()})))
    inputs = inputs_of(signature, 2)
    with torch.no_grad():
        assert torch.equal(first.eval()(inputs), other.eval()(inputs))


@pytest.mark.parametrize(("entry", "signature"), SMALLEST)
def test_its_shapes_can_be_found_without_computing(entry: ArchitectureEntry, signature: Signature) -> None:
    network = copy.deepcopy(build(entry, signature)).to("meta").eval()
    answers = network(inputs_of(signature, 2).to("meta"))
    assert answers.shape == (2, *signature.answer_shape)


@pytest.mark.parametrize(("entry", "params"), VARIANTS)
def test_images_of_any_size_fit_or_are_refused_in_a_sentence(entry: ArchitectureEntry, params: dict[str, Any]) -> None:
    fitting = []
    for channels, height, width in ((1, 8, 8), (2, 9, 13), (3, 17, 20), (1, 21, 40), (3, 32, 64)):
        signature = signature_of("image", (channels, height, width))
        with torch.device("meta"):
            try:
                network = entry.build(entry.resolve(params), signature)
            except ValueError as refusal:
                assert re.fullmatch(r"[A-Z][^\n]*\.", str(refusal)), refusal
                continue
            with torch.no_grad():
                assert network.eval()(torch.zeros(2, channels, height, width)).shape == (2, 10)
        fitting.append((height, width))
    assert (32, 64) in fitting, "32 pixels are enough for all"


@pytest.mark.parametrize("entry", IMAGE_ENTRIES, ids=lambda entry: entry.name)
def test_images_are_read_by_children_in_running_order(entry: ArchitectureEntry) -> None:
    signature = signature_of("image", (3, 32, 32))
    network = build(entry, signature).eval()
    x = inputs = inputs_of(signature, 2)
    with torch.no_grad():
        for _, piece in pieces(network):
            x = piece(x)
        torch.testing.assert_close(x, network(inputs))


@pytest.mark.parametrize("entry", IMAGE_ENTRIES, ids=lambda entry: entry.name)
def test_every_image_network_can_be_cut_anywhere(entry: ArchitectureEntry) -> None:
    signature = signature_of("image", (3, 32, 32))
    teacher = build(entry, signature)
    count = len(list(pieces(teacher)))
    cut_ready = replace(signature, teacher=lambda: teacher)
    truncated = REGISTRY["truncated"]
    for children in sorted({1, count // 2, count - 1}):
        network = truncated.build(truncated.resolve({"children": children}), cut_ready)
        names = {name for name in network.state_dict() if not name.startswith("cut_")}
        assert names <= set(teacher.state_dict())
        with torch.no_grad():
            assert network.eval()(inputs_of(signature, 2)).shape == (2, 10)
    with pytest.raises(ValueError, match=f"{count} is too many"):
        truncated.build(truncated.resolve({"children": count}), cut_ready)


@pytest.mark.parametrize("entry", list(REGISTRY), ids=lambda entry: entry.name)
def test_it_refuses_other_kinds_of_input_in_a_sentence(entry: ArchitectureEntry) -> None:
    if "cut" in entry.traits:
        with pytest.raises(ValueError, match="teacher"):
            entry.build(entry.resolve({}), signature_of("image", (1, 8, 8)))
        return
    foreign = [kind for kind in INPUT_KINDS if kind not in entry.traits]
    assert foreign, "nothing reads all kinds"
    for kind in foreign:
        with pytest.raises(ValueError, match=r"^\S.* "):
            build(entry, signature_of(kind, SHAPES[kind][0]))


@pytest.mark.parametrize(("entry", "signature"), SMALLEST)
def test_trains_in_sixteen_bits_and_answers_the_same_when_folded(
    entry: ArchitectureEntry, signature: Signature
) -> None:
    network, inputs = build(entry, signature).train(), inputs_of(signature, 8)
    device = torch.device("cpu")
    with computing("bfloat16", device):
        answers = whole(network(inputs))
    loss_of(answers, signature).backward()
    gradients = [value.grad for value in network.parameters() if value.grad is not None]
    assert gradients and all(gradient.dtype == torch.float32 and gradient.isfinite().all() for gradient in gradients)
    with torch.no_grad():
        expected = network.eval()(inputs)
        quick = folded(network)
        torch.testing.assert_close(quick(inputs), expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
        with computing("bfloat16", device):
            rounded = whole(quick(inputs))
    assert (rounded - expected).abs().max() <= 0.1 * expected.abs().max()
