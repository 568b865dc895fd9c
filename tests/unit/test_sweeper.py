"""Sweeps from launch to results without processes: rounds, figures, kills, stops, extensions, quotas, trash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from distill_core.access import Actor, NotAllowed
from distill_core.catalog import Catalogue
from distill_core.errors import Conflict, NotFound
from distill_core.folders import Home
from distill_core.jobs import sweeping
from distill_core.jobs.sweeping import round_key
from distill_core.sweep_rows import Spread
from distill_core.sweeps.trial_results import score_spread, spread
from tests.sweep_samples import SweepLab, optuna_data, states, sweep_data, width_of

ADA = Actor("ada@example.org", "operator")


# From launch to results ----------------------------------------------------------------------


def test_a_grid_is_one_experiment_and_its_runs_are_its_results(sweeps: SweepLab) -> None:
    sweep_id = sweeps.launch(sweep_data())
    before = sweeps.lab.sweeps.results(sweep_id)
    assert states(before) == ["waiting"] * 4 and before.best is None and before.alone[0].validation.mean is None
    sweeps.play(sweep_id)
    found = sweeps.lab.sweeps.results(sweep_id)
    row = found.row
    assert (row.state, row.reason, row.trials, row.trials_ended, len(row.experiment_ids)) == ("finished", "", 4, 4, 1)
    assert (row.runs_done, row.runs_total) == (10, 10)
    experiment = sweeps.lab.experiment(row.experiment_ids[0])
    assert experiment.row.name == "a map" and experiment.spec.seeds == (0, 1)
    assert sweeps.lab.sweeps.of_experiment(row.experiment_ids[0]) == (sweep_id, 1)
    assert sweeps.lab.sweeps.of_experiment("another") is None
    warm = found.trials[2]
    assert (warm.name, warm.state, warm.variant) == ("T=4, teacher 0.5", "finished", "T=4, teacher 0.5")
    # Validation is of the best epoch, which the samples make one point better than the test.
    assert [(one.seed, one.validation, one.test) for one in warm.seeds] == [
        (0, pytest.approx(0.92), pytest.approx(0.91)), (1, pytest.approx(0.921), pytest.approx(0.911))
    ]
    assert warm.gain.mean == pytest.approx(0.11) and warm.gain.low == pytest.approx(0.11) and warm.gain.seeds == 2
    assert warm.test.mean == pytest.approx(0.9105) and warm.validation_gain.mean == pytest.approx(0.11)
    assert found.alone[0].test.mean == pytest.approx(0.8005) and found.alone[0].trials == (0, 1, 2, 3)
    # Both shares at T=4 are alike: the first of them is the best.
    assert found.best == 2 and found.counts == {"finished": 4} and found.front == (2, 3)


def test_the_interval_of_a_mean_is_student_s(sweeps: SweepLab) -> None:
    # t(0.975, 2) = 4.302653, standard deviation 1, of three.
    told = spread([1.0, 2.0, 3.0, None, float("nan")])
    assert told == Spread(2.0, pytest.approx(2 - 4.302653 / 3**0.5), pytest.approx(2 + 4.302653 / 3**0.5), 3)


def test_the_interval_of_accuracies_ends_at_all_right() -> None:
    beyond = spread([0.9, 1.0, 1.0])
    assert beyond.high is not None and beyond.high > 1
    assert score_spread([0.9, 1.0, 1.0]) == Spread(beyond.mean, beyond.low, 1.0, 3)
    assert score_spread([0.2, 0.3, 0.25]) == spread([0.2, 0.3, 0.25]) and score_spread([0.5]) == spread([0.5])


def test_while_it_trains_each_trial_tells_how_far_it_is(sweeps: SweepLab) -> None:
    sweep_id = sweeps.launch(sweep_data())
    sweeps.sweeper.tick()
    (experiment_id,) = sweeps.queued()
    assert states(sweeps.lab.sweeps.results(sweep_id)) == ["waiting"] * 4
    version = sweeps.lab.sweeps.version(sweep_id)
    sweeps.end(experiment_id, outcome="failed", missing="T=1, teacher 1")
    assert sweeps.lab.sweeps.version(sweep_id) != version
    found = sweeps.lab.sweeps.results(sweep_id)
    assert found.trials[0].state == "finished", "before the sweep has taken note of the end"
    sweeps.play(sweep_id)
    again = sweeps.lab.sweeps.results(sweep_id)
    assert [one.reason for one in again.trials if one.state == "failed"] == ["It failed."]
    assert states(again).count("finished") == 3 and again.row.state == "finished"


def test_one_measurement_stands_for_all_trials_of_a_network(sweeps: SweepLab) -> None:
    widths = [{"name": "tiny-cnn", "params": {"width": width}} for width in (4, 8)]
    axes = [{"field": "student", "values": widths}, {"field": "temperature", "values": [4, 8]}]
    sweep_id = sweeps.launch(sweep_data(axes=axes, objectives=["accuracy", "latency", "size"]))
    sweeps.play(sweep_id)
    found = sweeps.lab.sweeps.results(sweep_id)
    figures = [(one.parameters, one.size_bytes, one.latency_p50_ms) for one in found.trials]
    assert figures == [(800, 4000, 0.04)] * 2 + [(1600, 8000, 0.08)] * 2
    assert found.latency_where is not None and (found.latency_where.batch, found.latency_where.threads) == (1, 1)
    # Equal accuracies: the small one beats the large one.
    assert found.front == (1,) and found.trials[1].on_front
    assert [one.architecture["params"]["width"] for one in found.alone] == [4, 8]
    assert found.trials[0].gain.mean == found.trials[2].gain.mean == pytest.approx(0.11)


def test_limits_keep_a_trial_from_the_front_and_from_being_the_best(sweeps: SweepLab) -> None:
    sweeps.accuracy = lambda student, seed: 0.8 + width_of(student) / 100
    widths = [{"name": "tiny-cnn", "params": {"width": width}} for width in (4, 8)]
    data = sweep_data(axes=[{"field": "student", "values": widths}], limits={"latency_ms": 0.05, "accuracy": 0.83})
    sweep_id = sweeps.launch(data)
    sweeps.play(sweep_id)
    found = sweeps.lab.sweeps.results(sweep_id)
    assert found.trials[1].limits_broken == ("It takes 0.08 ms a sample; allowed: at most 0.05 ms.",)
    assert (found.best, found.front) == (0, (0,))


def test_budgets_follow_each_other_and_each_has_its_own_student_alone(sweeps: SweepLab) -> None:
    axes = [{"field": "epochs", "values": [2, 4]}, {"field": "temperature", "values": [4, 8]}]
    sweep_id = sweeps.launch(sweep_data(axes=axes))
    sweeps.sweeper.tick()
    assert len(sweeps.queued()) == 1, "one experiment at a time"
    sweeps.play(sweep_id)
    found = sweeps.lab.sweeps.results(sweep_id)
    names = [sweeps.lab.experiment(one).row.name for one in found.row.experiment_ids]
    assert names == ["a map · round 1", "a map · round 2"]
    assert [(one.epochs, one.trials) for one in found.alone] == [(2, (0, 1)), (4, (2, 3))]
    assert states(found) == ["finished"] * 4


def test_optuna_asks_trains_and_judges_until_its_trials_are_through(sweeps: SweepLab) -> None:
    axes = [{"field": "temperature", "low": 1, "high": 16}]
    method = {"trials": 12, "batch": 4, "pruner": "halving"}
    sweep_id = sweeps.launch(optuna_data(axes=axes, method=method, base={"seeds": [0, 1]}))
    sweeps.play(sweep_id)
    found = sweeps.lab.sweeps.results(sweep_id)
    assert found.row.state == "finished" and len(found.trials) == 12
    # Three batches of four: one seed for all, both for the better half.
    assert [states(found)[start : start + 4].count("pruned") for start in (0, 4, 8)] == [2, 2, 2]
    assert len(found.row.experiment_ids) == 6
    assert {len(one.seeds) for one in found.trials if one.state == "pruned"} == {1}
    kept = [one for one in found.trials if one.state == "finished"]
    assert {len(one.seeds) for one in kept} == {2}
    for start in (0, 4, 8):
        batch = found.trials[start : start + 4]
        worst_kept = min(one.seeds[0].validation or 0 for one in batch if one.state == "finished")
        assert worst_kept >= max(one.seeds[0].validation or 1 for one in batch if one.state == "pruned")
    assert sweeps.lab.sweeps.importance(sweep_id).trials == 12, "six with two seeds are too few, so the pruned count"


def test_a_cell_opens_as_an_experiment_of_its_own_with_the_same_runs(sweeps: SweepLab) -> None:
    sweep_id = sweeps.launch(sweep_data())
    sweeps.play(sweep_id)
    spec = sweeps.lab.sweeps.cell_spec(sweep_id, 2)
    assert spec.name == "a map: T=4, teacher 0.5" and spec.seeds == (0, 1)
    (student,) = spec.students
    (whole,) = [
        one for one in sweeps.lab.experiment(sweeps.lab.sweeps.find(sweep_id).experiment_ids[0]).spec.students
        if one.name == student.name
    ]
    assert student == whole and spec.student_training.epochs == 3
    with pytest.raises(NotFound, match="no trial 4; it has 4"):
        sweeps.lab.sweeps.cell_spec(sweep_id, 4)


# Kills ---------------------------------------------------------------------------------------


class Killed(BaseException):
    """Nothing of ours catches it."""


def story(
    kill: Callable[[SweepLab], None] | None, home: Home, catalogue: Catalogue
) -> list[Any]:
    """A search from launch to end, and what it has become; `kill` is done to the lab after the launch."""
    data = optuna_data(method={"trials": 6, "batch": 3, "pruner": "halving"}, base={"seeds": [0, 1]})
    sweeps = SweepLab(home, catalogue)
    sweep_id = sweeps.launch(data)
    if kill is not None:
        kill(sweeps)
    for _ in range(80):
        try:
            sweeps.sweeper.tick()
            for experiment_id in sweeps.queued():
                sweeps.end(experiment_id)
        except Killed:
            sweeps.new_sweeper()
        if not sweeps.lab.sweeps.find(sweep_id).going:
            break
    found = sweeps.lab.sweeps.results(sweep_id)
    rounds = sweeps.lab.store.sweeps.rounds(sweep_id)
    assert len(sweeps.lab.experiments(limit=100)) == len(rounds) == len({one.experiment_id for one in rounds})
    return [
        found.row.state, [(one.values, one.state, one.reason, one.validation) for one in found.trials],
        [(one.number, one.trials, one.seeds, one.outcome) for one in rounds],
    ]


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, with_catalogue: Callable[[Home], Home], catalogue: Catalogue
) -> list[Any]:
    return story(None, with_catalogue(Home(tmp_path_factory.mktemp("undisturbed"))), catalogue)


@pytest.mark.parametrize(
    "at", ["create", "sweeps.begin_round", "sweeps.add_trials", "sweeps.tell", "sweeps.judge", "sweeps.move"]
)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_around_any_write_it_goes_on_to_the_same_trials_and_makes_nothing_twice(
    sweeps: SweepLab, catalogue: Catalogue, undisturbed: list[Any], at: str, moment: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def kill(lab: SweepLab) -> None:
        _kill_once_everywhere(lab, at, moment, monkeypatch)

    assert story(kill, sweeps.lab.home, catalogue) == undisturbed


def _kill_once_everywhere(sweeps: SweepLab, at: str, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each second call of this write dies, before or after it has written."""
    holder: Any = sweeps.lab.store
    *way, name = at.split(".")
    for part in way:
        holder = getattr(holder, part)
    whole, calls = getattr(holder, name), [0]

    def dying(*arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] % 2 and moment == "before":
            raise Killed
        result = whole(*arguments, **options)
        if calls[0] % 2:
            raise Killed
        return result

    monkeypatch.setattr(holder, name, dying)


def test_half_a_launch_of_a_round_is_made_anew_and_a_whole_one_taken_over(
    sweeps: SweepLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep_id = sweeps.launch(sweep_data())
    monkeypatch.setattr(sweeping.Sweeper, "_make", lambda *_: None)
    sweeps.sweeper.tick()
    monkeypatch.undo()
    (one,) = sweeps.lab.store.sweeps.rounds(sweep_id)
    folder = sweeps.lab.home.experiment(one.experiment_id)
    folder.path.mkdir(parents=True)
    folder.spec.write_text("{")
    sweeps.sweeper.tick()
    assert sweeps.queued() == [one.experiment_id] and sweeps.lab.experiment(one.experiment_id).spec.students
    assert sweeps.lab.store.made_by(round_key(sweep_id, 1)) == one.experiment_id
    # A whole folder whose row was never written.
    with sweeps.lab.store._database.write() as connection:
        from distill_core.store import records

        records.forget(connection, one.experiment_id)
    spec = folder.spec.read_text()
    sweeps.sweeper.tick()
    assert sweeps.queued() == [one.experiment_id] and folder.spec.read_text() == spec


# Ends ----------------------------------------------------------------------------------------


def test_a_sweep_that_fails_again_and_again_ends_with_the_reason_and_can_be_resumed(sweeps: SweepLab) -> None:
    sweep_id = sweeps.launch(sweep_data(axes=[{"field": "temperature", "values": [4]}]))
    sweeps.play(sweep_id, outcome="failed", missing="T=4")
    found = sweeps.lab.sweeps.results(sweep_id)
    assert (found.row.state, found.row.reason, states(found)) == ("failed", "It failed.", ["failed"])
    sweeps.lab.sweeps.resume(sweep_id)
    (experiment_id,) = found.row.experiment_ids
    assert sweeps.lab.store.state(experiment_id) == "failed"
    sweeps.sweeper.tick()
    assert sweeps.queued() == [experiment_id], "the same experiment goes on"
    sweeps.play(sweep_id)
    again = sweeps.lab.sweeps.results(sweep_id)
    assert (again.row.state, states(again)) == ("finished", ["finished"])
    with pytest.raises(Conflict, match="nothing of it can be resumed"):
        sweeps.lab.sweeps.resume(sweep_id)


def test_two_rounds_of_a_search_in_vain_end_it(sweeps: SweepLab) -> None:
    sweep_id = sweeps.launch(optuna_data(method={"trials": 8, "batch": 1}, base={"seeds": [0]}))
    for _ in range(8):
        sweeps.sweeper.tick()
        for experiment_id in sweeps.queued():
            (student,) = sweeps.lab.experiment(experiment_id).spec.students
            sweeps.end(experiment_id, outcome="failed", missing=student.name, reason="No room.")
    row = sweeps.lab.sweeps.find(sweep_id)
    assert (row.state, row.reason, row.trials) == ("failed", "The last 2 rounds failed: No room.", 2)


def test_stopped_early_it_keeps_what_is_there_and_goes_on_when_asked(sweeps: SweepLab) -> None:
    axes = [{"field": "epochs", "values": [2, 4]}, {"field": "temperature", "values": [4, 8]}]
    sweep_id = sweeps.launch(sweep_data(axes=axes))
    sweeps.play(sweep_id, rounds=1)
    sweeps.sweeper.tick()
    waiting = sweeps.queued()
    assert len(waiting) == 1
    sweeps.lab.sweeps.stop(sweep_id)
    sweeps.lab.sweeps.stop(sweep_id)
    assert sweeps.lab.sweeps.find(sweep_id).state == "stopping"
    sweeps.play(sweep_id)
    found = sweeps.lab.sweeps.results(sweep_id)
    assert (found.row.state, found.row.reason) == ("stopped", "Stopped early; what was trained is kept.")
    assert states(found) == ["finished", "finished", "stopped", "stopped"] and found.best == 1
    assert sweeps.lab.store.state(waiting[0]) == "cancelled"
    with pytest.raises(Conflict, match="only one that goes on"):
        sweeps.lab.sweeps.stop(sweep_id)
    sweeps.lab.sweeps.resume(sweep_id)
    sweeps.sweeper.tick()
    assert sweeps.queued() == waiting
    sweeps.play(sweep_id)
    assert states(sweeps.lab.sweeps.results(sweep_id)) == ["finished"] * 4


def test_stopping_a_round_s_experiment_stops_the_sweep(sweeps: SweepLab) -> None:
    sweep_id = sweeps.launch(sweep_data())
    sweeps.sweeper.tick()
    (experiment_id,) = sweeps.queued()
    sweeps.lab.stop(experiment_id)
    sweeps.play(sweep_id)
    row = sweeps.lab.sweeps.find(sweep_id)
    assert (row.state, row.reason) == ("stopped", f"Its experiment {experiment_id} was stopped.")


def test_a_working_experiment_is_asked_to_stop_with_its_sweep(sweeps: SweepLab) -> None:
    sweep_id = sweeps.launch(sweep_data())
    sweeps.sweeper.tick()
    (experiment_id,) = sweeps.queued()
    store = sweeps.lab.store
    store.transition(experiment_id, expected={"queued"}, to="starting", at=1.0, attempt=1)
    store.transition(experiment_id, expected={"starting"}, to="running", at=2.0)
    sweeps.lab.sweeps.stop(sweep_id)
    sweeps.sweeper.tick()
    assert store.state(experiment_id) == "stopping"
    assert sweeps.lab.home.experiment(experiment_id).stop_request.exists()
    assert sweeps.sweeper.tick(), "it stays until the worker has ended"
    store.transition(experiment_id, expected={"stopping"}, to="cancelled", at=3.0, reason="Stopped.")
    sweeps.play(sweep_id)
    assert sweeps.lab.sweeps.find(sweep_id).state == "stopped" and not sweeps.sweeper.tick()


def test_an_extended_grid_trains_only_what_is_new(sweeps: SweepLab) -> None:
    sweep_id = sweeps.launch(sweep_data())
    sweeps.play(sweep_id)
    before = sweeps.lab.sweeps.results(sweep_id)
    sweeps.lab.sweeps.extend(sweep_id, values={"temperature": [8]}, seeds=[2])
    assert sweeps.lab.sweeps.find(sweep_id).spec.axes[0].values == (1, 4, 8)
    sweeps.play(sweep_id)
    found = sweeps.lab.sweeps.results(sweep_id)
    assert states(found) == ["finished"] * 6 and {len(one.seeds) for one in found.trials} == {3}
    assert [one.name for one in found.trials[:4]] == [one.name for one in before.trials]
    # The first four again, for the third seed: the worker takes over what it finds, for the digests are the same.
    first, second = (sweeps.lab.experiment(one) for one in found.row.experiment_ids)
    assert second.spec.seeds == (0, 1, 2) and second.spec.students[:4] == first.spec.students
    assert {run.run_id for run in first.runs} < {run.run_id for run in second.runs}
    assert found.best is not None and found.trials[found.best].values["temperature"] == 8


def test_an_extended_search_goes_on_from_what_it_knows(sweeps: SweepLab) -> None:
    data = optuna_data(method={"trials": 4, "batch": 4})
    sweep_id = sweeps.launch(data)
    sweeps.play(sweep_id)
    sweeps.lab.sweeps.extend(sweep_id, trials=4)
    sweeps.play(sweep_id)
    extended = [one.values for one in sweeps.lab.sweeps.results(sweep_id).trials]
    whole_id = sweeps.launch(optuna_data(method={"trials": 8, "batch": 4}))
    sweeps.play(whole_id)
    assert extended == [one.values for one in sweeps.lab.sweeps.results(whole_id).trials]
    with pytest.raises(Conflict, match="wait for its end"):
        sweeps.lab.sweeps.extend(sweeps.launch(sweep_data()), seeds=[5])


# People --------------------------------------------------------------------------------------


def test_a_second_click_makes_no_second_sweep(sweeps: SweepLab) -> None:
    first = sweeps.launch(sweep_data(), idempotency_key="click")
    assert sweeps.launch(sweep_data(), idempotency_key="click") == first
    assert [row.sweep_id for row in sweeps.lab.sweeps.list()] == [first]


def test_only_the_owner_changes_a_sweep_and_a_quota_makes_it_wait(sweeps: SweepLab) -> None:
    sweeps.lab.people.set_role(ADA.name, "operator")
    sweeps.lab.people.set_quotas(queued=1)
    mine = sweeps.lab.acting_as(ADA)
    axes = [{"field": "epochs", "values": [2, 4]}]
    sweep_id = mine.sweeps.launch(mine.sweeps.complete(sweep_data(axes=axes)))
    sweeps.sweeper.tick()
    (first,) = sweeps.queued()
    assert sweeps.lab.store.owner(first) == ADA.name
    with pytest.raises(NotAllowed, match="allowed: 1"):
        mine.sweeps.launch(mine.sweeps.complete(sweep_data(name="another")))
    sweeps.end(first)
    # Before the next round she has queued something else.
    other = sweeps.lab.store.create(
        sweeps.lab.experiment(first).spec, experiment_id="other", created_at=1.0, owner=ADA.name
    )
    for _ in range(3):
        sweeps.now += 10
        sweeps.sweeper.tick()
    row = sweeps.lab.sweeps.find(sweep_id)
    assert row.state == "running" and row.reason.startswith("You have 1 experiments that wait or run; allowed: 1.")
    assert sweeps.queued() == [other]
    sweeps.lab.store.transition(other, expected={"queued"}, to="cancelled", at=2.0)
    sweeps.now += 10
    sweeps.play(sweep_id)
    row = sweeps.lab.sweeps.find(sweep_id)
    assert (row.state, row.reason) == ("finished", "")
    for act in (mine.sweeps.delete, mine.sweeps.undelete):
        act(sweep_id)
    other_person = sweeps.lab.acting_as(Actor("bob@example.org", "operator"))
    for refused in (other_person.sweeps.delete, other_person.sweeps.stop, other_person.sweeps.resume):
        with pytest.raises(NotAllowed, match="belongs to ada"):
            refused(sweep_id)
    told = [(entry.actor, entry.action) for entry in sweeps.lab.audit.newest() if entry.subject == sweep_id]
    assert told == [(ADA.name, "undelete"), (ADA.name, "delete"), (ADA.name, "launch")]


def test_deleting_hides_a_sweep_with_its_experiments_and_brings_both_back(sweeps: SweepLab) -> None:
    sweep_id = sweeps.launch(sweep_data())
    with pytest.raises(Conflict, match="stop it before deleting it"):
        sweeps.lab.sweeps.delete(sweep_id)
    sweeps.play(sweep_id)
    sweeps.lab.sweeps.delete(sweep_id)
    assert sweeps.lab.sweeps.list() == [] and sweeps.lab.experiments() == []
    assert [row.deleted for row in sweeps.lab.sweeps.list(deleted=None)] == [True]
    assert [row.sweep_id for row in sweeps.lab.sweeps.list(deleted=True)] == [sweep_id]
    with pytest.raises(Conflict, match="in the trash"):
        sweeps.lab.sweeps.extend(sweep_id, seeds=[7])
    sweeps.lab.sweeps.undelete(sweep_id)
    assert [row.sweep_id for row in sweeps.lab.sweeps.list()] == [sweep_id] and len(sweeps.lab.experiments()) == 1
    assert sweeps.lab.sweeps.list(deleted=True) == []


def test_a_sweep_can_be_found_by_words_and_an_unknown_one_is_told(sweeps: SweepLab) -> None:
    sweep_id = sweeps.launch(sweep_data(name="Warm digits"))
    assert [row.name for row in sweeps.lab.sweeps.list(search="warm dig")] == ["Warm digits"]
    assert sweeps.lab.sweeps.list(search="cold") == [] and sweeps.lab.sweeps.list(search=sweep_id[:6])
    with pytest.raises(NotFound, match="no sweep 'nothing'"):
        sweeps.lab.sweeps.results("nothing")
