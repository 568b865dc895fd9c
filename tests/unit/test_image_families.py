"""Image families agree with what is published: parameter counts, torchvision's names and answers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torchvision import models

from distill_core.architectures import REGISTRY
from distill_core.signature import Signature

PARAMETERS = [
    # Of the digits and CIFAR-10 presets, as measured for them.
    ("small-cnn", {}, (1, 8, 8), 10, 25_978),
    ("tiny-cnn", {}, (1, 8, 8), 10, 1_898),
    ("mlp", {}, (1, 8, 8), 10, 2_410),
    ("strided-cnn", {}, (3, 32, 32), 10, 26_974),
    ("resnet9", {}, (3, 32, 32), 10, 412_954),
    ("resnet18", {}, (3, 32, 32), 10, 11_173_962),
    ("resnet18", {"stem": "imagenet"}, (3, 32, 32), 10, 11_181_642),
    # Of the published CIFAR-100 tables.
    ("cifar-resnet", {"depth": 20}, (3, 32, 32), 100, 278_324),
    ("cifar-resnet", {"depth": 32}, (3, 32, 32), 100, 472_756),
    ("cifar-resnet", {"depth": 56}, (3, 32, 32), 100, 861_620),
    ("cifar-resnet", {"depth": 110}, (3, 32, 32), 100, 1_736_564),
    ("cifar-resnet", {"depth": 8, "width": 4}, (3, 32, 32), 100, 1_233_540),
    ("cifar-resnet", {"depth": 32, "width": 4}, (3, 32, 32), 100, 7_433_860),
    ("cifar-wrn", {"depth": 16, "width": 2}, (3, 32, 32), 100, 703_284),
    ("cifar-wrn", {"depth": 40, "width": 1}, (3, 32, 32), 100, 569_780),
    ("cifar-wrn", {"depth": 40, "width": 2}, (3, 32, 32), 100, 2_255_156),
    ("cifar-vgg", {"depth": 8}, (3, 32, 32), 100, 3_965_028),
    ("cifar-vgg", {"depth": 13}, (3, 32, 32), 100, 9_462_180),
    ("cifar-mobilenet-v2", {}, (3, 32, 32), 100, 812_836),
    ("cifar-shufflenet-v1", {}, (3, 32, 32), 100, 949_258),
    ("cifar-shufflenet-v2", {}, (3, 32, 32), 100, 1_355_528),
    # With 10 classes.
    ("cifar-resnet", {"depth": 8}, (3, 32, 32), 10, 78_042),
    ("cifar-resnet", {"depth": 20}, (3, 32, 32), 10, 272_474),
]

TORCHVISION: list[tuple[str, dict[str, Any], str]] = [
    ("resnet18", {"stem": "imagenet"}, "resnet18"),
    ("resnet34", {"stem": "imagenet"}, "resnet34"),
    ("resnet50", {"stem": "imagenet"}, "resnet50"),
    ("mobilenet-v2", {"stem": "imagenet"}, "mobilenet_v2"),
    ("mobilenet-v3", {"stem": "imagenet", "size": "small"}, "mobilenet_v3_small"),
    ("mobilenet-v3", {"stem": "imagenet", "size": "large"}, "mobilenet_v3_large"),
    ("shufflenet-v2", {"stem": "imagenet", "width": "x0.5"}, "shufflenet_v2_x0_5"),
    ("shufflenet-v2", {"stem": "imagenet", "width": "x1.0"}, "shufflenet_v2_x1_0"),
    ("efficientnet-b0", {"stem": "imagenet"}, "efficientnet_b0"),
    ("squeezenet", {"stem": "imagenet", "version": "1.0"}, "squeezenet1_0"),
    ("squeezenet", {"stem": "imagenet", "version": "1.1"}, "squeezenet1_1"),
    ("convnext-tiny", {"stem": "imagenet"}, "convnext_tiny"),
    ("vgg", {"head": "imagenet", "depth": 11}, "vgg11_bn"),
    ("vgg", {"head": "imagenet", "depth": 13}, "vgg13_bn"),
    ("vgg", {"head": "imagenet", "depth": 16}, "vgg16_bn"),
]


def build(name: str, params: dict[str, Any], shape: tuple[int, ...], outputs: int) -> nn.Module:
    entry = REGISTRY[name]
    return entry.build(entry.resolve(params), Signature(kind="image", shape=shape, outputs=outputs))


@pytest.mark.parametrize(("name", "params", "shape", "outputs", "wanted"), PARAMETERS)
def test_parameter_counts_are_the_published_ones(
    name: str, params: dict[str, Any], shape: tuple[int, ...], outputs: int, wanted: int
) -> None:
    with torch.device("meta"):
        network = build(name, params, shape, outputs)
    assert sum(parameter.numel() for parameter in network.parameters()) == wanted


@pytest.mark.parametrize(("name", "params", "theirs"), TORCHVISION)
def test_weights_have_torchvisions_names_and_shapes(name: str, params: dict[str, Any], theirs: str) -> None:
    with torch.device("meta"):
        ours = build(name, params, (3, 224, 224), 1000).state_dict()
        published = models.get_model(theirs).state_dict()
    assert [(key, value.shape) for key, value in ours.items()] == [(k, v.shape) for k, v in published.items()]


@pytest.mark.parametrize(("name", "params", "theirs"), [case for case in TORCHVISION if case[0] != "vgg"])
def test_with_torchvisions_weights_it_answers_as_torchvision(name: str, params: dict[str, Any], theirs: str) -> None:
    torch.manual_seed(0)
    published = models.get_model(theirs).eval()
    if name == "squeezenet":
        # Ours lacks the ReLU behind the last convolution, so that answers can be negative.
        published.classifier[2] = nn.Identity()
    ours = build(name, params, (3, 48, 48), 1000).eval()
    ours.load_state_dict(published.state_dict())
    images = torch.randn(2, 3, 48, 48)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), published(images))


def test_vgg_answers_as_torchvision_up_to_its_head() -> None:
    torch.manual_seed(0)
    published = models.vgg.VGG(models.vgg.make_layers(models.vgg.cfgs["A"], batch_norm=True), init_weights=False).eval()
    ours = build("vgg", {"depth": 11}, (3, 64, 64), 10).eval()
    ours.features.load_state_dict(published.features.state_dict())
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours.features(images), published.features(images))


def test_squeezenet_can_answer_with_negative_values() -> None:
    torch.manual_seed(0)
    network = build("squeezenet", {}, (3, 32, 32), 10).eval()
    with torch.no_grad():
        assert (network(torch.randn(8, 3, 32, 32)) < 0).any()


def test_mobilenet_v3_settles_its_statistics_in_a_short_training() -> None:
    network = build("mobilenet-v3", {}, (3, 32, 32), 10)
    momenta = {module.momentum for module in network.modules() if isinstance(module, nn.BatchNorm2d)}
    assert momenta == {0.1}


@pytest.mark.parametrize(
    ("name", "params", "side"),
    [
        ("squeezenet", {"stem": "imagenet", "version": "1.1"}, 17),
        ("squeezenet", {"stem": "imagenet", "version": "1.0"}, 21),
        ("squeezenet", {"stem": "small", "version": "1.0"}, 8),
        ("vgg", {}, 32),
        ("convnext-tiny", {"stem": "imagenet"}, 32),
        ("convnext-tiny", {"stem": "small"}, 8),
        ("strided-cnn", {}, 8),
        ("cifar-vgg", {}, 8),
    ],
)
def test_the_least_side_is_enough_and_one_pixel_less_is_refused(name: str, params: dict[str, Any], side: int) -> None:
    with torch.device("meta"):
        network = build(name, params, (3, side, side), 10).eval()
        assert network(torch.zeros(2, 3, side, side)).shape == (2, 10)
        with pytest.raises(ValueError, match=f"at least {side} x {side} pixels; these are {side - 1} x {side}"):
            build(name, params, (3, side - 1, side), 10)


def test_large_images_are_pooled_once_more_in_a_cifar_vgg() -> None:
    with torch.device("meta"):
        for side, left in ((32, 4), (63, 7), (64, 4), (128, 8)):
            network = build("cifar-vgg", {}, (3, side, side), 10).eval()
            inner = network[:-3](torch.zeros(1, 3, side, side))
            assert inner.shape == (1, 512, left, left)
