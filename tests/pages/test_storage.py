"""The page of storage: sizes, freed checkpoints, the trash and backups."""

from __future__ import annotations

from distill_core.folders import Home
from distill_core.store.store import Store
from tests.fixtures import build_finished_experiment, preset_spec
from tests.told_sweeps import map_spec

PAGE = "machine/storage.py"


def test_an_empty_home_offers_the_next_step(open_page, home: Home) -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert "no experiment yet" in app.info[0].value
    assert any("trash is empty" in caption.value for caption in app.caption)


def test_sizes_are_told_and_checkpoints_can_go(open_page, home: Home) -> None:
    identity = build_finished_experiment(home, spec=preset_spec(seeds=1))
    run = home.experiment(identity).run("r").path
    run.mkdir(parents=True)
    (run / "checkpoint.safetensors").write_bytes(b"c" * 3_000_000)
    app = open_page(PAGE)
    assert not app.exception
    table = app.dataframe[0].value
    assert list(table["id"]) == [identity] and table["checkpoints"][0] == 3_000_000
    assert any("Frees 3" in caption.value for caption in app.caption)
    app.button(key="keep-best").click().run()
    app.button(key="keep-best-sure").click().run()
    assert not app.exception and not (run / "checkpoint.safetensors").exists()
    assert "every best network is kept" in app.success[0].value


def test_the_trash_gives_back_and_lets_go(open_page, home: Home) -> None:
    identity = build_finished_experiment(home, spec=preset_spec(seeds=1))
    Store(home).set_deleted(identity, True, at=1_000_000_000_000.0)
    app = open_page(PAGE)
    app.button(key=f"restore-{identity}").click().run()
    assert not app.exception and [row.experiment_id for row in Store(home).experiments()] == [identity]
    Store(home).set_deleted(identity, True, at=1_000_000_000_000.0)
    app = open_page(PAGE)
    app.button(key=f"purge-{identity}").click().run()
    app.button(key=f"purge-{identity}-sure").click().run()
    assert not app.exception and not home.experiment(identity).path.exists()


def test_a_deleted_sweep_comes_back_with_its_experiments(open_page, home: Home) -> None:
    identity = build_finished_experiment(home, spec=preset_spec(seeds=1))
    store = Store(home)
    store.sweeps.create(map_spec(), sweep_id="mapped", created_at=1.0)
    store.sweeps.move("mapped", expected={"running"}, to="stopped", at=2.0)
    store.sweeps.set_deleted("mapped", True, at=3.0, experiments=[identity])
    store.set_deleted(identity, True, at=3.0)
    app = open_page(PAGE)
    assert not app.exception and any("Sweep · deleted" in one.value for one in app.caption)
    app.button(key="restore-sweep-mapped").click().run()
    assert not app.exception and "is back on the list" in app.success[0].value
    assert [row.deleted for row in store.sweeps.rows()] == [False]
    assert [row.experiment_id for row in Store(home).experiments()] == [identity]


def test_a_backup_is_made_and_brings_back_what_is_missing(open_page, home: Home) -> None:
    identity = build_finished_experiment(home, spec=preset_spec(seeds=1))
    app = open_page(PAGE)
    app.button(key="backup").click().run()
    assert not app.exception and "1 experiment in distill-lab-" in app.success[0].value
    store = Store(home)
    store.set_deleted(identity, True, at=1.0)
    store.trash.purge(identity)
    app = open_page(PAGE)
    app.button(key="restore-backup").click().run()
    app.button(key="restore-backup-sure").click().run()
    assert not app.exception and "1 experiment restored" in app.success[0].value
    assert [row.experiment_id for row in Store(home).experiments()] == [identity]
