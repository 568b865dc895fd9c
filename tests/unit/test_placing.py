"""Devices are given in the order of the queue, whole or by memory, and never beyond what they hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill_core.executors.executor import Slot
from distill_core.folders import ExperimentFolder, write_json
from distill_core.jobs.placing import GB, USABLE_SHARE, Board, CannotBePlaced, Need, need_of, placement_on
from tests.store_samples import small_spec

CPU = Slot("cpu", "cpu", "a processor", 64 * GB)
GPUS = tuple(Slot(f"cuda:{number}", f"cuda:{number}", f"GPU {number}", 80 * GB) for number in range(3))


def need(device: str = "auto", *, gb: float = 0, processes: int = 1, began_on: str = "") -> Need:
    return Need(device, began_on, round(gb * GB), processes)  # type: ignore[arg-type]


def names(found: object) -> list[str] | str:
    return found if isinstance(found, str) else [slot.name for slot in found]  # type: ignore[attr-defined]


def take(board: Board, wanted: Need) -> list[str] | str:
    found = board.place(wanted)
    if not isinstance(found, str):
        board.occupy([slot.name for slot in found], wanted.gpu_memory_bytes)
    return names(found)


def test_auto_takes_the_first_free_gpu_and_the_processor_only_without_any() -> None:
    board = Board([*GPUS[:2], CPU])
    assert [take(board, need()) for _ in range(3)] == [["cuda:0"], ["cuda:1"], "Waits until a GPU is free."]
    assert take(board, need("cpu")) == ["cpu"]
    board = Board([CPU])
    assert [take(board, need()) for _ in range(2)] == [["cpu"], "Waits until the processor is free."]


def test_a_named_gpu_is_waited_for_while_others_are_taken() -> None:
    board = Board([*GPUS[:2], CPU])
    assert take(board, need("cuda:1")) == ["cuda:1"]
    assert take(board, need("cuda:1")) == "Waits until cuda:1 is free."
    assert take(board, need("cuda")) == ["cuda:0"]


def test_a_gpu_is_shared_only_by_those_that_say_what_they_need() -> None:
    board = Board([GPUS[0], CPU])
    assert take(board, need(gb=40)) == take(board, need(gb=36)) == ["cuda:0"], "76 of 80 GB may be used"
    assert take(board, need(gb=1)) == "Waits for 1 GB of cuda:0."
    board = Board([GPUS[0]])
    assert take(board, need(gb=10)) == ["cuda:0"]
    assert take(board, need()) == "Waits until cuda:0 is free."
    board = Board([GPUS[0]])
    assert take(board, need()) == ["cuda:0"]
    assert take(board, need(gb=10)) == "Waits for 10 GB of cuda:0."


def test_what_strangers_hold_is_left_to_them() -> None:
    busy = Slot("cuda:0", "cuda:0", "GPU 0", 80 * GB, free_bytes=9 * GB)
    assert take(Board([busy]), need(gb=10)) == "Waits for 10 GB of cuda:0."
    assert take(Board([busy, GPUS[1]]), need(gb=10)) == ["cuda:1"]
    assert take(Board([busy]), need(gb=9)) == ["cuda:0"]
    assert take(Board([busy, GPUS[1], GPUS[2]]), need()) == ["cuda:1"]
    assert take(Board([busy, GPUS[1], GPUS[2]]), need(processes=2)) == ["cuda:1", "cuda:2"]
    assert take(Board([busy]), need()) == ["cuda:0"], "else it would wait for somebody whom the lab does not know"
    screen = Slot("cuda:0", "cuda:0", "GPU 0", 80 * GB, free_bytes=79 * GB)
    assert take(Board([screen, GPUS[1]]), need()) == ["cuda:0"]


def test_small_ones_of_ours_stay_together() -> None:
    used = [Slot(one.name, one.device, one.title, one.memory_bytes, free_bytes=40 * GB) for one in GPUS[:1]]
    board = Board([*used, GPUS[1]])
    board.occupy(["cuda:0"], 30 * GB)
    assert take(board, need(gb=30)) == ["cuda:0"], "so that a whole GPU stays free"


def test_who_needs_all_of_a_gpu_is_not_passed_by_small_ones_for_ever() -> None:
    board = Board([GPUS[0], CPU])
    take(board, need(gb=10))
    assert take(board, need()) == "Waits until cuda:0 is free."
    assert take(board, need(gb=10)) == "Waits for 10 GB of cuda:0.", "there is room, but somebody waits for all of it"
    assert take(board, need("cpu")) == ["cpu"]


def test_several_processes_get_a_gpu_each_and_share_a_processor() -> None:
    board = Board([*GPUS, CPU])
    take(board, need("cuda:1"))
    assert take(board, need(processes=2)) == ["cuda:0", "cuda:2"]
    assert take(board, need(processes=2)) == "Waits for 2 free GPUs."
    found = Board([CPU]).place(need(processes=4))
    assert not isinstance(found, str)
    placed = placement_on(found, need(processes=4), token="t", attempt=2)
    assert (placed.slots, placed.device, placed.gpu_memory_bytes) == (("cpu",), "cpu", 0)


@pytest.mark.parametrize(
    ("slots", "wanted", "sentence"),
    [
        ([CPU], need("cuda:1"), "device is 'cuda:1'; allowed: auto, cpu. There is no other device."),
        ([*GPUS[:2], CPU], need("cuda:7"), "device is 'cuda:7'; allowed: auto, cuda:0, cuda:1, cpu."),
        ([CPU], need("cuda"), "device is 'cuda'"), ([GPUS[0]], need("cpu"), "device is 'cpu'"),
        ([*GPUS[:2]], need(processes=3), "processes is 3; allowed: up to 2."),
        ([GPUS[0]], need(gb=77), "gpu_memory_gb is 77.0; allowed: up to 76.0 on these GPUs."),
        ([CPU], need(began_on="cuda"), "It began on a GPU"),
    ],
)
def test_what_no_device_can_take_is_refused_at_once(slots: list[Slot], wanted: Need, sentence: str) -> None:
    with pytest.raises(CannotBePlaced) as caught:
        Board(slots).place(wanted)
    assert sentence in caught.value.sentence


def test_who_began_on_a_kind_of_device_goes_on_there(tmp_path: Path) -> None:
    folder = ExperimentFolder(tmp_path)
    spec = small_spec(device="auto", gpu_memory_gb=1.5, processes=2)
    assert need_of(spec, folder) == Need("auto", "", 1_500_000_000, 2)
    write_json(folder.origin, {"device_kind": "cpu"})
    assert names(Board([*GPUS, CPU]).place(need_of(spec, folder))) == ["cpu"]
    write_json(folder.origin, {"device_kind": "cuda"})
    assert names(Board([*GPUS, CPU]).place(need_of(spec, folder))) == ["cuda:0", "cuda:1"]
    folder.origin.write_text("{")
    assert need_of(spec, folder).began_on == ""


NEEDS = st.builds(
    need, st.sampled_from(["auto", "cpu", "cuda", "cuda:0", "cuda:2"]), gb=st.sampled_from([0, 0, 5, 20, 38, 70]),
    processes=st.integers(1, 3),
)


@given(st.lists(NEEDS, max_size=25))
def test_no_device_ever_holds_more_than_it_has(wants: list[Need]) -> None:
    board, held = Board([*GPUS, CPU]), {slot.name: [] for slot in (*GPUS, CPU)}
    for wanted in wants:
        try:
            found = board.place(wanted)
        except CannotBePlaced:
            assert wanted.processes > 1 and wanted.device.startswith("cuda:")
            continue
        if isinstance(found, str):
            continue
        board.occupy([slot.name for slot in found], wanted.gpu_memory_bytes)
        assert len({slot.name for slot in found}) == len(found)
        for slot in found:
            held[slot.name].append(wanted.gpu_memory_bytes if slot.is_gpu else 0)
    for name, needs in held.items():
        assert len(needs) <= 1 or (0 not in needs and sum(needs) <= USABLE_SHARE * 80 * GB), name
