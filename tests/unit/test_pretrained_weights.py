"""Pretrained weights: fetched once, checked, fitted to the data, and missed in one sentence."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from distill_core.architectures import REGISTRY, pretrained, published, vit
from distill_core.errors import WeightsUnavailable
from distill_core.signature import Signature

IMAGES = Signature(kind="image", shape=(3, 32, 32), outputs=7)
PRETRAINED = [entry for entry in REGISTRY if "pretrained" in entry.traits]


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """torch.hub's folder of checkpoints, an empty one."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder that stands for the internet."""
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


def publish(source: Path, state: dict[str, Tensor], *, name: str = "net") -> str:
    """Its URL, with the checksum in the name as torchvision's have it."""
    unnamed = source / "unnamed"
    torch.save(state, unnamed)
    digest = hashlib.sha256(unnamed.read_bytes()).hexdigest()[:8]
    return unnamed.rename(source / f"{name}-{digest}.pth").as_uri()


def build(name: str, signature: Signature = IMAGES, *, seed: int = 0, **params: Any) -> nn.Module:
    entry = REGISTRY[name]
    torch.manual_seed(seed)
    return entry.build(entry.resolve(params), signature)


def imagenet_state(name: str, **params: Any) -> dict[str, Tensor]:
    """What a published file of that network holds: our published form for 1000 classes, by another seed."""
    return dict(build(name, Signature(kind="image", shape=(3, 32, 32), outputs=1000), seed=9, **params).state_dict())


def serve(monkeypatch: pytest.MonkeyPatch, state: dict[str, Tensor]) -> list[str]:
    """Every network reads `state`; the URLs asked for."""
    asked: list[str] = []

    def fetched(url: str) -> dict[str, Tensor]:
        asked.append(url)
        return state

    monkeypatch.setattr(published, "fetch_weights", fetched)
    return asked


def test_weights_are_fetched_once_and_kept(source: Path, hub: Path) -> None:
    url = publish(source, {"weight": torch.arange(3.0)})
    assert torch.equal(pretrained.fetch_weights(url)["weight"], torch.arange(3.0))
    for file in source.iterdir():
        file.unlink()
    assert torch.equal(pretrained.fetch_weights(url)["weight"], torch.arange(3.0))
    assert [file.name for file in hub.iterdir()] == [url.rsplit("/", 1)[1]]


def test_offline_the_sentence_says_which_file_to_place_where(hub: Path) -> None:
    with pytest.raises(WeightsUnavailable) as caught:
        pretrained.fetch_weights("http://127.0.0.1:9/models/resnet18-f37072fd.pth")
    sentence = caught.value.sentence
    assert "resnet18-f37072fd.pth" in sentence and str(hub) in sentence
    assert "http://127.0.0.1:9/models/resnet18-f37072fd.pth" in sentence
    assert "Errno" not in sentence and "urlopen" not in sentence
    assert list(hub.iterdir()) == []


def test_what_arrives_incomplete_does_not_stay(source: Path, hub: Path) -> None:
    url = publish(source, {"weight": torch.arange(3.0)})
    file = next(source.iterdir())
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(WeightsUnavailable, match="incomplete or altered"):
        pretrained.fetch_weights(url)
    assert list(hub.iterdir()) == []


def test_what_a_killed_process_left_is_removed_but_not_what_is_being_written(source: Path, hub: Path) -> None:
    url = publish(source, {"weight": torch.arange(3.0)})
    name = url.rsplit("/", 1)[1]
    hub.mkdir(parents=True)
    left, busy, foreign = (hub / f"{name}.old.partial", hub / f"{name}.new.partial", hub / "other.pth.old.partial")
    for file in (left, busy, foreign):
        file.write_bytes(b"half")
    for file in (left, foreign):
        os.utime(file, (time.time() - 7200,) * 2)
    pretrained.fetch_weights(url)
    assert sorted(hub.iterdir()) == sorted([hub / name, busy, foreign])


def test_a_damaged_file_is_told_and_left_to_the_user(source: Path, hub: Path) -> None:
    url = publish(source, {"weight": torch.arange(3.0)})
    hub.mkdir(parents=True)
    placed = hub / url.rsplit("/", 1)[1]
    placed.write_bytes(b"not these")
    with pytest.raises(WeightsUnavailable, match="checksum") as caught:
        pretrained.fetch_weights(url)
    assert str(placed) in caught.value.sentence
    assert placed.read_bytes() == b"not these"


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(source: Path, hub: Path) -> None:
    url = publish(source, {"weight": torch.arange(3.0)})
    hub.parent.parent.mkdir()
    hub.parent.write_text("a file where the folder should be")
    with pytest.raises(WeightsUnavailable, match="place the file"):
        pretrained.fetch_weights(url)


def test_a_whole_network_starts_from_the_file_that_was_placed(
    source: Path, hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = imagenet_state("mobilenet-v3", stem="imagenet")
    url = publish(source, state)
    asked: list[str] = []
    fetch = pretrained.fetch_weights
    monkeypatch.setattr(published, "fetch_weights", lambda wanted: (asked.append(wanted), fetch(url))[1])
    network = build("mobilenet-v3", pretrained=True)
    assert asked[0].endswith("mobilenet_v3_small-047dcff4.pth")
    assert torch.equal(network.state_dict()["features.5.block.0.0.weight"], state["features.5.block.0.0.weight"])


PUBLISHED: dict[str, dict[str, Any]] = {
    "resnet18": {"stem": "imagenet"},
    "resnet34": {"stem": "imagenet"},
    "resnet50": {"stem": "imagenet"},
    "mobilenet-v2": {"stem": "imagenet"},
    "mobilenet-v3": {"stem": "imagenet"},
    "shufflenet-v2": {"stem": "imagenet"},
    "efficientnet-b0": {"stem": "imagenet"},
    "squeezenet": {"stem": "imagenet"},
    "convnext-tiny": {"stem": "imagenet"},
    "vgg": {"head": "small"},
}
HEADS = ("fc.", "classifier.")


@pytest.mark.parametrize("name", list(PUBLISHED))
def test_all_but_the_last_layer_is_loaded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    state = imagenet_state(name, **PUBLISHED[name])
    asked = serve(monkeypatch, state)
    signature = Signature(kind="image", shape=(1, 32, 32), outputs=7)
    network = build(name, signature, pretrained=True, **PUBLISHED[name]).eval()
    assert len(asked) == 1 and "-" in asked[0].rsplit("/", 1)[1]
    loaded = network.state_dict()
    same = {key for key, value in loaded.items() if value.shape == state[key].shape and torch.equal(value, state[key])}
    first = next(key for key in loaded if key.endswith("weight"))
    fresh = {key for key in loaded if key not in same}
    assert all(key.startswith(HEADS) or key == first for key in fresh), sorted(fresh)
    assert torch.equal(loaded[first], pretrained.for_channels(state[first], 1))
    assert any(key.startswith(HEADS) for key in fresh), "the last layer is new"
    assert network(torch.rand(2, 1, 32, 32)).shape == (2, 7)


def test_the_small_stem_of_a_resnet_keeps_its_own_first_convolution(monkeypatch: pytest.MonkeyPatch) -> None:
    state = imagenet_state("resnet18", stem="imagenet")
    serve(monkeypatch, state)
    network = build("resnet18", stem="small", pretrained=True).state_dict()
    assert network["conv1.weight"].shape == (64, 3, 3, 3)
    assert torch.equal(network["layer4.1.conv2.weight"], state["layer4.1.conv2.weight"])


def test_every_entry_with_pretrained_weights_is_tried_here() -> None:
    assert {entry.name for entry in PRETRAINED} == {*PUBLISHED, "vit"}


def test_a_grey_image_is_answered_as_its_copy_in_three_channels() -> None:
    filters = torch.randn(4, 3, 3, 3, dtype=torch.float64)
    grey = torch.rand(2, 1, 8, 8, dtype=torch.float64)
    wanted = nn.functional.conv2d(grey.repeat(1, 3, 1, 1), filters)
    for channels in (1, 2, 5):
        fitted = pretrained.for_channels(filters, channels)
        torch.testing.assert_close(nn.functional.conv2d(grey.repeat(1, channels, 1, 1), fitted), wanted)
    assert pretrained.for_channels(filters, 3) is filters


def test_the_vision_transformer_takes_torchvisions_names_and_any_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import vit_b_16
    from torchvision.models.vision_transformer import VisionTransformer

    with torch.device("meta"):
        published = {name: value.shape for name, value in vit_b_16().state_dict().items()}
    torch.manual_seed(3)
    theirs = VisionTransformer(32, 16, 12, 12, 768, 3072, num_classes=7)
    nn.init.normal_(theirs.heads.head.weight)
    state = {name: value.clone() for name, value in theirs.state_dict().items()}
    assert set(state) == set(published)
    serve(monkeypatch, state)
    ours = build("vit", pretrained=True)
    ours.head.load_state_dict(theirs.heads.head.state_dict())
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(images), theirs.eval()(images), rtol=1e-4, atol=1e-5)
    state["encoder.pos_embedding"] = torch.randn(published["encoder.pos_embedding"])
    wide = build("vit", Signature(kind="image", shape=(3, 32, 64), outputs=7), pretrained=True)
    assert wide.state_dict()["tokens.pos_embedding"].shape == (1, 1 + 2 * 4, 768)


def test_positions_are_resized_over_the_grid_and_the_class_token_kept() -> None:
    rows = torch.arange(4.0).view(4, 1).expand(4, 4).reshape(1, 16, 1)
    positions = torch.cat([torch.full((1, 1, 1), 9.0), rows], dim=1)
    resized = vit.resized_positions(positions, 2, 3)
    assert resized.shape == (1, 7, 1) and resized[0, 0, 0] == 9
    torch.testing.assert_close(resized[0, 1:, 0], torch.tensor([0.0, 0, 0, 3, 3, 3]))
    assert vit.resized_positions(positions, 4, 4) is positions


def test_only_vit_b_16_has_pretrained_weights() -> None:
    with pytest.raises(ValueError, match="size base with patches of 16"):
        build("vit", size="tiny", pretrained=True)
