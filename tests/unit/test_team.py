"""What several processes promise that share a training: the numbers of one process, and no helper left behind."""

from __future__ import annotations

import copy
import multiprocessing
import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

from distill_core.errors import LabError
from distill_core.folders import Home, RunFolder
from distill_core.spec import parse_spec
from distill_core.training.assembly import student_cohort, teacher_cohort
from distill_core.training.cohort import Surroundings
from distill_core.training.helping import help_out
from distill_core.training.leading import Leader
from distill_core.training.preparation import Checked, deep_check
from distill_core.training.shared_layers import Share, draws_alone, over_whole_batches
from distill_core.training.teachers import as_one
from distill_core.training.team import Order, Team, TeamBroken

CPU = torch.device("cpu")


@contextmanager
def a_team(helper: Callable[[Team], None], *, size: int = 2) -> Iterator[Team]:
    """The leader's end of a team whose others do what `helper` does, in processes forked from this one."""
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    forking = multiprocessing.get_context("fork")

    def lend(rank: int) -> None:
        try:
            helper(Team(dist.TCPStore("127.0.0.1", store.port), rank=rank, size=size, device=CPU))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    processes = [forking.Process(target=lend, args=(rank,), daemon=True) for rank in range(1, size)]
    for process in processes:
        process.start()
    team = Team(store, rank=0, size=size, device=CPU)
    try:
        yield team
        for process in processes:
            process.join(20)
        assert [process.exitcode for process in processes] == [0] * (size - 1)
    finally:
        for process in processes:
            process.kill()
            process.join()
        if dist.is_initialized():
            dist.destroy_process_group()


# One network with everything that looks beyond one sample, and a way of saying what becomes of it.


class Noisy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4, momentum=None), nn.Dropout2d(0.3))
        self.path = StochasticDepth(0.4, "row")
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 5), nn.BatchNorm1d(5, affine=False))

    def forward(self, inputs: Tensor) -> Tensor:
        middle = self.first(inputs)
        answers: Tensor = self.head(middle + self.path(self.second(middle)))
        return answers


def noisy() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(7)
    network = Noisy().double().to(memory_format=torch.channels_last)
    inputs = torch.randn(7, 2, 4, 4, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    return network, inputs


def answers_and_gradients(team: Team | None) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Of two passes over uneven shares: the second answers, and gradients of inputs and weights by a crooked loss."""
    network, inputs = noisy()
    share = Share(team, team.bounds(len(inputs))) if team else None
    own = inputs[share.own if share else slice(None)].clone().requires_grad_()
    weighing = torch.linspace(-1, 2, 35, dtype=torch.float64).view(7, 5)[share.own if share else slice(None)]
    for step in range(2):
        torch.manual_seed(step)
        network.zero_grad()
        if share:
            with over_whole_batches(network, share):
                answers = network(own)
        else:
            answers = network(own)
        (answers.sin() * weighing).sum().backward()
    assert own.grad is not None
    gradients = {name: one.grad for name, one in network.named_parameters() if one.grad is not None}
    return answers.detach(), own.grad, gradients | dict(network.named_buffers())


@pytest.mark.parametrize("size", [2, 3])
def test_a_share_passes_as_it_does_within_the_whole_batch(size: int) -> None:
    """Batch norm forward, backward and remembered; dropout of elements, channels and paths: to 1e-12."""

    def helper(team: Team) -> None:
        answers, of_inputs, others = answers_and_gradients(team)
        team.give(answers)
        team.give(of_inputs)
        for one in others.values():
            team.add_up(one.double().clone())

    whole, of_whole, expected = answers_and_gradients(None)
    with a_team(helper, size=size) as team:
        answers, of_inputs, others = answers_and_gradients(team)
        bounds = team.bounds(7)
        torch.testing.assert_close(team.collect(answers, bounds), whole, rtol=0, atol=1e-12)
        # Twice the way back: gradients of inputs add up.
        torch.testing.assert_close(team.collect(of_inputs, bounds), of_whole, rtol=0, atol=1e-12)
        for name, one in others.items():
            summed = one.double().clone()
            team.add_up(summed)
            if "running" in name or "tracked" in name:
                summed /= size
            torch.testing.assert_close(summed, expected[name].double(), rtol=0, atol=1e-12, msg=name)
        team.close()


def test_the_network_is_as_before_after_a_shared_pass() -> None:
    network, _ = noisy()
    team = Team.__new__(Team)
    team.rank, team.size = 0, 2
    with over_whole_batches(network, Share(team, [(0, 4), (4, 7)])):
        assert "forward" in vars(network.first[1])
    assert all("forward" not in vars(module) for module in network.modules())


def test_what_cannot_be_drawn_for_the_whole_batch_is_known() -> None:
    assert not draws_alone(noisy()[0])
    assert draws_alone(nn.LSTM(3, 4, num_layers=2, dropout=0.1))
    assert not draws_alone(nn.LSTM(3, 4, num_layers=1))


def test_shares_cover_a_batch_and_nobody_goes_without() -> None:
    team = Team.__new__(Team)
    team.size = 3
    assert team.bounds(8) == [(0, 3), (3, 6), (6, 8)]
    with pytest.raises(LabError, match="processes is 3; allowed: 1 to 2"):
        team.bounds(2)


def test_a_helper_that_dies_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    def helper(team: Team) -> None:
        assert team.hear()[0] is Order.ASK
        os._exit(0)

    with a_team(helper) as team:
        team.tell(Order.ASK)
        with pytest.raises(TeamBroken, match="is gone"):
            team.collect(torch.ones(1), [(0, 1), (1, 2)])


def test_a_helper_that_left_early_is_not_missed_at_the_end() -> None:
    with a_team(lambda team: os._exit(0)) as team:
        dismissed: list[int] = []
        Leader(team, on_dismiss=lambda: dismissed.append(1)).dismiss()
    assert dismissed == [1]


# Whole cohorts ------------------------------------------------------------------------------


def spec_of(**changes: Any) -> dict[str, Any]:
    """Students that learn by every kind of term, in batch-normalised networks, from uneven and from mixed batches."""
    net = {"name": "small-cnn", "params": {"width": 4, "dropout": 0.2}}

    def term(name: str, **params: Any) -> dict[str, Any]:
        return {"loss": {"name": name, "params": params}, "weight": 0.7}

    labels = term("cross-entropy")
    students = [
        {"name": "kd", "architecture": net, "terms": [labels, term("kd", temperature=3.0)]},
        {"name": "hint", "architecture": net, "terms": [labels, term("hint")]},
        {"name": "rkd", "architecture": net, "terms": [labels, term("relational-distance"), term("relational-angle")]},
        {"name": "weights", "architecture": {"name": "small-cnn", "params": {"width": 8}},
         "terms": [labels, term("parameter-distance")]},
        {"name": "at", "architecture": net, "terms": [labels, term("attention-transfer")], "transfer": "all"},
        {"name": "mixed", "architecture": net, "terms": [labels, term("kd")],
         "generator": {"name": "mixup"}, "generated_share": 0.5},
    ]
    sgd = {"kind": "sgd", "learning_rate": 0.02}
    return {
        "name": "together",
        "data": {"dataset": {"name": "digits"}, "student_labels": 53},
        "teacher": {
            "architecture": {"name": "small-cnn", "params": {"width": 8}},
            "training": {"epochs": 1, "steps_per_epoch": 6, "batch_size": 31, "optimizer": sgd},
            "views": {"augmentation": {"kind": "affine"}, "fixed_views": None},
        },
        "more_teachers": [{
            "architecture": net, "weight": 0.5, "seed": 51, "views": {"fixed_views": 1},
            "training": {"epochs": 1, "steps_per_epoch": 3, "batch_size": 32, "optimizer": sgd},
        }],
        "students": students,
        "student_training": {"epochs": 2, "steps_per_epoch": 5, "batch_size": 53, "optimizer": sgd},
        "student_views": {"augmentation": {"kind": "affine"}, "fixed_views": None},
        "seeds": [0],
        "device": "cpu",
        **changes,
    }


def trained(
    checked: Checked, folder: Path, *, leader: Leader | None, stop_after: int | None = None
) -> dict[str, Tensor]:
    """Weights of the teachers and of all students of the first seed, and of what their terms learnt."""
    teacher_stop = iter([False] * 10_000)
    asked = iter([False] * (10_000 if stop_after is None else stop_after))
    around = Surroundings(
        emit=lambda event: None, should_stop=lambda: next(teacher_stop), clock=lambda: 0.0,
        folder_of=lambda run_id: RunFolder(folder / run_id), on_end=lambda candidate: None,
        on_progress=lambda done, total: None, leader=leader,
    )
    taught = [teacher_cohort(checked, run, around) for run in checked.plan.teachers]
    for cohort in taught:
        cohort.fit()
    students = student_cohort(
        checked, checked.plan.cohorts[0].runs, as_one([one.candidates[0].model for one in taught], [1.0, 0.5]),
        replace(around, should_stop=lambda: next(asked, True)),
    )
    students.fit()
    found: dict[str, Tensor] = {}
    for one in (*(cohort.candidates[0] for cohort in taught), *students.candidates):
        state = one.model.state_dict() | {f"terms.{k}": v for k, v in one.objective.modules.state_dict().items()}
        found |= {f"{one.run.name}: {name}": value.clone() for name, value in state.items()}
    return found


def apart(first: dict[str, Tensor], second: dict[str, Tensor]) -> float:
    """The largest difference of any two numbers."""
    assert first.keys() == second.keys()
    return max(float((first[name].double() - second[name].double()).abs().max()) for name in first)


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    torch.set_num_threads(1)
    return deep_check(parse_spec(spec_of()), home=Home(tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="module")
def alone(checked: Checked, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    return trained(checked, tmp_path_factory.mktemp("alone"), leader=None)


@pytest.fixture(scope="module")
def initial(checked: Checked) -> dict[str, Tensor]:
    runs = (*checked.plan.teachers, *checked.plan.cohorts[0].runs)
    return {
        f"{run.name}: {name}": value for run in runs for name, value in checked.network_of(run).state_dict().items()
    }


def test_two_processes_train_what_one_does(
    checked: Checked, alone: dict[str, Tensor], initial: dict[str, Tensor], tmp_path: Path
) -> None:
    """Teachers and students, every kind of term, uneven batches, fresh views and mixed samples: to 1e-5."""
    before = copy.deepcopy(initial)
    with a_team(lambda team: help_out(team, lambda origin: checked)) as team:
        leader = Leader(team)
        leader.prepare(checked.origin, threads=1)
        together = trained(checked, tmp_path, leader=leader)
        leader.dismiss()
    assert apart(alone, together) < 1e-5
    moved = {name: (alone[name].double() - value.double()).abs().max() for name, value in before.items()}
    assert all(moved[name] > 1e-3 for name in moved if name.endswith("0.weight")), "or nothing was trained"


def test_what_two_began_two_resume(checked: Checked, alone: dict[str, Tensor], tmp_path: Path) -> None:
    """A stop spreads to all at the same step, and a new team goes on from the leader's checkpoint."""
    for stop_after in (3, None):
        with a_team(lambda team: help_out(team, lambda origin: checked)) as team:
            leader = Leader(team)
            leader.prepare(checked.origin, threads=1)
            together = trained(checked, tmp_path, leader=leader, stop_after=stop_after)
            leader.dismiss()
        if stop_after:
            assert apart(alone, together) > 1e-3
    assert apart(alone, together) < 1e-5
