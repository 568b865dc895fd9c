"""The staircase: lines of descent, what stands on each tread, and what is said of it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from distill_core.charts.descent import branches_of, change, lines_of, parents_of, root_of, variant_key
from distill_core.charts.names import lineage_name, step_name
from distill_core.charts.staircase import staircase
from distill_core.charts.staircase_words import all_slower, cautions, has_masked_zeros, summary
from distill_core.charts.style import caption_of
from tests.unit.chart_rows import latency, run
from tests.unit.family_rows import child, stairs, zeros


def test_a_line_leads_from_the_trained_network_to_its_last_child() -> None:
    (line,) = lines_of(stairs())
    assert [tread.step for tread in line.treads] == ["distilled", "50% zeros", "fine-tuned (teacher)", "int8"]
    assert line.root.first.role == "student" and line.leaf.name == "distilled › 50% zeros › fine-tuned (teacher) › int8"
    assert line.seeds == 3 and [len(tread.runs) for tread in line.treads] == [3, 3, 3, 3]
    assert lines_of([run("student", "s")]) == ()


def test_two_strengths_are_two_lines_with_the_same_root() -> None:
    rows = stairs()
    (first,) = [row for row in rows if row.name == "distilled" and row.seed == 0]
    rows.append(child(first, "magnitude-pruning", "80% zeros", accuracy=0.5))
    long, short = lines_of(rows)
    assert [tread.step for tread in short.treads] == ["distilled", "80% zeros"]
    assert len(long.treads) == 4
    # Only the seed that went all the way counts, also for the network it began with.
    assert [run.seed for run in short.root.runs] == [0] and short.seeds == 1


def test_a_child_whose_parent_is_not_there_has_no_line() -> None:
    rows = [row for row in stairs() if row.role == "compressed" and row.compression_step == "static-int8"]
    assert lines_of(rows) == ()
    assert root_of(variant_key(rows[0]), parents_of(rows)) == variant_key(rows[0])


def test_changes_are_paired_by_seed() -> None:
    (line,) = lines_of(stairs())
    found = change(line.treads[0], line.treads[1])
    assert found is not None and found.seeds == 3
    # -0.100, -0.102, -0.104: mean -0.102, deviation 0.002, t(2) = 4.303.
    assert found.mean == pytest.approx(-0.102)
    assert found.low == pytest.approx(-0.102 - 4.3027 * 0.002 / math.sqrt(3), abs=1e-6)
    (single,) = lines_of(stairs(seeds=1))
    alone = change(single.treads[0], single.treads[1])
    assert alone is not None and alone.low is None and alone.mean == pytest.approx(-0.1)


def test_a_refused_step_has_no_figures_and_says_why() -> None:
    rows = stairs(seeds=1)
    distilled = rows[2]
    rows.append(child(
        distilled, "structured-pruning", "50% cut", accuracy=math.nan, state="refused", stop_rule="It cannot be cut.",
    ))
    line = lines_of(rows)[1]
    assert line.leaf.score is None and line.leaf.macs is None
    assert "It cannot be cut." in caption_of(staircase(line, theme="light"))
    assert "Nothing was made yet" in summary(line)


def texts(fig: object) -> list[str]:
    return [str(one.text) for one in fig.layout.annotations]  # type: ignore[attr-defined]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_tread_has_its_figure_and_its_change_written_on_it(theme: str) -> None:
    rows = stairs()
    (line,) = lines_of(rows)
    teacher, alone = rows[:1], [row for row in rows if row.role == "baseline"]
    fig = staircase(line, theme=theme, teacher=teacher, alone=alone)  # type: ignore[arg-type]
    told = texts(fig)
    assert "<b>96.1%</b>" in told and "<b>85.9%</b><br>−10.2 ±0.5" in told
    assert "<b>2 kB</b><br>−75%" in told and "<b>0.02 ms</b><br>+100%" in told and "same" in told
    assert {trace.name for trace in fig.data if trace.name and trace.showlegend is not False} == {
        "teacher 99.0%", "alone 92.0%"
    }
    titles = [text for text in told if text.startswith("<b>ONNX") or text.startswith("<b>Acc") or "MACs" in text]
    assert len(titles) == 4
    assert "NaN" not in fig.to_json()
    assert "3 seeds" in caption_of(fig)


def test_one_seed_says_that_it_cannot_tell() -> None:
    (line,) = lines_of(stairs(seeds=1))
    fig = staircase(line, theme="light")
    assert "±" not in "".join(texts(fig)) and "no interval" in caption_of(fig)


def test_a_panel_without_figures_is_left_out() -> None:
    rows = [replace(row, latency=(), onnx_size_bytes=None) for row in stairs()]
    (line,) = lines_of(rows)
    fig = staircase(line, theme="light")
    assert not any("latency" in text or "ONNX file" in text for text in texts(fig))


def test_many_steps_turn_their_names() -> None:
    rows = [run("student", "s", accuracy=0.9)]
    for number in range(6):
        rows.append(child(rows[-1], "magnitude-pruning", f"{number + 1}0% zeros", accuracy=0.9 - number / 100))
    (line,) = lines_of(rows)
    assert len(line.treads) == 7
    last = [axis for name, axis in staircase(line, theme="light").to_dict()["layout"].items() if "xaxis" in name][-1]
    assert last["tickangle"] == -40


def test_markup_in_names_shows_as_text() -> None:
    parent = run("student", "<b>x</b>", accuracy=0.9)
    rows = [parent, child(parent, "magnitude-pruning", "<img src=x>", accuracy=0.8)]
    (line,) = lines_of([replace(row, run_id=f"r{n}", parent="r0" if n else "") for n, row in enumerate(rows)])
    fig = staircase(line, theme="light")
    fig.layout.meta = None
    assert "<img" not in fig.to_json().replace("\\u003c", "<")


class TestWords:
    def test_the_summary_tells_bytes_points_and_speed(self) -> None:
        (line,) = lines_of(stairs())
        assert summary(line) == (
            "From 8 kB to 2 kB (4× smaller), 2.0 points lost (95% CI −2.0 to −2.0, 3 seeds), 2× slower here "
            "(p50 0.01 ms before, 0.02 ms after; batch 1, 1 thread)."
        )

    def test_faster_and_gained_and_one_seed(self) -> None:
        parent = run("student", "s", accuracy=0.9, onnx_size_bytes=412_000, latency=(latency(1.3),))
        rows = [parent, child(parent, "x", "cut", accuracy=0.91, onnx_size_bytes=412_001, latency=(latency(1.0),))]
        told = summary(lines_of(rows)[0])
        assert told.startswith("The file keeps its 412 kB, 1.0 points gained (one seed), 1.3× faster here")

    def test_a_larger_file_is_called_larger(self) -> None:
        parent = run("student", "s", accuracy=0.9, onnx_size_bytes=1000)
        rows = [parent, child(parent, "x", "int8", accuracy=0.9, onnx_size_bytes=1500)]
        assert "from 1 kB to 1.5 kB (1.5× larger), no points lost" in summary(lines_of(rows)[0]).replace("From", "from")

    def test_slower_steps_and_masked_zeros_are_told(self) -> None:
        rows = stairs()
        (line,) = lines_of(rows)
        told = " ".join(cautions(line))
        assert "“int8” is slower here than before that step: 0.02 ms instead of 0.01 ms" in told
        assert "Masked zeros do not speed up dense kernels" in told
        assert all_slower(rows, batch=1, threads_used=1) == [
            "“distilled › 50% zeros › fine-tuned (teacher) › int8” is slower here than before that step: 0.02 ms "
            "instead of 0.01 ms at batch 1, 1 thread."
        ]
        assert all_slower(rows, batch=32, threads_used=1) == []

    def test_a_few_percent_are_no_slowing(self) -> None:
        parent = run("student", "s", accuracy=0.9, latency=(latency(1.0),))
        rows = [parent, child(parent, "x", "int8", accuracy=0.9, latency=(latency(1.04),))]
        assert cautions(lines_of(rows)[0]) == [] and "as fast as before" in summary(lines_of(rows)[0])

    def test_cut_channels_are_no_masked_zeros(self) -> None:
        parent = run("student", "s", accuracy=0.9, macs=1000)
        cut = child(parent, "structured-pruning", "50% cut", accuracy=0.8, macs=400, layers=zeros(0.5))
        assert not has_masked_zeros(lines_of([parent, cut])[0])
        assert has_masked_zeros(lines_of([parent, replace(cut, macs=1000)])[0])

    def test_below_the_student_alone_is_told(self) -> None:
        rows = stairs()
        (line,) = lines_of(rows)
        alone = [row for row in rows if row.role == "baseline"]
        assert not any("trained alone" in told for told in cautions(line, alone=alone))
        better = [replace(row, accuracy=0.95) for row in alone]
        assert "(94.1%) than the same student trained alone and left whole (95.0%)" in cautions(line, alone=better)[-1]


def test_branches_follow_their_parents_whatever_the_order() -> None:
    rows = stairs(seeds=2)
    made = [row for row in rows if row.role == "compressed"]
    shuffled = [row for row in rows if row.role != "compressed"] + sorted(made, key=lambda row: row.seed)
    found = branches_of(shuffled)
    assert len(found) == len(rows)
    assert [(one.depth, one.step) for one in found if one.run.seed == 1 and one.run.role != "baseline"] == [
        (0, "distilled"), (1, "50% zeros"), (2, "fine-tuned (teacher)"), (3, "int8"),
    ]
    assert {one.root for one in found if one.depth} == {"distilled"}


def test_a_lineage_is_cut_in_the_middle() -> None:
    name = "distilled T=8 › 56% zeros › fine-tuned (teacher) › 77% zeros › fine-tuned (teacher) › int8"
    assert lineage_name(name, 200) == name
    assert lineage_name(name, 48) == "… › 77% zeros › fine-tuned (teacher) › int8"
    assert lineage_name("a › b", 40) == "a › b" and lineage_name("x" * 90, 40).endswith("…")
    assert len(lineage_name(f"a › {'b' * 90}", 40)) == 40
    assert step_name("a › b › c", "a › b") == "c" and step_name("other", "a") == "other"
