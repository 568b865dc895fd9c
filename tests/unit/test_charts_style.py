"""The house style: legible in both themes, the same live and finished, and a look of its own for every variant."""

from __future__ import annotations

import itertools
import json
import tomllib
from dataclasses import replace
from pathlib import Path

import plotly.graph_objects as go
import pytest

from distill_core.charts.style import (
    MOST_SERIES,
    THEMES,
    Theme,
    add_caption,
    apply_style,
    caption_of,
    empty_figure,
    faint,
    hover,
    live_layout,
    plot_config,
    seen_on,
)
from distill_core.charts.variants import choose, series_styles, spread, variants
from tests.unit.chart_rows import digits_like, run

BOTH: tuple[Theme, ...] = ("light", "dark")
both_themes = pytest.mark.parametrize("theme", BOTH)


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2.2."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_formula_on_known_pairs() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


@both_themes
def test_all_text_is_legible(theme: Theme) -> None:
    colours = THEMES[theme]
    for text, surface in itertools.product((colours.text, colours.muted), (colours.background, colours.raised)):
        assert contrast(text, surface) >= 4.5
    layout = live_layout(theme)
    used = {layout["font"]["color"], layout["legend"]["font"]["color"], layout["xaxis"]["tickfont"]["color"]}
    used |= {layout["hoverlabel"]["font"]["color"], layout["title"]["font"]["color"]}
    assert used <= {colours.text, colours.muted}


@both_themes
def test_role_colours_stand_out_from_the_page(theme: Theme) -> None:
    rows = [run("teacher", "t"), run("baseline", "b"), run("student", "s"), run("compressed", "c")]
    for variant in variants(rows, theme):
        assert contrast(variant.color, THEMES[theme].background) >= 3


@both_themes
def test_surfaces_are_those_of_the_pages(theme: Theme) -> None:
    config = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    page = config["theme"][theme]
    assert THEMES[theme].background == page["backgroundColor"]
    assert THEMES[theme].text == page["textColor"]
    assert THEMES[theme].muted == page["grayTextColor"]


@both_themes
def test_live_and_finished_charts_share_one_layout(theme: Theme) -> None:
    layout = live_layout(theme)
    assert json.loads(json.dumps(layout)) == layout
    styled = json.loads(apply_style(go.Figure(go.Scatter(y=[1, 2])), theme).to_json())
    # Plotly keeps titles without text out of its own template.
    assert go.layout.Template(layout=layout).to_plotly_json()["layout"] == go.Layout(layout).to_plotly_json()
    assert styled["layout"]["template"]["layout"]["paper_bgcolor"] == "rgba(0,0,0,0)"
    assert styled["layout"]["template"]["layout"]["xaxis"]["showgrid"] is False
    assert "data" not in styled["layout"]["template"], "plotly's own template is gone"


def test_themes_differ_and_role_colours_do_not() -> None:
    rows = digits_like()
    light, dark = series_styles(rows, "light"), series_styles(rows, "dark")
    for row in rows:
        one, other = light[row.run_id]["color"], dark[row.run_id]["color"]
        if row.role == "teacher":
            assert (one, other) == (THEMES["light"].text, THEMES["dark"].text), "the teacher's ink turns with the page"
        else:
            assert one == seen_on("light", other)
    assert live_layout("light") != live_layout("dark")


def test_seeds_share_a_look_and_every_run_has_one() -> None:
    rows = digits_like()
    styles = series_styles(rows, "light")
    assert list(styles) == [row.run_id for row in rows]
    looks = {(row.name, *styles[row.run_id].values()) for row in rows}
    assert len(looks) == 5, "one look a name"
    assert json.dumps(styles)


@both_themes
@pytest.mark.parametrize("counts", [(1, 7, 0, 0), (1, 1, 6, 0), (1, 2, 3, 2), (2, 2, 2, 2), (0, 0, 8, 0), (8, 0, 0, 0)])
def test_up_to_eight_variants_have_colours_of_their_own(theme: Theme, counts: tuple[int, ...]) -> None:
    roles = ("teacher", "baseline", "student", "compressed")
    rows = [run(role, f"{role} {n}") for role, count in zip(roles, counts, strict=True) for n in range(count)]
    found = variants(rows, theme)
    assert len({variant.color for variant in found}) == len(found) == MOST_SERIES


@pytest.mark.parametrize("role", ["teacher", "baseline", "student", "compressed"])
def test_twenty_variants_still_look_different(role: str) -> None:
    found = variants([run(role, f"{role} {n}") for n in range(20)], "light")  # type: ignore[arg-type]
    assert len({(variant.color, variant.dash, variant.symbol) for variant in found}) == 20


def test_a_role_keeps_its_colour_whoever_else_is_there() -> None:
    alone = series_styles([run("student", "s")], "light")["e1-student-s-0"]["color"]
    crowd = series_styles([*digits_like(), run("student", "s", experiment="e0")], "light")
    assert alone == crowd["e1-student-T=1-0"]["color"]


def test_experiments_that_share_runs_show_them_once() -> None:
    first = [run("baseline", "alone", seed) for seed in range(3)]
    # Another experiment reused the three runs and added two of its own.
    shared = [run("baseline", "alone", seed) for seed in range(5)]
    again = [replace(row, experiment_id="e2", experiment_name="Again") for row in shared]
    found = variants([*first, *again], "light")
    assert [len(variant.runs) for variant in found] == [5]
    styles = series_styles([*first, *again], "light")
    assert {style["group"] for style in styles.values()} == {"e2/e1-baseline-alone-0"}
    twins = variants([*first, *[replace(row, experiment_id="e2") for row in first]], "light")
    assert [variant.group for variant in twins] == ["e1/e1-baseline-alone-0"]


def test_names_tell_experiments_apart_and_are_escaped() -> None:
    found = variants([run("student", "<b>T</b>"), run("student", "<b>T</b>", experiment="e2")], "light")
    assert [variant.name for variant in found] == [
        "&lt;b&gt;T&lt;/b&gt; · Experiment e1", "&lt;b&gt;T&lt;/b&gt; · Experiment e2",
    ]
    assert len({variant.color for variant in found}) == 2


def test_more_than_eight_are_cut_and_told() -> None:
    rows = [run("student", f"s{n}") for n in range(11)]
    shown, notes = choose(rows, "light")
    assert shown == variants(rows, "light")[:8] and notes == ["3 more not shown: at most 8 fit one chart."]
    assert choose(rows[:8], "light") == (variants(rows[:8], "light"), [])


def test_of_twenty_experiments_the_first_are_shown_whole() -> None:
    rows = [
        run(role, name, experiment=f"e{n}") for n in range(20)
        for role, name in (("teacher", "teacher"), ("baseline", "alone"), ("student", "T=4"))
    ]  # fmt: skip
    shown, notes = choose(rows, "light")  # type: ignore[arg-type]
    homes = [(variant.first.experiment_id, variant.role) for variant in shown]
    assert {home for home, role in homes if role == "student"} == {"e0", "e1"}
    assert {(home, "baseline") for home, role in homes if role == "student"} <= set(homes)
    assert len({variant.color for variant in shown}) == 8 and notes == ["52 more not shown: at most 8 fit one chart."]


def test_spread_ignores_what_is_not_a_number() -> None:
    assert spread([None, float("nan"), float("inf")]) is None
    one = spread([0.5, None])
    assert one is not None and (one.mean, one.sd, one.seeds) == (0.5, None, 1)
    three = spread([1.0, 2.0, 3.0])
    assert three is not None and (three.mean, three.sd, three.seeds) == (2.0, 1.0, 3)


def test_captions_are_kept_as_plain_text() -> None:
    fig = apply_style(go.Figure(), "light")
    assert caption_of(fig) == ""
    add_caption(fig, ["Dots: <mean> over seeds.", "Short."])
    assert caption_of(fig) == "Dots: <mean> over seeds. Short."
    assert fig.layout.title.text is None and caption_of(empty_figure("Nothing yet.", "light")) == ""


def test_empty_figures_say_what_is_missing() -> None:
    fig = empty_figure("Nothing yet.", "dark")
    assert fig.layout.annotations[0].text == "Nothing yet."
    assert fig.layout.xaxis.visible is False and len(fig.data) == 0


def test_small_parts() -> None:
    assert faint("#0072B2", 0.5) == "rgba(0,114,178,0.5)"
    assert hover([("a", "1"), ("long", "2")], heading="H") == (
        "<b>H</b><br>a&nbsp;&nbsp;&nbsp;&nbsp;&nbsp;1<br>long&nbsp;&nbsp;2<extra></extra>"
    )
    assert plot_config("curves", image="png")["toImageButtonOptions"]["format"] == "png"
    assert plot_config("curves")["showSendToCloud"] is False, "no button that sends a chart to somebody else"


@both_themes
def test_every_colour_of_a_series_stands_out_from_the_page(theme: Theme) -> None:
    drawn = live_layout(theme)["colorway"]
    assert len(set(drawn)) == MOST_SERIES, "none of them becomes another"
    for colour in drawn:
        assert contrast(colour, THEMES[theme].background) >= 3
    many = [run("student", f"s{number}") for number in range(2 * MOST_SERIES)]
    for variant in variants([run("teacher", "t"), run("baseline", "b"), run("baseline", "c"), *many], theme):
        assert variant.color in drawn


def test_what_stands_out_in_the_dark_is_left_as_it_was_published() -> None:
    assert set(live_layout("dark")["colorway"]) >= {"#E69F00", "#56B4E9", "#CC79A7", "#009E73"}


@both_themes
def test_the_pages_own_texts_and_marks_are_legible(theme: Theme) -> None:
    """Of the themes that Streamlit draws with: texts against both grounds, what is pressed against its white words."""
    config = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    page = config["theme"][theme]
    for text, ground in itertools.product(
        ("textColor", "grayTextColor", "linkColor"), ("backgroundColor", "secondaryBackgroundColor")
    ):
        assert contrast(page[text], page[ground]) >= 4.5, (text, ground)
    assert contrast(page["primaryColor"], "#FFFFFF") >= 4.5
    assert contrast(page["primaryColor"], page["backgroundColor"]) >= 3
