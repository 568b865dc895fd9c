"""What the preview process answers: figures of untrained networks, measured once, and what is wrong with a spec."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from distill_core.errors import DataError, DeviceError, HelperUnavailable, LabError, SpecError
from distill_core.folders import Home
from distill_core.jobs.preview_answers import BUSY_REASON
from distill_core.jobs.preview_client import PreviewClient
from distill_core.pipeline import deep_check
from distill_core.processes import hold
from distill_core.spec import parse_spec
from tests.integration.preview_home import end, make_client


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = Home(tmp_path_factory.mktemp("warm"))
    yield home
    end(home)


@pytest.fixture(scope="module")
def warm(home: Home) -> PreviewClient:
    """One process with torch loaded for all tests here."""
    client = make_client(home)
    client.ask("ping", timeout_seconds=120)
    return client


def test_answer_holds_the_completed_spec(warm: PreviewClient, spec_data: dict[str, Any], tmp_path: Path) -> None:
    checked = deep_check(parse_spec(spec_data), home=Home(tmp_path))
    answer = warm.ask("profile", {"spec": spec_data, "busy": True}, timeout_seconds=120)
    assert parse_spec(answer["spec"]) == checked.spec
    assert answer["fingerprint"] == checked.here.fingerprint
    assert answer["counts"] == checked.counts
    assert [run["run_id"] for run in answer["runs"]] == [run.run_id for run in checked.plan.runs]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"student_training": {"batch_size": 5000}}, SpecError),
        ({"name": "n" * 500, "seeds": [1, 1], "nonsense": [float("nan")]}, SpecError),
        ({"data": {"dataset": {"name": "image-folder", "params": {"path": "/no/such/folder"}}}}, DataError),
        ({"device": "cuda:77"}, DeviceError),
    ],
)
def test_errors_arrive_as_they_were_raised(
    warm: PreviewClient, spec_data: dict[str, Any], tmp_path: Path, change: dict[str, Any], error: type[LabError]
) -> None:
    with pytest.raises(error) as here:
        deep_check(parse_spec(spec_data | change), home=Home(tmp_path))
    with pytest.raises(error) as there:
        warm.ask("profile", {"spec": spec_data | change})
    assert there.value.sentence == here.value.sentence
    if isinstance(here.value, SpecError) and isinstance(there.value, SpecError):
        assert [problem.field for problem in there.value.problems] == [p.field for p in here.value.problems]


def test_profile_measures_once_and_then_answers_at_once(warm: PreviewClient, spec_data: dict[str, Any]) -> None:
    busy = warm.ask("profile", {"spec": spec_data, "busy": True}, timeout_seconds=120)
    for network in busy["networks"]:
        assert (network["latency"], network["latency_reason"]) == (None, BUSY_REASON)
    assert "training is running" in " ".join(busy["warnings"])

    answer = warm.ask("profile", {"spec": spec_data}, timeout_seconds=120)
    teacher, student = answer["networks"]
    assert (teacher["role"], teacher["name"], teacher["compression_ratio"]) == ("teacher", "teacher", 1.0)
    assert (student["role"], student["students"]) == ("student", ["alone", "distilled", "distilled, all"])
    assert student["name"].endswith("width 4")
    assert student["compression_ratio"] == pytest.approx(teacher["parameters"] / student["parameters"])
    for network in answer["networks"]:
        (row,) = network["latency"]
        assert (row["batch"], row["threads"], row["provider"]) == (1, 1, "CPUExecutionProvider")
        assert 0 < row["p50"] <= row["p95"] and row["machine"]
        assert network["macs"] > 0 and network["size_bytes"] > 4 * network["parameters"]
        assert network["onnx_size_bytes"] > 4 * network["parameters"]
    seconds = answer["estimate_seconds"]
    assert seconds["total"] == pytest.approx(sum(value for part, value in seconds.items() if part != "total"))
    assert answer["warnings"] == []

    spec_data["students"][1]["terms"][1]["loss"]["params"]["temperature"] = 9.0
    spec_data["students"][1]["terms"][0]["weight"] = 0.3
    spec_data["student_training"]["optimizer"]["learning_rate"] = 0.02
    again = warm.ask("profile", {"spec": spec_data})
    # Timed anew, no two would be equal to the last digit.
    assert again["networks"] == answer["networks"]
    assert again["estimate_seconds"] == seconds
    assert again["runs"][0] == answer["runs"][0] and again["runs"][2] != answer["runs"][2]


def test_profile_knows_what_is_reused_and_what_compresses_nothing(
    warm: PreviewClient, spec_data: dict[str, Any]
) -> None:
    spec_data["teacher"]["architecture"] = spec_data["students"][0]["architecture"]
    answer = warm.ask("profile", {"spec": spec_data}, timeout_seconds=120)
    assert "no fewer parameters than the teacher" in " ".join(answer["warnings"])
    assert answer["estimate_seconds"]["teacher"] > 0
    reused = [answer["runs"][0]["run_id"], "ffffffffffffffff"]
    assert warm.ask("profile", {"spec": spec_data, "reused": reused})["estimate_seconds"]["teacher"] == 0


def test_beside_a_latency_measurement_only_what_is_known_is_answered(
    warm: PreviewClient, home: Home, spec_data: dict[str, Any]
) -> None:
    known = warm.ask("profile", {"spec": spec_data}, timeout_seconds=120)
    measuring = hold(home.measuring_lock)
    assert measuring is not None
    with measuring:
        assert warm.ask("profile", {"spec": spec_data})["networks"] == known["networks"]
        spec_data["student_training"]["batch_size"] = 32
        with pytest.raises(HelperUnavailable, match="did not answer in time"):
            warm.ask("profile", {"spec": spec_data}, timeout_seconds=2.0)
    answer = warm.ask("profile", {"spec": spec_data}, timeout_seconds=120)
    assert answer["estimate_seconds"] != known["estimate_seconds"]
