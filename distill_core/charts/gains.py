"""The evidence: each seed's paired gain as a dot, their mean and its interval, against zero."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from distill_core.charts.forest import add_forest
from distill_core.charts.names import display_name
from distill_core.charts.style import (
    BLUE,
    MOST_SERIES,
    THEMES,
    Theme,
    add_caption,
    apply_style,
    empty_figure,
    faint,
    hover,
)
from distill_core.charts.variants import Variant, variants
from distill_core.evaluation.metrics import METRICS, heading
from distill_core.evaluation.verdict import Verdict
from distill_core.language import _
from distill_core.rows import RunRow

_ROW_PX = 58


def gains(verdicts: Sequence[Verdict], runs: Sequence[RunRow] = (), *, theme: Theme) -> go.Figure:
    """A row a verdict, all of the same metric: differences student minus baseline, paired by seed.

    The runs give the students the colours they have on every other chart, and the task; more than eight have one line
    each, in the colours of their verdicts. Shares are shown in points,
    NLL and KL in nats, R² as it is. Raises ValueError for verdicts of different metrics.
    """
    compared = [verdict for verdict in verdicts if verdict.differences]
    if not compared:
        return empty_figure(_("No student and baseline have finished on the same seed yet."), theme)
    metrics = list(dict.fromkeys(verdict.metric for verdict in compared))
    if len(metrics) > 1:
        titles = " and ".join(METRICS[metric].title for metric in metrics)
        raise ValueError(f"verdicts of {titles} cannot share an axis")
    first, many = compared[0], len(compared) > MOST_SERIES
    kind = first.kind
    fig = go.Figure()
    if many:
        add_forest(fig, compared, theme=theme)
    else:
        _add_rows(fig, compared, runs, theme=theme)
    _add_zero(fig, first, theme=theme)
    title = heading(first.metric, runs[0].task if runs else "classification")
    against = display_name(first.baseline, 16) if _one_baseline(compared) else _("baseline")
    unit = f", {kind.unit}" if kind.unit else ""
    words = _("{metric} minus {baseline}{unit} (right is better)") if first.higher_is_better else _(
        "{metric} minus {baseline}{unit} (left is better)"
    )
    fig.update_xaxes(title_text=words.format(metric=title, baseline=against, unit=unit), showgrid=True)
    little = kind.with_unit(f"{first.smallest_gain * kind.factor:g}")
    add_caption(fig, [
        _("Rings: student minus baseline, one seed each."),
        (_("Filled mark and bar: mean and its {confidence} interval.") if many
         else _("Diamond and bar: mean and its {confidence} interval.")).format(confidence=f"{first.confidence:.0%}"),
        _("Grey: less than {little} either way, too little to matter.").format(little=little),
    ])
    return apply_style(fig, theme)


def _add_rows(fig: go.Figure, compared: Sequence[Verdict], runs: Sequence[RunRow], *, theme: Theme) -> None:
    """Every verdict with room for its words above its dots."""
    looks = {variant.first.name: variant for variant in variants(runs, theme)}
    for row, verdict in enumerate(compared):
        _add_row(fig, verdict, row, look=looks.get(verdict.student))
    _add_names(fig, compared, theme=theme)
    fig.update_yaxes(range=[len(compared) - 0.45, -0.65], visible=False)
    fig.update_layout(height=80 + _ROW_PX * len(compared), showlegend=False)


def _add_row(fig: go.Figure, verdict: Verdict, row: int, *, look: Variant | None) -> None:
    colour, factor = look.color if look else BLUE, verdict.kind.factor
    digits = "+.1f" if verdict.kind.is_share else "+.3f"
    shown = verdict.kind.with_unit(f"%{{x:{digits}}}")
    heading = _("{student} against {baseline}").format(
        student=display_name(verdict.student, 28), baseline=display_name(verdict.baseline, 28)
    )
    fig.add_scatter(
        x=[difference * factor for _, difference in verdict.differences], y=[row] * len(verdict.differences),
        customdata=[seed for seed, _ in verdict.differences], mode="markers",
        marker={"symbol": "circle-open", "size": 9, "color": colour, "line_width": 1.5},
        hovertemplate=hover([(_("seed"), "%{customdata}"), (_("gain"), shown)], heading=heading),
    )
    mean, lines = verdict.delta_mean * factor, [(_("mean"), shown)]
    interval = None
    if verdict.ci_low is not None and verdict.ci_high is not None:
        low, high = verdict.ci_low * factor, verdict.ci_high * factor
        lines.append((
            _("{confidence} CI").format(confidence=f"{verdict.confidence:.0%}"),
            _("{low} to {high}").format(low=f"{low:{digits}}", high=f"{high:{digits}}"),
        ))
        interval = {
            "type": "data", "symmetric": False, "array": [high - mean], "arrayminus": [mean - low],
            "color": colour, "thickness": 2.5, "width": 6,
        }
    lines += [(_("seeds"), f"{len(verdict.differences)}"), (_("verdict"), _(verdict.verdict))]
    fig.add_scatter(
        x=[mean], y=[row + 0.22], mode="markers", error_x=interval,
        marker={"symbol": "diamond", "size": 12, "color": colour}, hovertemplate=hover(lines, heading=heading),
    )


def _add_zero(fig: go.Figure, first: Verdict, *, theme: Theme) -> None:
    colours, little = THEMES[theme], first.smallest_gain * first.kind.factor
    fig.add_vrect(x0=-little, x1=little, fillcolor=faint(colours.muted, 0.12), line_width=0, layer="below")
    fig.add_vline(x=0, line={"color": colours.muted, "width": 1}, layer="below")


def _add_names(fig: go.Figure, compared: Sequence[Verdict], *, theme: Theme) -> None:
    """Each row's words above its dots, where they find room on a phone as well."""
    for row, verdict in enumerate(compared):
        rivals = f"<b>{display_name(verdict.student, 28)}</b>"
        if not _one_baseline(compared):
            rivals = _("{student} against {baseline}").format(
                student=rivals, baseline=display_name(verdict.baseline, 16)
            )
        fig.add_annotation(
            text=f"{rivals}: {_(verdict.verdict)}", xref="paper", x=0, xanchor="left",
            y=row - 0.32, yanchor="middle", font={"color": THEMES[theme].text, "size": 12},
        )


def _one_baseline(compared: Sequence[Verdict]) -> bool:
    return len({verdict.baseline for verdict in compared}) == 1
