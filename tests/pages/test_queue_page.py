"""The queue's page, and what list, experiment and form say of it."""

from __future__ import annotations

import pytest

from distill_core.executors.executor import Placement
from distill_core.folders import Home, write_json
from distill_core.store.store import Store
from pages.ui.queue_line import halved, ordinal
from pages.ui.waiting_list import component
from pages.ui.waiting_list.component import Wish, wish_of
from tests.fixtures import build_running_experiment, create_experiment, preset_spec
from tests.pages.test_overview import NASTY, texts

PAGE = "experiments/queue.py"


def tell_board(home: Home, **waits: str) -> None:
    slots = [{"name": "cpu", "title": "A processor", "memory_bytes": 8}]
    write_json(home.queue_board, {"slots": slots, "waits": waits, "trouble": ""})


def test_an_empty_queue_offers_the_next_step(open_page) -> None:
    app = open_page(PAGE)
    assert not app.exception and "Nothing runs and nothing waits." in texts(app)
    assert app.button(key="new").label == "New experiment" and app.button(key="demo").label == "Run the digits demo"


def test_what_runs_is_shown_with_its_progress_and_what_waits_in_order(
    open_page, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = build_running_experiment(home, spec=preset_spec(name="At work"))
    Placement("", 1, ("cpu",), "cpu").write(home.experiment(running.experiment_id))
    for name in ("first", "second"):
        create_experiment(home, spec=preset_spec(name=f"{name} {NASTY}"[:80]), experiment_id=name)
    tell_board(home, first="Waits until the processor is free.")
    mounted: list[list[str]] = []

    def mount(*, data: dict[str, list[dict[str, str]]], **_: object) -> dict[str, object]:
        mounted.append([f"{item['id']}: {item['why']}" for item in data["items"]])
        return {}

    monkeypatch.setattr(component, "_mount", mount)
    app = open_page(PAGE)
    assert not app.exception and "A processor" in texts(app)
    assert any("At work" in str(link.proto.label) for link in app.get("page_link"))
    assert mounted[-1] == ["first: Waits until the processor is free.", "second: "]


def test_a_wish_moves_or_removes_and_the_removal_can_be_undone(
    open_page, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        create_experiment(home, spec=preset_spec(name=name), experiment_id=name)
    tell_board(home)
    wishes = [{"action": "move", "id": "second", "to": 1}, {"action": "remove", "id": "first"}]
    monkeypatch.setattr(component, "_mount", lambda **_: {"wish": wishes.pop(0)} if wishes else {})
    app, store = open_page(PAGE), Store(home)
    while wishes:
        app.run()
    assert not app.exception and store.state("first") == "cancelled"
    app.run()
    assert "first was removed from the queue" in texts(app)
    app.button(key="undo-queue").click().run()
    assert [row.experiment_id for row in store.in_states({"queued"})] == ["second", "first"]


def test_the_pause_tells_who_and_ends_by_a_button(open_page, home: Home) -> None:
    app = open_page(PAGE)
    app.button(key="pause").click().run()
    assert "Paused by local" in texts(app) and home.queue_paused.exists()
    app.button(key="unpause").click().run()
    assert "Paused by" not in texts(app) and not home.queue_paused.exists()


@pytest.mark.parametrize(
    ("told", "wish"),
    [
        ({"action": "move", "id": "a", "to": 2}, Wish("move", "a", 2)),
        ({"action": "remove", "id": "a"}, Wish("remove", "a")),
        ({"action": "move", "id": "a", "to": 0}, None), ({"action": "move", "id": "a", "to": "1"}, None),
        ({"action": "remove", "id": "stranger"}, None), ({"action": "burn", "id": "a"}, None), (None, None), ([], None),
    ],
)
def test_what_a_browser_tells_is_looked_at_first(told: object, wish: Wish | None) -> None:
    assert wish_of(told, known={"a", "b"}) == wish


def test_list_and_page_say_the_place_and_what_it_waits_for(open_page, home: Home) -> None:
    for name in ("first", "second"):
        create_experiment(home, spec=preset_spec(name=name), experiment_id=name)
    tell_board(home, second="Waits until the processor is free.")
    write_json(home.queue_paused, {"by": "ann", "at": 1.0})
    sentence = "Waits, 2nd in the queue, until the processor is free. The queue is paused."
    for app in (open_page("experiments/overview.py"), open_page("experiments/detail.py", id="second")):
        assert sentence in texts(app).replace("\\", "")


@pytest.mark.parametrize("failure", ["gpu-out-of-memory", "out-of-memory", "error"])
def test_half_the_batch_is_offered_after_out_of_memory_alone(open_page, home: Home, failure: str) -> None:
    create_experiment(home, spec=preset_spec(), experiment_id="big")
    store = Store(home)
    store.transition("big", expected={"queued"}, to="starting", at=2.0)
    store.transition("big", expected={"starting"}, to="failed", at=3.0, failure=failure)  # type: ignore[arg-type]
    app = open_page("experiments/detail.py", id="big")
    offered = [button for button in app.button if button.key == "half"]
    assert bool(offered) == (failure != "error")
    if offered:
        offered[0].click().run()
        assert app.query_params["batch"] == "half" and app.query_params["from"] == "big"


def test_the_form_begins_with_half_the_batch(open_page, home: Home, layers) -> None:
    create_experiment(home, spec=preset_spec(), experiment_id="big")
    app = open_page("experiments/design.py", **{"from": "big", "batch": "half"})
    assert not app.exception and "with every batch size halved" in texts(app)
    spec, half = preset_spec().to_json(), app.session_state["draft-read"]
    assert half["student_training"]["batch_size"] == spec["student_training"]["batch_size"] // 2
    assert half["teacher"]["training"]["batch_size"] == spec["teacher"]["training"]["batch_size"] // 2


def test_halving_ends_at_one() -> None:
    spec = preset_spec().to_json()
    for _ in range(20):
        spec = halved(spec)
    assert spec["student_training"]["batch_size"] == spec["teacher"]["training"]["batch_size"] == 1


def test_the_form_asks_for_memory_and_processes(open_page, layers) -> None:
    app = open_page("experiments/design.py")
    next(box for box in app.checkbox if "gpu_memory_gb" in str(box.key)).check().run()
    next(number for number in app.number_input if "gpu_memory_gb" in str(number.key)).set_value(6.5).run()
    next(number for number in app.number_input if "processes" in str(number.key)).set_value(2).run()
    read = app.session_state["draft-read"]
    assert (read["gpu_memory_gb"], read["processes"], read["device"]) == (6.5, 2, "auto")


def test_ordinals() -> None:
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"
    ]
