"""The self-check: all values agree, and a loss that is wrong is told."""

from __future__ import annotations

import json

import pytest
from torch import Tensor

from distill_core.jobs.self_check_answer import self_check_answer
from distill_core.losses import reference


def test_every_reference_value_has_a_case_and_agrees() -> None:
    answer = self_check_answer()
    values = json.loads(reference.REFERENCE_FILE.read_text(encoding="utf-8"))["values"]
    assert len(answer["comparisons"]) == len(values) + 2
    assert all(one["agrees"] and one["difference"] <= answer["tolerance"] == 1e-8 for one in answer["comparisons"])
    kd = [one for one in answer["comparisons"] if one["what"] == "kd"]
    assert [one["settings"]["temperature"] for one in kd] == [1, 2, 4, 20]
    assert {one["source"] for one in kd} == {"RepDistiller, mdistiller"}


@pytest.mark.parametrize("fault", [lambda loss: loss * (1 + 1e-7), lambda loss: loss * float("nan")])
def test_a_wrong_loss_is_told(fault, monkeypatch: pytest.MonkeyPatch) -> None:
    right = reference.kd

    def wrong(student: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
        found: Tensor = fault(right(student, teacher, temperature=temperature))
        return found

    monkeypatch.setattr(reference, "kd", wrong)
    comparisons = self_check_answer()["comparisons"]
    assert {one["what"] for one in comparisons if not one["agrees"]} == {"kd", "0.1*cross_entropy + 0.9*kd"}
    json.dumps(comparisons, allow_nan=False)
