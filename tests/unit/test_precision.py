"""Training in 16 bits: what is named by it, what stays in 32 bits, and what a folded teacher answers."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from distill_core.errors import SpecError
from distill_core.folders import Home
from distill_core.presets import find_preset
from distill_core.spec import parse_spec
from distill_core.training.assembly import student_cohort, teacher_cohort
from distill_core.training.cohort import Cohort, Surroundings
from distill_core.training.folded import folded
from distill_core.training.precision import as_half, chosen_precision, network_precision, whole
from distill_core.training.preparation import Checked, deep_check, installed_catalogue
from distill_core.training.stack import Stack

CPU = torch.device("cpu")
CATALOGUE = installed_catalogue()


def digits(tmp_path, *, preset: str = "digits", **changes) -> Checked:
    spec = find_preset(preset).spec.to_json() | {"device": "cpu"} | changes
    for training in (spec["teacher"]["training"], spec["student_training"]):
        training |= {"epochs": 1, "steps_per_epoch": 4}
    return deep_check(parse_spec(spec), home=Home(tmp_path))


def trained(checked: Checked, names: tuple[str, ...] = ()) -> Cohort:
    teacher = checked.network(checked.spec.teacher.architecture, seed=50)
    runs = [run for run in checked.plan.cohorts[0].runs if not names or run.name in names]
    cohort = student_cohort(checked, runs, teacher, Surroundings.silent())
    cohort.fit()
    return cohort


def weights(cohort: Cohort, name: str) -> list[torch.Tensor]:
    return [value for one in cohort.candidates if one.run.name == name for value in one.model.state_dict().values()]


def test_runs_of_32_bits_keep_their_names_and_those_of_16_have_others(tmp_path) -> None:
    names = {
        kind: [run.run_id for run in digits(tmp_path, precision=kind).plan.runs] for kind in ("float32", "bfloat16")
    }
    unsaid = digits(tmp_path)
    assert [run.run_id for run in unsaid.plan.runs] == names["float32"]
    assert not set(names["float32"]) & set(names["bfloat16"])


def test_auto_asks_the_device_once_and_the_origin_remembers(tmp_path, monkeypatch) -> None:
    able = [True]
    monkeypatch.setattr("distill_core.training.precision.is_quick_in_bfloat16", lambda device: able[0])
    begun = digits(tmp_path, precision="auto")
    able[0] = False
    assert begun.origin.precision == "bfloat16"
    assert digits(tmp_path, precision="auto").origin.precision == "float32"
    resumed = deep_check(begun.spec, home=Home(tmp_path), origin=begun.origin)
    assert [run.run_id for run in resumed.plan.runs] == [run.run_id for run in begun.plan.runs]
    assert resumed.plan.runs != digits(tmp_path, precision="auto").plan.runs


def test_several_processes_train_in_32_bits(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("distill_core.training.precision.is_quick_in_bfloat16", lambda device: True)
    assert chosen_precision("auto", CPU, processes=2) == "float32"
    with pytest.raises(SpecError) as raised:
        digits(tmp_path, precision="bfloat16", processes=2)
    assert [(one.field, one.value) for one in raised.value.problems] == [("precision", "bfloat16")]


def test_everything_but_the_forward_pass_stays_in_32_bits(tmp_path) -> None:
    checked = digits(tmp_path, precision="bfloat16")
    seen: set[torch.dtype] = set()
    teacher = teacher_cohort(checked, checked.plan.teacher, Surroundings.silent())
    for module in teacher.candidates[0].model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda module, given, answer: seen.add(answer.dtype))
    teacher.train_step(0)
    assert seen == {torch.bfloat16}
    cohort = trained(checked)
    for one in (*cohort.candidates, *teacher.candidates):
        state = [*one.model.state_dict().values(), *(v for s in one.optimizer.state.values() for v in s.values())]
        assert {value.dtype for value in state if value.is_floating_point()} == {torch.float32}
        assert all(value.isfinite().all() for value in state)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_rival_that_reads_layers_changes_nothing_for_those_that_read_logits(tmp_path, precision) -> None:
    checked = digits(tmp_path, preset="digits-hints", precision=precision)
    names = [run.name for run in checked.plan.cohorts[0].runs]
    reads = {
        run.name: any(CATALOGUE.losses[term.loss.name].reads_taps for term in run.terms)
        for run in checked.plan.cohorts[0].runs
    }
    plain = next(run.name for run in checked.plan.cohorts[0].runs if run.needs_teacher and not reads[run.name])
    assert any(reads.values())
    together, apart = trained(checked, tuple(names)), trained(checked, (plain,))
    for one, other in zip(weights(together, plain), weights(apart, plain), strict=True):
        assert torch.equal(one, other)


def test_a_stack_of_students_computes_in_sixteen_bits_too(tmp_path) -> None:
    checked = digits(tmp_path, precision="bfloat16")
    together = trained(checked)
    names = [one.run.name for one in together.candidates]
    assert len(names) >= 4 and any(isinstance(unit, Stack) for unit in together._units(together.candidates))
    whole = weights(trained(digits(tmp_path)), names[0])
    half, apart = weights(together, names[0]), weights(trained(checked, (names[0],)), names[0])
    start = [value.float() for value in checked.network_of(together.candidates[0].run).state_dict().values()]

    def way(ended: list[torch.Tensor]) -> torch.Tensor:
        return torch.cat([(after.float() - before).flatten() for after, before in zip(ended, start, strict=True)])

    assert F.cosine_similarity(way(half), way(apart), dim=0) > 0.95
    assert not torch.allclose(way(half), way(whole), rtol=1e-5, atol=1e-6)


def test_sixteen_bits_repeat_and_come_close_to_thirty_two(tmp_path) -> None:
    half, again = (trained(digits(tmp_path, precision="bfloat16")) for _ in range(2))
    whole = trained(digits(tmp_path))
    for one in whole.candidates:
        name = one.run.name
        assert all(map(torch.equal, weights(half, name), weights(again, name)))
        start = [value.float() for value in digits(tmp_path).network_of(one.run).state_dict().values()]
        moved = torch.cat([(a.float() - b).flatten() for a, b in zip(weights(whole, name), start, strict=True)])
        other = torch.cat([(a.float() - b).flatten() for a, b in zip(weights(half, name), start, strict=True)])
        assert F.cosine_similarity(moved, other, dim=0) > 0.9
        assert not torch.equal(moved, other)


def test_folding_takes_norms_away_but_not_what_others_read() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            inner = self.conv(x)
            return self.norm(inner) + inner

    plain = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU())
    assert not any(isinstance(one, nn.BatchNorm2d) for one in folded(plain).modules())
    network = Twice()
    network.norm.running_mean.fill_(0.5)
    network.eval()
    inputs = torch.rand(2, 1, 5, 5)
    torch.testing.assert_close(folded(network)(inputs), network(inputs))


def test_a_folded_copy_is_given_back_as_soon_as_nobody_has_it() -> None:
    """Without Python's collector of rings, which is in no hurry while a GPU fills."""
    gc.disable()
    try:
        copy = folded(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)))
        known = weakref.ref(next(copy.parameters()))
        del copy
        assert known() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("layer", "device", "expected"),
    [
        (nn.LSTM(2, 3), "cuda", "float32"), (nn.GRU(2, 3), "cuda:1", "float32"),
        (nn.Conv2d(1, 2, 3), "cuda", "bfloat16"), (nn.LSTM(2, 3), "cpu", "bfloat16"),
    ],
)
def test_recurrent_layers_stay_in_32_bits_on_a_gpu(layer: nn.Module, device: str, expected: str) -> None:
    """Autocast would give them float16 there, and lose small gradients."""
    network = nn.Sequential(layer)
    assert network_precision("bfloat16", network, torch.device(device)) == expected
    assert network_precision("float32", network, torch.device(device)) == "float32"


def test_losses_get_32_bits_whatever_left_the_network() -> None:
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        assert whole(torch.ones(2, dtype=dtype)).dtype == torch.float32


def test_half_precision_answers_are_as_near_as_promised() -> None:
    logits = torch.cat([torch.randn(1000) * 20, torch.tensor([1e6, -1e6, 0.0])])
    found = as_half(logits)
    assert ((found - logits).abs() <= logits.abs() / 2048)[:1000].all()
    assert found[-3:].tolist() == [65504, -65504, 0]
    assert torch.equal(as_half(found), found)
