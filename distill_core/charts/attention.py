"""Where each network looked: test images with what spoke for the answer laid over them, side by side."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from PIL import Image

from distill_core.charts.examined import looks
from distill_core.charts.names import display_name
from distill_core.charts.style import GREEN, VERMILLION, Theme, add_caption, apply_style, empty_figure
from distill_core.examined import Attention, Look, Subject
from distill_core.language import _, told
from distill_core.rows import RunRow

_CELL_PX, _LEAST_PX = 132, 112
_NAME_LENGTH = 18
# Dark to light, as far as eyes with any colour vision tell: black-blue over violet and orange to yellow (our own).
_STOPS = np.array([[20, 18, 60], [110, 30, 120], [205, 65, 75], [250, 150, 30], [252, 240, 150]], dtype=np.float64)
_STRENGTH = 0.65


def attention(
    found: Attention, runs: Sequence[RunRow], class_names: Sequence[str], *, theme: Theme
) -> go.Figure:
    """A row a sample: the picture, then each network's heat over it with its answer and how sure it is of it."""
    networks = [one for one in found.networks if any(look.run_id == one.run_id for look in _all(found))]
    if not found.subjects or not networks:
        return empty_figure(_("There is no picture here."), theme)
    names = {run_id: look.name for run_id, look in looks(found, runs, theme).items()}
    fig = go.Figure()
    for row, subject in enumerate(found.subjects):
        picture = _pixels(subject.picture)
        _place(fig, picture, column=0, row=row)
        _say(fig, display_name(_class(class_names, subject.label), _NAME_LENGTH), column=0, row=row)
        by_run = {look.run_id: look for look in subject.looks}
        for column, one in enumerate(networks, start=1):
            look = by_run[one.run_id]
            _place(fig, overlaid(picture, look), column=column, row=row)
            right = look.answer == subject.label
            answer = display_name(_class(class_names, look.answer), _NAME_LENGTH)
            _say(
                fig, f"{'✓' if right else '✗'} {answer} {look.confidence:.0%}", column=column, row=row,
                color=GREEN if right else VERMILLION,
            )
    titles = [_("true class"), *(display_name(one.name, _NAME_LENGTH) for one in networks)]
    for column, title in enumerate(titles):
        fig.add_annotation(x=column + 0.5, y=0, yanchor="bottom", yshift=2, text=f"<b>{title}</b>")
    _hovers(fig, found, [one.run_id for one in networks], titles, class_names)
    fig.update_xaxes(visible=False, range=[0, len(titles)], constrain="domain")
    fig.update_yaxes(
        visible=False, range=[len(found.subjects) * _ROW, -0.12], scaleanchor="x", constrain="domain",
    )
    fig.update_layout(height=30 + round(_CELL_PX * _ROW * len(found.subjects)), showlegend=False)
    add_caption(fig, _notes(found, names))
    return apply_style(fig, theme)


# Room for the answer below each picture, in widths of a picture.
_ROW = 1.2


def overlaid(picture: NDArray[np.uint8], look: Look) -> NDArray[np.uint8]:
    """The picture [H,W,3] in grey with the heat over it: the hotter, the more of its colour. Without heat, grey."""
    grey = picture.astype(np.float64).mean(axis=2, keepdims=True).repeat(3, axis=2)
    if not look.heat:
        return grey.astype(np.uint8)
    heat = _pixels(look.heat)[:, :, :1].astype(np.float64) / 255
    places = heat[:, :, 0] * (len(_STOPS) - 1)
    lower = np.minimum(places.astype(int), len(_STOPS) - 2)
    share = (places - lower)[:, :, None]
    colour = _STOPS[lower] * (1 - share) + _STOPS[lower + 1] * share
    mixed: NDArray[np.uint8] = (grey * (1 - _STRENGTH) + colour * _STRENGTH).round().astype(np.uint8)
    return mixed


def _all(found: Attention) -> list[Look]:
    return [look for subject in found.subjects for look in subject.looks]


def _class(names: Sequence[str], index: int) -> str:
    return names[index] if 0 <= index < len(names) else str(index)


def _pixels(png: str) -> NDArray[np.uint8]:
    """[H,W,3] of a PNG in base64."""
    with Image.open(io.BytesIO(base64.b64decode(png))) as image:
        return np.asarray(image.convert("RGB"))


def _place(fig: go.Figure, pixels: NDArray[np.uint8], *, column: int, row: int) -> None:
    fig.add_layout_image(
        source=_source(pixels), x=column + 0.04, y=row * _ROW, sizex=0.92, sizey=0.92, xref="x", yref="y",
        xanchor="left", yanchor="top", sizing="contain", layer="below",
    )


def _source(pixels: NDArray[np.uint8]) -> str:
    """As large as it is shown, so that the browser does not smear the pixels of small images."""
    factor = max(1, -(-_LEAST_PX // max(pixels.shape[:2])))
    buffer = io.BytesIO()
    Image.fromarray(pixels.repeat(factor, axis=0).repeat(factor, axis=1)).save(buffer, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _say(fig: go.Figure, text: str, *, column: int, row: int, color: str | None = None) -> None:
    font = {"size": 11} | ({"color": color} if color else {})
    fig.add_annotation(x=column + 0.5, y=row * _ROW + 0.93, yanchor="top", text=text, font=font)


def _hovers(
    fig: go.Figure, found: Attention, run_ids: Sequence[str], titles: Sequence[str], class_names: Sequence[str]
) -> None:
    """Something to point at over each picture, which tells what stands below it in full."""
    at: list[tuple[float, float, str]] = []
    for row, subject in enumerate(found.subjects):
        y = row * _ROW + 0.46
        at.append((0.5, y, _of_subject(subject, class_names)))
        by_run = {look.run_id: look for look in subject.looks}
        for column, run_id in enumerate(run_ids, start=1):
            look = by_run[run_id]
            answer = display_name(_class(class_names, look.answer))
            at.append((column + 0.5, y, f"<b>{titles[column]}</b><br>{answer}, {look.confidence:.1%}"))
    fig.add_scatter(
        x=[x for x, _y, _t in at], y=[y for _x, y, _t in at], mode="markers", customdata=[text for _x, _y, text in at],
        marker={"size": 60, "opacity": 0, "symbol": "square"}, hovertemplate="%{customdata}<extra></extra>",
    )


def _of_subject(subject: Subject, class_names: Sequence[str]) -> str:
    name = display_name(_class(class_names, subject.label))
    return _("test sample {row}: {name}").format(row=subject.row, name=name)


def _notes(found: Attention, names: dict[str, str]) -> list[str]:
    layers = "; ".join(f"{names[run_id]}: {layer}" for run_id, layer in found.layers.items())
    notes = [_("Grey shows nothing, yellow most; each picture has a scale of its own.")]
    if layers:
        notes.append(_("Read at: {layers}.").format(layers=layers))
    notes += [f"{names[run_id]}: {told(sentence)}" for run_id, sentence in found.missing.items()]
    return notes
