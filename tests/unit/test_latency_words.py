"""What measured medians mean, in sentences that warn where a smaller model is slower."""

from __future__ import annotations

from distill_core.evaluation.latency import across, comparison
from tests.latency_samples import measured


def test_a_smaller_model_that_is_slower_is_told_first() -> None:
    told = comparison([measured("teacher", 1.0), measured("int8", 1.5), measured("student", 0.25)])
    assert told == [
        "int8 is smaller than teacher, yet takes 1.5 times as long here (p50 1.5 ms against 1 ms).",
        "student is 4.0 times as fast as teacher (p50 0.25 ms against 1 ms).",
    ]


def test_a_larger_model_that_is_slower_is_no_surprise() -> None:
    told = comparison([measured("teacher", 1.0), measured("wide", 3.0, size_bytes=900_000)])
    assert told == ["wide takes 3.0 times as long as teacher (p50 3 ms against 1 ms)."]


def test_variants_of_one_network_share_the_first_place() -> None:
    told = comparison([measured("teacher", 1.0), measured("a", 0.105), measured("b", 0.1), measured("c", 0.3)])
    assert told == ["b and a are about 10 times as fast as teacher (p50 0.1 ms against 1 ms)."]


def test_less_than_ten_percent_is_no_difference() -> None:
    assert comparison([measured("teacher", 1.0), measured("a", 1.09), measured("b", 0.92)]) == [
        "b and a are within 10% of teacher: too little to call a difference."
    ]
    assert comparison([measured("teacher", 1.0)]) == []


def test_without_a_teacher_the_largest_is_compared_with() -> None:
    told = comparison([measured("small", 0.5), measured("large", 1.0, size_bytes=50_000)])
    assert told == ["small is 2.0 times as fast as large (p50 0.5 ms against 1 ms)."]


def test_machines_are_compared_on_a_model_they_share() -> None:
    rows = [
        measured("teacher", 1.0), measured("a", 0.1), measured("a", 0.7, result="r2"), measured("b", 5.0, result="r3"),
        measured("a", 0.101, result="r4"), measured("a", 0.05, result="r5"),
    ]
    names = {"r1": "here", "r2": "a Pi", "r3": "a phone", "r4": "a twin", "r5": "a server"}
    assert across(rows, names) == [
        "a takes 7.0 times as long on a Pi as on here (p50 0.7 ms against 0.1 ms).",
        "a is about as fast on a twin as on here (p50 0.101 ms against 0.1 ms).",
        "a is 2.0 times as fast on a server as on here (p50 0.05 ms against 0.1 ms).",
    ]
    assert across([], {}) == []
