"""The confusion matrix: what each class is mistaken for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import plotly.graph_objects as go

from distill_core.charts.names import display_name
from distill_core.charts.style import (
    BLUE,
    SKY,
    THEMES,
    VERMILLION,
    Theme,
    add_caption,
    apply_style,
    empty_figure,
    faint,
)
from distill_core.language import _
from distill_core.rows import RunRow

_MOST_WITH_NUMBERS, _MOST_CLASSES = 12, 20
_OTHERS = "any other"
_LONGEST_TITLE = 48
Matrix = Sequence[Sequence[int]]


def total_confusion(runs: Iterable[RunRow]) -> tuple[tuple[int, ...], ...]:
    """The sum of the runs' confusion matrices, such as over the seeds of a variant; empty if none is measured."""
    matrices = [run.confusion for run in runs if run.confusion]
    return tuple(tuple(map(sum, zip(*rows, strict=True))) for rows in zip(*matrices, strict=True))


def confusion(
    matrix: Matrix, class_names: Sequence[str], *, theme: Theme, title: str = "", noun: str = "samples"
) -> go.Figure:
    """Shares of each true class (row) by predicted class (column); counts of the noun in the hover text.

    The title, any text, says whose mistakes these are, so that a downloaded picture does as well.

    What is right and what is mistaken have a scale each: on one scale a few percent of mistakes beside 97 percent
    right could not be seen. Beyond 20 classes only the 20 recognised least are shown, worst first, and what they are
    taken for besides is one column. Raises ValueError if the matrix does not have a row and a column a class.
    """
    if not matrix or not any(map(any, matrix)):
        return empty_figure("No run has been tested yet.", theme)
    size = len(class_names)
    if len(matrix) != size or any(len(row) != size for row in matrix):
        raise ValueError(f"the matrix has {len(matrix)} rows; expected {size} rows and columns, one a class")
    notes = []
    columns = [display_name(name, 16) for name in class_names]
    rows = list(columns)
    if size > _MOST_CLASSES:
        worst = _worst(matrix)
        notes = [f"The {len(worst)} of {size} classes recognised least, worst first; all others are one column."]
        rows = [columns[index] for index in worst]
        columns, matrix = [*rows, _OTHERS], [_cut(matrix[index], worst) for index in worst]
    shares = [_shares(row) for row in matrix]
    mistakes = [share for i, row in enumerate(shares) for j, share in enumerate(row) if i != j and share is not None]
    # At least 5 percent for full colour, so that a handful of mistakes does not look like an alarm.
    most_wrong = max([0.05, *mistakes])
    fig = go.Figure()
    right, wrong = SKY if theme == "dark" else BLUE, VERMILLION
    details = [[[true, taken, matrix[i][j]] for j, taken in enumerate(columns)] for i, true in enumerate(rows)]
    numbered = size <= _MOST_WITH_NUMBERS
    for diagonal, colour, most in ((True, right, 1.0), (False, wrong, most_wrong)):
        fig.add_heatmap(
            z=[[one if (i == j) == diagonal else None for j, one in enumerate(row)] for i, row in enumerate(shares)],
            customdata=details, text=[[_number(share) for share in row] for row in shares] if numbered else None,
            texttemplate="%{text}" if numbered else None, textfont={"size": 11, "color": THEMES[theme].text},
            zmin=0, zmax=most, showscale=False, xgap=1, ygap=1, hoverongaps=False,
            colorscale=[[0, faint(colour, 0.0)], [1, faint(colour, 0.55)]],
            hovertemplate=_(
                "<b>true {true}</b><br>taken for {taken}<br>{count} {noun}, {share} of the class<extra></extra>"
            ).format(
                true="%{customdata[0]}", taken="%{customdata[1]}", count="%{customdata[2]}", noun=noun, share="%{z:.1%}"
            ),
        )
    look = {"showgrid": False, "showline": False}
    fig.update_xaxes(
        title_text="Predicted class", side="bottom", constrain="domain", tickvals=list(range(len(columns))),
        ticktext=columns, **look,
    )
    fig.update_yaxes(
        title_text="True class", range=[len(rows) - 0.5, -0.5], scaleanchor="x", constrain="domain",
        constraintoward="top", tickvals=list(range(len(rows))), ticktext=rows, **look,
    )
    fig.update_layout(height=500 if size <= _MOST_WITH_NUMBERS else 620)
    if title:
        fig.update_layout(title_text=display_name(title, _LONGEST_TITLE), margin_t=40)
    notes += ["Numbers: percent of the row."] if numbered else []
    scale = f"Orange: taken for another class, full colour at {most_wrong:.0%}." if any(mistakes) else "No mistakes."
    add_caption(fig, [" ".join([*notes, "Blue: recognised, full colour at 100%.", scale])])
    return apply_style(fig, theme)


def _worst(matrix: Matrix) -> list[int]:
    """The classes recognised least, worst first; those without samples say nothing."""
    shares = {index: row[index] / sum(row) for index, row in enumerate(matrix) if any(row)}
    return sorted(shares, key=lambda index: shares[index])[:_MOST_CLASSES]


def _cut(row: Sequence[int], kept: Sequence[int]) -> list[int]:
    """A row's counts in the columns kept, and the sum of all others."""
    counts = [row[index] for index in kept]
    return [*counts, sum(row) - sum(counts)]


def _shares(row: Sequence[int]) -> list[float | None]:
    """Each count's share of its row; None throughout for a class without samples."""
    total = sum(row)
    return [count / total if total else None for count in row]


def _number(share: float | None) -> str:
    """Percent for a cell; nothing for nothing, and what rounds to nothing is told apart from it."""
    if not share:
        return ""
    return "<1" if share < 0.005 else f"{share * 100:.0f}"
