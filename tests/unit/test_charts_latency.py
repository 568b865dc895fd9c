"""The latency lab's charts: whiskers, machines side by side, honest histograms, harmless names."""

from __future__ import annotations

import json

import pytest

from distill_core.charts.latency import conditions, latency_dots, latency_spread, provider_title, series_names
from distill_core.charts.style import THEMES, caption_of
from tests.latency_samples import measured

NASTY = "<b>evil</b> $x$ %{y}"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_dot_is_the_p50_and_its_whisker_ends_at_the_p95(theme) -> None:
    fig = latency_dots([measured("teacher", 2.0), measured("a", 1.0)], batch=1, threads=1, theme=theme)
    (series,) = fig.data
    assert list(series.x) == [2.0, 1.0]
    assert list(series.error_x.array) == pytest.approx([0.18, 0.09]) and list(series.error_x.arrayminus) == [0, 0]
    assert fig.layout.xaxis.type is None and fig.layout.xaxis.range[0] == 0
    assert fig.layout.template.layout.font.color == THEMES[theme].text
    assert "Whisker: p95. Machine: Test machine; computed on: processor." in caption_of(fig)


def test_each_machine_has_a_look_and_a_place_of_its_own() -> None:
    rows = [measured("a", 1.0), measured("a", 30.0, result="r2", machine="phone"), measured("b", 2.0)]
    fig = latency_dots(rows, batch=1, threads=1, theme="light")
    looks = {(trace.marker.color, trace.marker.symbol) for trace in fig.data}
    assert [trace.name for trace in fig.data] == ["Test machine", "phone"] and len(looks) == 2
    assert len({y for trace in fig.data for y in trace.y}) == 3
    assert fig.layout.xaxis.type == "log", "thirtyfold"


def test_only_the_chosen_condition_is_drawn_and_what_lacks_it_is_counted() -> None:
    rows = [measured("a", 1.0), measured("a", 9.0, batch=32), measured("a", 5.0, result="r2", machine="p", batch=32)]
    assert conditions(rows) == [(1, 1), (32, 1)]
    fig = latency_dots(rows, batch=1, threads=1, theme="light")
    assert list(fig.data[0].x) == [1.0] and "1 result has nothing at batch 1, 1 thread." in caption_of(fig)
    empty = latency_dots(rows, batch=7, threads=1, theme="light")
    assert not empty.data and "batch 7" in empty.layout.annotations[0].text


def test_results_of_one_machine_are_told_apart() -> None:
    rows = [
        measured("a", 1.0), measured("a", 1.0, result="r2"),
        measured("a", 1.0, result="r3", provider="CUDAExecutionProvider", io_binding=True),
    ]
    names = series_names(rows)
    assert names["r1"] == "Test machine, processor, no IO binding" and names["r2"].endswith("(2)")
    assert names["r3"] == "Test machine, NVIDIA GPU (CUDA), with IO binding"
    assert series_names(rows[:1]) == {"r1": "Test machine"}
    assert provider_title("NewExecutionProvider") == "New"


def test_the_histogram_holds_every_time_up_to_the_slowest_p99() -> None:
    rows = [measured("teacher", 2.0), measured("a", 1.0)]
    fig = latency_spread(rows, batch=1, threads=1, theme="light")
    bins = [trace for trace in fig.data if trace.mode == "markers"]
    counts = [int(trace.customdata[:, 2].sum()) for trace in bins]
    slowest = 2.0 * 1.098
    inside = [sum(value <= slowest for value in row.samples_ms) for row in rows]
    assert counts == inside == [100, 101]
    assert "1 of 202 times are beyond 2.2 ms and not drawn." in caption_of(fig)
    lines = [list(trace.x) for trace in fig.data if trace.mode == "lines" and len(trace.x) == 2]
    assert [2.0, 2.0] in lines and [1.0, 1.0] in lines


def test_models_keep_the_colours_they_have_on_other_charts() -> None:
    row = measured("a", 1.0)
    look = {"color": "#123456", "dash": "solid", "symbol": "circle", "name": "a", "group": "g"}
    fig = latency_spread([row], batch=1, threads=1, theme="light", looks={row.run_id: look})
    assert fig.data[0].line.color == "#123456"


@pytest.mark.parametrize("draw", [latency_dots, latency_spread])
def test_names_that_users_give_cannot_break_a_chart(draw) -> None:
    fig = draw([measured(NASTY, 1.0, machine=NASTY, provider=NASTY)], batch=1, threads=1, theme="light")
    # The caption is plain text, which the page escapes.
    assert NASTY in caption_of(fig) or draw is latency_spread
    fig.layout.meta = None
    drawn = json.loads(fig.to_json())
    texts = json.dumps(drawn, ensure_ascii=False)
    assert "evil" in texts
    assert "<b>evil" not in texts and "$x$" not in texts and "%{y}" not in texts
