"""Where each network looked: test images with what spoke for the answer laid over them, side by side."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from PIL import Image

from distill_core.charts.examined import looks
from distill_core.charts.names import display_name, plain_name
from distill_core.charts.style import Theme, apply_style
from distill_core.examined import Attention, Look, Subject
from distill_core.language import _, told
from distill_core.rows import RunRow

_HEIGHT_PX, _LEAST_PX = 165, 112
_NAME_LENGTH = 14
# Dark to light, as far as eyes with any colour vision tell: black-blue over violet and orange to yellow (our own).
_STOPS = np.array([[20, 18, 60], [110, 30, 120], [205, 65, 75], [250, 150, 30], [252, 240, 150]], dtype=np.float64)
_STRENGTH = 0.65


def attention(
    found: Attention, subject: Subject, runs: Sequence[RunRow], class_names: Sequence[str], *, theme: Theme
) -> go.Figure:
    """One sample: the picture, then each network's heat over it with its answer and how sure it is of it."""
    by_run = {look.run_id: look for look in subject.looks}
    networks = [one for one in found.networks if one.run_id in by_run]
    picture = _pixels(subject.picture)
    fig = go.Figure()
    _place(fig, picture, column=0)
    _say(fig, display_name(_class(class_names, subject.label), _NAME_LENGTH), column=0)
    for column, one in enumerate(networks, start=1):
        look = by_run[one.run_id]
        _place(fig, overlaid(picture, look), column=column)
        right = look.answer == subject.label
        answer = display_name(_class(class_names, look.answer), _NAME_LENGTH)
        said = f"{answer} · {look.confidence:.0%}"
        _say(fig, f"✓ {said}" if right else f"<b>✗ {said}</b>", column=column)
    titles = [_("true class"), *(display_name(one.name, _NAME_LENGTH) for one in networks)]
    for column, title in enumerate(titles):
        fig.add_annotation(x=column + 0.5, y=0, yanchor="bottom", yshift=2, text=title, font={"size": 10})
    full = looks(found, runs, theme)
    texts = [_("test sample {row}: {name}").format(
        row=subject.row, name=display_name(_class(class_names, subject.label))
    )]
    texts += [
        f"<b>{full[one.run_id].name}</b><br>{display_name(_class(class_names, look.answer))}, {look.confidence:.1%}"
        for one in networks for look in [by_run[one.run_id]]
    ]
    # Something to point at over each picture, which tells what stands around it in full.
    fig.add_scatter(
        x=[column + 0.5 for column in range(len(titles))], y=[0.46] * len(titles), mode="markers", customdata=texts,
        marker={"size": 50, "opacity": 0, "symbol": "square"}, hovertemplate="%{customdata}<extra></extra>",
    )
    fig.update_xaxes(visible=False, range=[0, len(titles)], constrain="domain")
    fig.update_yaxes(
        visible=False, range=[1.2, -0.2], scaleanchor="x", constrain="domain", constraintoward="top",
    )
    fig.update_layout(height=_HEIGHT_PX, showlegend=False, margin={"l": 0, "r": 0, "t": 4, "b": 0})
    return apply_style(fig, theme)


def notes(found: Attention) -> list[str]:
    """How all pictures are to be read, as plain text."""
    names = {one.run_id: plain_name(one.name) for one in found.networks}
    layers = "; ".join(f"{names[run_id]}: {layer}" for run_id, layer in found.layers.items())
    told_notes = [_("Grey shows nothing, yellow most; each picture has a scale of its own.")]
    if layers:
        told_notes.append(_("Read at: {layers}.").format(layers=layers))
    return [*told_notes, *(f"{names[run_id]}: {told(sentence)}" for run_id, sentence in found.missing.items())]


def answers_table(found: Attention, class_names: Sequence[str]) -> pd.DataFrame:
    """A row a sample and network: what it is, what the network said, and how sure it was of it in percent."""
    return pd.DataFrame([
        {
            _("test sample"): subject.row, _("true class"): plain_name(_class(class_names, subject.label)),
            _("network"): plain_name(found.network(look.run_id).name),
            _("answer"): plain_name(_class(class_names, look.answer)),
            _("confidence, %"): round(look.confidence * 100, 1),
        }
        for subject in found.subjects for look in subject.looks
    ])


def overlaid(picture: NDArray[np.uint8], look: Look) -> NDArray[np.uint8]:
    """The picture [H,W,3], enlarged, in grey with the heat's colours over it. Without heat, grey."""
    large = _enlarged(picture)
    grey = large.astype(np.float64).mean(axis=2, keepdims=True).repeat(3, axis=2)
    if not look.heat:
        return grey.astype(np.uint8)
    # The picture keeps its pixels; the heat, which is coarser still, has no edges of its own.
    smooth = Image.fromarray(_pixels(look.heat)[:, :, 0]).resize(large.shape[1::-1], Image.Resampling.BICUBIC)
    places = np.asarray(smooth, dtype=np.float64) / 255 * (len(_STOPS) - 1)
    lower = np.minimum(places.astype(int), len(_STOPS) - 2)
    share = (places - lower)[:, :, None]
    colour = _STOPS[lower] * (1 - share) + _STOPS[lower + 1] * share
    mixed: NDArray[np.uint8] = (grey * (1 - _STRENGTH) + colour * _STRENGTH).round().astype(np.uint8)
    return mixed


def _class(names: Sequence[str], index: int) -> str:
    return names[index] if 0 <= index < len(names) else str(index)


def _pixels(png: str) -> NDArray[np.uint8]:
    """[H,W,3] of a PNG in base64."""
    with Image.open(io.BytesIO(base64.b64decode(png))) as image:
        return np.asarray(image.convert("RGB"))


def _place(fig: go.Figure, pixels: NDArray[np.uint8], *, column: int) -> None:
    fig.add_layout_image(
        source=_source(pixels), x=column + 0.04, y=0, sizex=0.92, sizey=0.92, xref="x", yref="y", xanchor="left",
        yanchor="top", sizing="contain", layer="below",
    )


def _source(pixels: NDArray[np.uint8]) -> str:
    """As large as it is shown, so that the browser does not smear the pixels of small images."""
    buffer = io.BytesIO()
    Image.fromarray(_enlarged(pixels)).save(buffer, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _enlarged(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    factor = max(1, -(-_LEAST_PX // max(pixels.shape[:2])))
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def _say(fig: go.Figure, text: str, *, column: int) -> None:
    fig.add_annotation(x=column + 0.5, y=0.94, yanchor="top", text=text, font={"size": 11})
