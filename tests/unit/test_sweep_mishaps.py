"""What a sweep does with what happened to its experiments meanwhile: in the trash, purged, without all their runs."""

from __future__ import annotations

import pytest

from distill_core.errors import Conflict, DamagedFile, SpecError
from distill_core.services import Lab
from tests.sweep_samples import SweepLab, optuna_data, states, sweep_data, width_of


def stopped_at_its_only_round(sweeps: SweepLab) -> tuple[str, str]:
    """A sweep whose experiment was stopped, and that experiment."""
    sweep_id = sweeps.launch(sweep_data())
    sweeps.sweeper.tick()
    (experiment_id,) = sweeps.queued()
    sweeps.lab.sweeps.stop(sweep_id)
    for _ in range(3):
        sweeps.sweeper.tick()
    assert sweeps.lab.sweeps.find(sweep_id).state == "stopped"
    return sweep_id, experiment_id


def test_an_experiment_in_the_trash_keeps_its_sweep_from_going_on(sweeps: SweepLab) -> None:
    sweep_id, experiment_id = stopped_at_its_only_round(sweeps)
    sweeps.lab.delete(experiment_id)
    for going_on in (lambda: sweeps.lab.sweeps.resume(sweep_id), lambda: sweeps.lab.sweeps.extend(sweep_id, seeds=[7])):
        with pytest.raises(Conflict, match=f"Experiment {experiment_id} of it is in the trash; take it out there"):
            going_on()
    sweeps.lab.undelete(experiment_id)
    sweeps.lab.sweeps.resume(sweep_id)
    # Deleted between the press and the next look at it.
    sweeps.lab.delete(experiment_id)
    sweeps.sweeper.tick()
    row = sweeps.lab.sweeps.find(sweep_id)
    assert row.state == "stopped" and "is in the trash" in row.reason
    sweeps.lab.undelete(experiment_id)
    sweeps.lab.sweeps.resume(sweep_id)
    sweeps.play(sweep_id)
    assert states(sweeps.lab.sweeps.results(sweep_id)) == ["finished"] * 4


def test_what_was_purged_is_told_and_trained_again_when_points_are_added(sweeps: SweepLab) -> None:
    sweep_id = sweeps.launch(sweep_data())
    sweeps.play(sweep_id)
    (experiment_id,) = sweeps.lab.sweeps.find(sweep_id).experiment_ids
    sweeps.lab.delete(experiment_id)
    sweeps.lab.upkeep.purge(experiment_id)
    lost = sweeps.lab.sweeps.results(sweep_id)
    assert states(lost) == ["stopped"] * 4 and "was purged" in lost.trials[0].reason
    sweeps.lab.sweeps.extend(sweep_id, seeds=[7])
    sweeps.play(sweep_id)
    found = sweeps.lab.sweeps.results(sweep_id)
    assert (found.row.state, states(found)) == ("finished", ["finished"] * 4)
    assert [len(one.seeds) for one in found.trials] == [3] * 4


def test_a_failed_trial_is_left_and_a_search_goes_on(sweeps: SweepLab) -> None:
    sweep_id = sweeps.launch(optuna_data(method={"trials": 8, "batch": 4}))
    sweeps.sweeper.tick()
    left = sweeps.lab.sweeps.results(sweep_id).trials[1].name
    sweeps.end(sweeps.queued()[0], outcome="failed", missing=left, reason="No room on the device.")
    sweeps.play(sweep_id)
    found = sweeps.lab.sweeps.results(sweep_id)
    assert states(found) == ["finished", "failed", *["finished"] * 6]
    assert found.trials[1].reason == "No room on the device." and found.row.state == "finished"
    assert found.row.resumable
    sweeps.lab.sweeps.resume(sweep_id)
    sweeps.play(sweep_id)
    again = sweeps.lab.sweeps.results(sweep_id)
    assert states(again) == ["finished"] * 8 and not again.row.resumable


def test_what_diverged_is_not_offered_again(sweeps: SweepLab) -> None:
    sweep_id = sweeps.launch(optuna_data(method={"trials": 8, "batch": 4}))
    sweeps.sweeper.tick()
    left = sweeps.lab.sweeps.results(sweep_id).trials[1].name
    sweeps.end(sweeps.queued()[0], outcome="failed", missing=left, failure="diverged")
    sweeps.play(sweep_id)
    row = sweeps.lab.sweeps.find(sweep_id)
    assert (row.state, row.broken_off, row.resumable) == ("finished", (), False)


def test_what_was_resumed_by_itself_is_not_offered_again(sweeps: SweepLab) -> None:
    sweep_id = sweeps.launch(sweep_data())
    sweeps.play(sweep_id, outcome="failed", missing="alone")
    row = sweeps.lab.sweeps.find(sweep_id)
    assert row.broken_off == (1,)
    sweeps.lab.resume(row.experiment_ids[0])
    sweeps.end(row.experiment_ids[0])
    assert sweeps.lab.sweeps.find(sweep_id).broken_off == ()


def test_what_was_purged_and_trained_anew_is_not_offered_again(sweeps: SweepLab) -> None:
    sweep_id = sweeps.launch(sweep_data())
    sweeps.play(sweep_id, outcome="failed", missing="alone")
    (experiment_id,) = sweeps.lab.sweeps.find(sweep_id).experiment_ids
    sweeps.lab.delete(experiment_id)
    sweeps.lab.upkeep.purge(experiment_id)
    sweeps.lab.sweeps.extend(sweep_id, seeds=[7])
    sweeps.play(sweep_id)
    row = sweeps.lab.sweeps.find(sweep_id)
    assert (row.state, row.broken_off) == ("finished", ())


def test_trials_that_cost_too_much_are_pruned_and_push_nobody_out(sweeps: SweepLab) -> None:
    # The wide networks are the better ones, and slower than the limit: 0.01 ms a unit of width.
    sweeps.accuracy = lambda student, seed: 0.5 + width_of(student) / 100 + seed / 1000
    data = optuna_data(
        method={"trials": 12, "batch": 6, "pruner": "halving"}, base={"seeds": [0, 1, 2, 3]},
        limits={"latency_ms": 0.05},
    )
    sweep_id = sweeps.launch(data)
    sweeps.play(sweep_id)
    found = sweeps.lab.sweeps.results(sweep_id)
    slow = [one for one in found.trials if one.costs_broken]
    quick = [one for one in found.trials if not one.costs_broken]
    assert slow and quick, "the search has met both"
    assert {one.state for one in slow} == {"pruned"} and {one.reason for one in slow} == {
        "It breaks a limit, so that no further seed is trained."
    }
    assert any(one.state == "finished" for one in quick), "the better of those that keep to the limit went on"
    assert found.best is not None and not found.trials[found.best].costs_broken
    assert found.trials[found.best].state == "finished"


def test_new_values_of_a_search_need_new_trials(sweeps: SweepLab) -> None:
    sweep_id = sweeps.launch(optuna_data(method={"trials": 4, "batch": 4}))
    sweeps.play(sweep_id)
    wider = [{"name": "tiny-cnn", "params": {"width": 32}}]
    with pytest.raises(SpecError, match="how many trials more"):
        sweeps.lab.sweeps.extend(sweep_id, values={"student": wider})
    assert sweeps.lab.sweeps.find(sweep_id).state == "finished"
    sweeps.lab.sweeps.extend(sweep_id, values={"student": wider}, trials=2)
    sweeps.play(sweep_id)
    assert len(sweeps.lab.sweeps.results(sweep_id).trials) == 6


def test_between_two_rounds_a_trial_has_not_ended(sweeps: SweepLab) -> None:
    data = optuna_data(method={"trials": 4, "batch": 4, "pruner": "halving"}, base={"seeds": [0, 1, 2, 3]})
    sweep_id = sweeps.launch(data)
    ended = []
    for _ in range(3):
        sweeps.play(sweep_id, rounds=1)
        ended.append(sweeps.lab.sweeps.find(sweep_id).trials_ended)
    # Two are pruned after one seed and one after two, which is seen at the next look; then all have ended.
    assert ended == [0, 2, 4]


@pytest.mark.parametrize("line", [1, 3])
def test_a_damaged_line_is_told_and_no_trial_takes_the_place_of_another(sweeps: SweepLab, line: int) -> None:
    whole, sweep_id = sweeps.launch(sweep_data(name="whole")), sweeps.launch(sweep_data())
    sweeps.play(whole)
    sweeps.play(sweep_id)
    before = sweeps.lab.sweeps.results(sweep_id)
    path = sweeps.lab.home.sweep(sweep_id).trials
    good = path.read_bytes()
    lines = good.splitlines(keepends=True)
    assert len(lines) == 4
    lines[line] = b"\x00" * (len(lines[line]) - 1) + b"\n"
    path.write_bytes(b"".join(lines))
    sentence = f"Trial {line + 1} of sweep {sweep_id} cannot be read: mend its line"
    assert [one.startswith(sentence) for one in sweeps.lab.upkeep.reindex()[1]] == [True]
    # As a server that begins anew has it; one that has read the sweep keeps what it read.
    anew = Lab(sweeps.lab.home).sweeps
    for ask in (lambda: anew.results(sweep_id), lambda: anew.extend(sweep_id, seeds=[7])):
        with pytest.raises(DamagedFile, match=sentence):
            ask()
    assert len(anew.list()) == 2 and states(anew.results(whole)) == ["finished"] * 4
    path.write_bytes(good)
    assert sweeps.lab.upkeep.reindex()[1] == []
    assert anew.results(sweep_id).trials == before.trials


def test_a_sweep_in_motion_ends_at_a_damaged_line(sweeps: SweepLab) -> None:
    sweep_id = sweeps.launch(sweep_data())
    path = sweeps.lab.home.sweep(sweep_id).trials
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([b"?" * (len(lines[0]) - 1) + b"\n", *lines[1:]]))
    sweeps.lab.upkeep.reindex()
    sweeps.sweeper.tick()
    row = sweeps.lab.sweeps.find(sweep_id)
    assert row.state == "failed" and row.reason.startswith(f"Trial 1 of sweep {sweep_id} cannot be read")
