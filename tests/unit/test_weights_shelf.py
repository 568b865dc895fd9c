"""The shelf of uploaded weights: what it takes in, what it refuses and why, and that nothing uploaded is executed."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save
from torch import nn

from distill_core.errors import HelperUnavailable, NotFound, WeightsError
from distill_core.folders import Home
from distill_core.weights import WeightsFile, WeightsShelf


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3))


def saved(content: object, *, legacy: bool = False) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


def add(shelf: WeightsShelf, content: bytes, *, name: str = "", file_name: str = "net.pt") -> WeightsFile:
    return shelf.add(name, io.BytesIO(content), file_name=file_name)


def refusal(shelf: WeightsShelf, content: bytes, *, file_name: str = "net.pt") -> str:
    with pytest.raises(WeightsError) as caught:
        add(shelf, content, file_name=file_name)
    assert caught.value.sentence.startswith(file_name)
    return caught.value.sentence


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def shelf(home: Home) -> WeightsShelf:
    return WeightsShelf(home, clock=iter(range(1000, 2000)).__next__)


def test_the_same_weights_saved_in_another_way_are_the_same_file(shelf: WeightsShelf, home: Home) -> None:
    state = network().state_dict()
    kept = add(shelf, saved(state), name="Mine")
    # The content decides, not the ending.
    again = add(shelf, save(state), file_name="other.pth")
    assert again == kept
    assert shelf.all() == [kept]
    assert (kept.name, kept.file_name, kept.tensors, kept.notes) == ("Mine", "net.pt", len(state), ())
    assert kept.parameters == sum(parameter.numel() for parameter in network().parameters())
    stored = load_file(home.weights(kept.id))
    assert stored.keys() == state.keys()
    assert all(torch.equal(stored[name], value) and stored[name].dtype == value.dtype for name, value in state.items())
    assert kept.size_bytes == home.weights(kept.id).stat().st_size
    assert [path.name for path in home.weights(kept.id).parent.iterdir() if path.suffix == ".part"] == []


class Malicious:
    """A pickle that makes a file when it is loaded the careless way."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.mkdir, (str(self.path), 0o700)


@pytest.mark.parametrize("how", ["zip", "legacy", "plain pickle"])
def test_nothing_of_a_pickle_is_executed(shelf: WeightsShelf, tmp_path: Path, how: str) -> None:
    trap = tmp_path / "executed"
    bait = {"weight": torch.ones(2), "trap": Malicious(trap)}
    content = pickle.dumps(bait) if how == "plain pickle" else saved(bait, legacy=how == "legacy")
    assert "could run code" in refusal(shelf, content)
    assert not trap.exists()
    torch.load(io.BytesIO(saved(bait)), weights_only=False)
    assert trap.exists(), "the pickle would not have done anything anyway"


def test_storages_that_claim_more_than_there_is_hit_the_memory_cap(shelf: WeightsShelf) -> None:
    # The old format names a storage's length before its bytes: here 2**40 numbers instead of 2**20.
    content = saved({"a": torch.ones(2**20)}, legacy=True)
    length = pickle.dumps(2**20, protocol=2)[2:-1]
    assert content.count(length) >= 1
    swollen = content.replace(length, pickle.dumps(2**40, protocol=2)[2:-1])
    assert "more memory" in refusal(shelf, swollen)


def test_a_file_over_the_limit_is_refused_before_it_is_copied(home: Home) -> None:
    shelf = WeightsShelf(home, largest_bytes=1_000_000)
    told: list[str] = []
    with pytest.raises(WeightsError, match=r"big\.pt has 2 MB; allowed: up to 1 MB"):
        shelf.add(
            "", io.BytesIO(bytes(2_000_000)), file_name="big.pt", on_progress=lambda what, share: told.append(what)
        )
    assert told == []


def test_a_reader_that_takes_too_long_or_breaks_is_told_in_a_sentence(home: Home, monkeypatch) -> None:
    with pytest.raises(WeightsError, match=r"net\.pt took too long to read"):
        add(WeightsShelf(home, longest_seconds=0.01), saved({"a": torch.ones(2)}))
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(HelperUnavailable, match=r"net\.pt could not be read"):
        add(WeightsShelf(home), saved({"a": torch.ones(2)}))
    assert not list(home.weights("any").parent.iterdir()), "an upload was left behind"


def test_the_shelf_names_lists_hides_and_restores(shelf: WeightsShelf, home: Home) -> None:
    first = add(shelf, saved({"a": torch.ones(2)}), file_name="C:\\nets\\first.pt")
    second = add(shelf, saved({"a": torch.zeros(2)}), name="  Second   one ")
    assert (first.name, first.file_name, second.name) == ("first.pt", "first.pt", "Second one")
    assert [weights.id for weights in shelf.all()] == [second.id, first.id]
    shelf.rename(first.id, "Best")
    shelf.remove(second.id)
    assert [weights.name for weights in shelf.all()] == ["Best"]
    assert shelf.get(second.id).removed and home.weights(second.id).exists()
    shelf.restore(second.id)
    assert len(shelf.all()) == 2
    with pytest.raises(WeightsError, match="allowed: 1 to 80"):
        shelf.rename(first.id, " ")
    # A damaged list entry hides only itself, and comes back with the next upload.
    home.weights_facts(first.id).write_text("{")
    assert [weights.id for weights in shelf.all()] == [second.id]
    assert add(shelf, saved({"a": torch.ones(2)})).id == first.id


@pytest.mark.parametrize("weights_id", ["", "0" * 16, "../../etc/passwd", "A" * 16])
def test_an_unknown_id_is_told_and_leads_nowhere(shelf: WeightsShelf, weights_id: str) -> None:
    with pytest.raises(NotFound, match="Upload them again"):
        shelf.get(weights_id)


def test_an_upload_that_a_crash_left_behind_is_swept_after_a_day(home: Home) -> None:
    folder = home.weights("any").parent
    folder.mkdir(parents=True)
    old, young = folder / ".upload-old.part", folder / ".upload-young.part"
    for path in (old, young):
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    shelf = WeightsShelf(home, clock=lambda: young.stat().st_mtime)
    refusal(shelf, b"")
    assert not old.exists() and young.exists()


def test_the_shelf_loads_no_torch() -> None:
    code = "import sys, distill_core.weights; print([name for name in ('torch', 'streamlit') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
