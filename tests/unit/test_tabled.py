"""A figure's table has every number that is drawn, under the names that stand beside it."""

from __future__ import annotations

import plotly.graph_objects as go
import pytest

from distill_core.charts.retold import retold
from distill_core.charts.tabled import tabled
from distill_core.language import speaking


def test_marks_have_their_series_places_and_bar_ends() -> None:
    fig = go.Figure()
    fig.add_scatter(
        x=[0.5], y=[96.25], name="T=8 &lt;b&gt;", mode="markers",
        error_y={"type": "data", "symmetric": False, "array": [1.0], "arrayminus": [0.25]},
    )
    fig.add_scatter(x=[0, 1], y=[0, 1], hoverinfo="skip", name="guide")
    fig.update_xaxes(title_text="p50, ms")
    fig.update_yaxes(title_text="Accuracy<br>%")
    table = tabled(fig)
    assert table.to_dict("records") == [{
        "series": "T=8 <b>", "p50, ms": 0.5, "Accuracy %": 96.25, "from, Accuracy %": 96.0, "to, Accuracy %": 97.25,
    }]


def test_named_places_have_their_names_and_hidden_axes_no_column() -> None:
    fig = go.Figure()
    fig.add_bar(x=[3, 5], y=[0, 1], orientation="h", name="training")
    fig.update_yaxes(tickvals=[0, 1], ticktext=["three", "eight"], title_text="class")
    fig.update_xaxes(title_text="Samples")
    assert tabled(fig)["class"].tolist() == ["three", "eight"]
    fig.update_yaxes(visible=False)
    assert list(tabled(fig)) == ["series", "Samples"]


def test_a_heat_map_is_told_cell_by_cell_without_its_holes() -> None:
    fig = go.Figure(go.Heatmap(z=[[0.9, None], [0.25, 0.75]]))
    fig.update_xaxes(title_text="Predicted", tickvals=[0, 1], ticktext=["a", "b"])
    fig.update_yaxes(title_text="True", tickvals=[0, 1], ticktext=["a", "b"])
    assert tabled(fig).to_dict("records") == [
        {"True": "a", "Predicted": "a", "value": 0.9}, {"True": "b", "Predicted": "a", "value": 0.25},
        {"True": "b", "Predicted": "b", "value": 0.75},
    ]


def test_a_figure_without_marks_has_an_empty_table() -> None:
    assert tabled(go.Figure()).empty


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_figures_words_follow_the_language_and_its_names_do_not(language: str) -> None:
    fig = go.Figure()
    fig.add_scatter(
        x=[1], y=[2], name="seed", hovertemplate="<b>%{fullData.name}</b><br>seed&nbsp;&nbsp;%{x}<extra></extra>"
    )
    fig.update_xaxes(title_text="Predicted class")
    with speaking(language):  # type: ignore[arg-type]
        retold(fig)
    chinese = language == "zh"
    assert (fig.layout.xaxis.title.text == "Predicted class") != chinese
    assert ("<br>seed&nbsp;" in fig.data[0].hovertemplate) != chinese
    assert fig.data[0].name == "seed"
    assert fig.data[0].hovertemplate.startswith("<b>%{fullData.name}</b><br>")
