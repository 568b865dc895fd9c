"""Cells that a spreadsheet would run become text; all others stay as they are."""

from __future__ import annotations

import pytest

from distill_core.spreadsheet import harmless_cell


@pytest.mark.parametrize("cell", [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", "\0=1", "=cmd|' /C calc'!A0", "\u00a0=1",
])
def test_a_formula_becomes_text(cell: str) -> None:
    assert harmless_cell(cell) == "'" + cell.replace("\0", "")


@pytest.mark.parametrize("cell", ["", "alone", "a=b", "T=8", "3 - 2", "x@y.example", "'quoted"])
def test_other_text_stays(cell: str) -> None:
    assert harmless_cell(cell) == cell
