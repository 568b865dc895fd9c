"""Stacks of what is no image classifier: regression trains as one, recurrent taggers one by one and say why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from distill_core.events import Noted
from distill_core.folders import Home
from distill_core.spec import parse_spec
from distill_core.training.preparation import Checked, deep_check
from tests.unit.test_stacks import cohort_of, stacked_names, states, term


def experiment(
    folder: Path, dataset: str, network: dict[str, Any], kinds: dict[str, Any], *, optimizer: str = "sgd"
) -> Checked:
    torch.set_num_threads(1)
    training = {
        "epochs": 2, "steps_per_epoch": 6, "batch_size": 16, "optimizer": {"kind": optimizer, "learning_rate": 0.01},
    }
    return deep_check(parse_spec({
        "name": dataset, "data": {"dataset": {"name": dataset}}, "teacher": {"architecture": network},
        "students": [{"name": name, "architecture": network, "terms": terms} for name, terms in kinds.items()],
        "student_training": training, "seeds": [0], "device": "cpu",
    }), home=Home(folder))


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_values_are_predicted_by_a_stack_as_one_by_one(tmp_path: Path, optimizer: str) -> None:
    kinds = {"alone": [term("squared-error", 1.0)]} | {
        f"teacher {share}": [term("squared-error", 1 - share), term("mse-logits", share)] for share in (0.2, 0.5, 0.8)
    }
    network = {"name": "mlp", "params": {"hidden": 8}}
    checked = experiment(tmp_path, "diabetes", network, kinds, optimizer=optimizer)
    single, _ = cohort_of(checked, tmp_path / "single", stacks=False)
    stacked, told = cohort_of(checked, tmp_path / "stacked", stacks=True)
    assert stacked_names(stacked) == [set(kinds)]
    began = states(stacked)
    single.fit()
    stacked.fit()
    assert [event for event in told if isinstance(event, Noted)] == []
    before, after = states(single), states(stacked)
    for name, state in before.items():
        for key, value in state.items():
            torch.testing.assert_close(after[name][key], value, rtol=2e-3, atol=2e-4)
            assert not torch.equal(began[name][key], value), "or nothing was trained"


def test_recurrent_taggers_say_why_they_train_one_by_one(tmp_path: Path) -> None:
    kinds = {"alone": [term("cross-entropy", 1.0)]} | {
        f"T={temperature}": [term("cross-entropy"), term("kd", temperature=float(temperature))]
        for temperature in (1, 2, 4)
    }
    checked = experiment(tmp_path, "digits-tagging", {"name": "lstm", "params": {"hidden": 8}}, kinds)
    single, _ = cohort_of(checked, tmp_path / "single", stacks=False)
    several, told = cohort_of(checked, tmp_path / "several", stacks=True)
    single.fit()
    several.fit()
    notes = [event.text for event in told if isinstance(event, Noted)]
    assert len(notes) == 1 and notes[0].startswith("Students with the network lstm train one by one: several cannot")
    before, after = states(single), states(several)
    assert all(torch.equal(after[name][key], value) for name, state in before.items() for key, value in state.items())
