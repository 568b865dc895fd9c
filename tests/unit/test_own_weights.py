"""A user's own weights in a network: all of them or none, and what does not fit listed shortly."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from distill_core.errors import NotFound, WeightsError, WeightsMismatch
from distill_core.training.own_weights import Mismatch, compare, load_own_weights


def network(*, seed: int, classes: int = 3) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, classes))


def state_of(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def written(tmp_path: Path, state: dict[str, Tensor]) -> Path:
    path = tmp_path / "0123456789abcdef.safetensors"
    save_file(state, path)
    return path


def equal(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_all_weights_and_statistics_are_taken_over(tmp_path: Path) -> None:
    source, target = network(seed=1), network(seed=2)
    source(torch.randn(8, 1, 4, 4))
    path = written(tmp_path, state_of(source))
    assert not compare(target, path)[0]
    load_own_weights(target, path)
    assert equal(state_of(source), state_of(target))


def test_half_precision_is_widened_and_old_files_may_lack_counters(tmp_path: Path) -> None:
    source, target = network(seed=1), network(seed=2)
    state = {
        name: value.half() if value.is_floating_point() else value
        for name, value in state_of(source).items()
        if not name.endswith("num_batches_tracked")
    }
    load_own_weights(target, written(tmp_path, state))
    assert target[0].weight.dtype == torch.float32
    assert torch.equal(target[0].weight, source[0].weight.half().float())


def test_a_first_part_that_all_names_share_is_no_obstacle(tmp_path: Path) -> None:
    source, target = network(seed=1), network(seed=2)
    path = written(tmp_path, {f"lightning.model.{name}": value for name, value in state_of(source).items()})
    load_own_weights(target, path)
    assert equal(state_of(source), state_of(target))


def test_a_mismatch_is_listed_and_changes_nothing(tmp_path: Path) -> None:
    source, target = network(seed=1), network(seed=2)
    state = state_of(source)
    for name in ("0.weight", "0.bias", "1.weight", "1.bias"):
        state[f"old.{name}"] = state.pop(name)
    state["3.weight"] = torch.ones(5, 16)
    state["3.bias"] = torch.ones(3, dtype=torch.int64)
    path, before = written(tmp_path, state), state_of(target)
    assert compare(target, path)[0] == Mismatch(
        missing=("0.weight", "0.bias", "1.weight", "1.bias"),
        unexpected=("old.0.bias", "old.0.weight", "old.1.bias", "old.1.weight"),
        wrong_shape=(
            "3.weight (5x16 in the file, 3x16 in the network)",
            "3.bias (whole numbers in the file, the other in the network)",
        ),
    )
    with pytest.raises(WeightsMismatch) as caught:
        load_own_weights(target, path)
    assert caught.value.sentence == (
        "These weights belong to another network: 4 tensors are missing: 0.weight, 0.bias, 1.weight and 1 more; "
        "4 tensors are unknown to the network: old.0.bias, old.0.weight, old.1.bias and 1 more; 2 tensors have another "
        "shape: 3.weight (5x16 in the file, 3x16 in the network), 3.bias (whole numbers in the file, the other in the "
        "network). Choose the architecture and settings that they were saved from."
    )
    assert equal(before, state_of(target))


def test_a_long_list_stays_short(tmp_path: Path) -> None:
    path = written(tmp_path, {f"{'deep.' * 40}layer{i}.weight": torch.ones(1) for i in range(1000)})
    sentence = compare(network(seed=0), path)[0].sentence
    assert "and 997 more" in sentence and len(sentence) < 600


def test_another_head_is_refused_and_nothing_is_loaded(tmp_path: Path) -> None:
    source, target = network(seed=1, classes=10), network(seed=2)
    path, before = written(tmp_path, state_of(source)), state_of(target)
    with pytest.raises(WeightsMismatch, match=r"2 tensors have another shape: 3\.weight"):
        load_own_weights(target, path)
    assert equal(before, state_of(target))


def test_missing_and_damaged_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There are no weights '0123456789abcdef'"):
        load_own_weights(network(seed=1), tmp_path / "0123456789abcdef.safetensors")
    path = written(tmp_path, state_of(network(seed=1)))
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(WeightsError, match="are damaged"):
        compare(network(seed=1), path)
