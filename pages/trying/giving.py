"""Ways to give a sample: draw, upload, photograph, type, pick or edit one of the test set."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd
import streamlit as st

from distill_core.charts.names import markdown_text, plain_name
from distill_core.errors import LabError
from distill_core.ingestion.looks import sample_png
from distill_core.ingestion.own_input import LONGEST_TEXT
from distill_core.ingestion.picture import SUFFIXES
from distill_core.language import _, marked, told
from distill_core.rows import ExperimentView
from distill_core.signature import NO_LABEL
from distill_core.trying import Offer, Sample
from pages.ui import address
from pages.ui.drawing.pad import drawing_pad
from pages.ui.guard import tell
from pages.ui.session import lab

Way = Literal["draw", "upload", "camera", "type", "test", "apart"]
WAYS: dict[Way, tuple[str, str]] = {
    "draw": (marked("Draw"), ":material/draw:"), "upload": (marked("Upload"), ":material/upload:"),
    "camera": (marked("Camera"), ":material/photo_camera:"), "type": (marked("Type"), ":material/keyboard:"),
    "test": (marked("Test set"), ":material/dataset:"),
    "apart": (marked("Where they disagree"), ":material/call_split:"),
}
SHOWN_PX = 192
MOST_EDITED = 200
LARGEST_UPLOAD_MIB = 64
FIT_HELP = marked(
    "Cuts out what the picture shows and gives it the ground, ink, size and place that the images of this data set "
    "have, such as light on dark. Off: the whole picture, scaled."
)


def ways_of(offer: Offer) -> tuple[Way, ...]:
    """Those that the experiment's kind of input has, the most inviting first."""
    kind = offer.facts.signature.kind
    if kind == "image":
        drawn: tuple[Way, ...] = ("draw", "upload", "camera", "test", "apart")
        # Nobody draws a photograph: where there is no plain ground, drawing is offered but not first.
        return drawn if offer.manner else ("test", "apart", "upload", "camera", "draw")
    if kind == "text" and offer.facts.pattern:
        return ("type", "test", "apart")
    return ("test", "apart")


def chosen_way(offer: Offer) -> Way:
    ways = ways_of(offer)
    address.read("how", default=[ways[0]], allowed=list(ways), single=True)
    found = st.segmented_control(
        _("Sample"), list(ways), key="how", required=True, wrap=True, label_visibility="collapsed",
        format_func=lambda way: f"{WAYS[way][1]} {_(WAYS[way][0])}", help=_("Where the sample comes from."),
    )
    way: Way = found or ways[0]
    address.write("how", [way], default=[ways[0]])
    return way


def give(way: Way, view: ExperimentView, offer: Offer) -> Sample | None:
    """The sample given in one of the ways; None while there is none, or none that can be used, which is told."""
    givers: dict[Way, Callable[[ExperimentView, Offer], Sample | None]] = {
        "draw": _draw, "upload": _upload, "camera": _camera, "type": _type, "test": _test,
    }
    try:
        return givers[way](view, offer)
    except LabError as error:
        tell(error)
        return None


def _draw(view: ExperimentView, offer: Offer) -> Sample | None:
    strokes = drawing_pad(f"pad-{view.row.experiment_id}", hint=_("Draw here"))
    if not strokes:
        st.caption(_("With mouse, finger or pen. The models answer whenever you lift it."))
        return None
    sample = lab().trying.drawn(offer, strokes)
    _as_seen(sample, offer)
    return sample


def _upload(view: ExperimentView, offer: Offer) -> Sample | None:
    file = st.file_uploader(
        _("Picture"), type=sorted(SUFFIXES), key="picture-file", max_upload_size=LARGEST_UPLOAD_MIB,
        help=_("Turned as the camera held it; of an animation the first frame."),
    )
    return None if file is None else _pictured(offer, file.getvalue(), file.file_id, "upload")


def _camera(view: ExperimentView, offer: Offer) -> Sample | None:
    file = st.camera_input(
        _("Picture"), key="picture-taken", help=_("The picture goes to this server and is not kept."),
    )
    return None if file is None else _pictured(offer, file.getvalue(), file.file_id, "camera")


def _pictured(offer: Offer, content: bytes, file_id: str, source: Literal["upload", "camera"]) -> Sample:
    fit = offer.manner is not None and st.toggle(_("Show it as the data are"), value=True, key="fit", help=_(FIT_HELP))
    # Decoding a large picture takes a second: once is enough, whatever else on the page changes.
    key, held = (file_id, fit, id(offer.tests)), st.session_state.get("picture-read")
    if held is None or held[0] != key:
        held = (key, lab().trying.pictured(offer, content, source=source, fit=fit))
        st.session_state["picture-read"] = held
    sample: Sample = held[1]
    _as_seen(sample, offer)
    return sample


def _type(view: ExperimentView, offer: Offer) -> Sample | None:
    text = st.text_area(
        _("Sentence"), key="typed", height=120, max_chars=LONGEST_TEXT,
        placeholder=_("Type a sentence, then press Ctrl+Enter"), help=_("Split into words as the training texts were."),
    )
    if not text:
        return None
    sample = lab().trying.typed(offer, text)
    _tell_notes(sample)
    return sample


def _test(view: ExperimentView, offer: Offer) -> Sample | None:
    row = _chosen_row(offer)
    sample = offer.test_sample(row)
    if offer.facts.signature.kind == "table":
        sample = _edited(offer, sample, row)
    show_sample(sample, offer)
    if sample.test_index is not None and view.task != "tagging":
        if view.task != "regression":
            text = _("True class: **{truth}**")
        else:
            text = _("True value: **{truth}**") if len(view.class_names) == 1 else _("True values: **{truth}**")
        st.caption(text.format(truth=markdown_text(truth_of(view, offer, row))))
    return sample


def _chosen_row(offer: Offer) -> int:
    """A row of the test set that is kept; its number is in the address."""
    rows = offer.tests.rows
    if "sample" not in st.session_state and not st.query_params.get("sample", "").isdecimal():
        st.session_state["sample"] = int(rows[0])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = st.number_input(
            _("Number in the test set"), min_value=0, max_value=int(rows[-1]), step=1, key="sample",
            bind="query-params",
            width=190, help=_("Counted from 0; {total:,} in all.").format(total=offer.tests.total),
        )
        st.button(
            _("Any other"), key="any", icon=":material/casino:", on_click=_another, args=(rows,),
            help=_("One of the test set at random."),
        )
    nearest = int(rows[np.abs(rows - int(wanted or 0)).argmin()])
    if nearest != wanted:
        st.caption(_("Number {wanted} is not kept here; this is {nearest}.").format(wanted=wanted, nearest=nearest))
    return nearest


def _another(rows: np.ndarray) -> None:
    st.session_state["sample"] = int(random.choice(rows))


def _edited(offer: Offer, sample: Sample, row: int) -> Sample:
    """The row's numbers, to change; a changed one is no test sample any more."""
    values = np.asarray(sample.inputs, dtype=np.float64)
    if len(values) > MOST_EDITED:
        st.caption(_(
            "Rows of more than {most_edited} numbers cannot be edited here."
        ).format(most_edited=MOST_EDITED))
        return sample
    edited = st.data_editor(
        pd.DataFrame({"value": values}, index=pd.Index(range(1, len(values) + 1), name="number")),
        key=f"row-{row}", width="stretch", num_rows="fixed",
        column_config={
            "value": st.column_config.NumberColumn(_("Value"), format="%.6g", help=_("Change any of them."))
        },
    )["value"]
    if np.array_equal(edited.to_numpy(dtype=np.float64), values):
        return sample
    st.caption(_(":material/edit: Changed by hand, so there is no true value to compare with."))
    return lab().trying.edited(offer, [None if pd.isna(value) else float(value) for value in edited])


def show_sample(sample: Sample, offer: Offer) -> None:
    """As people see it: a picture, a pattern or words; of a table the editor shows it."""
    png = sample_png(sample.inputs, offer.facts.signature.kind)
    if png is not None:
        with st.container(key="pixels"):
            st.image(png, width=SHOWN_PX, alt=_("The sample"))
        if offer.facts.signature.kind == "sequence":
            st.caption(_("A row is a step, a column a feature; light is large."))
    elif sample.text:
        st.markdown(f"> {markdown_text(sample.text)}")


def _as_seen(sample: Sample, offer: Offer) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        png = sample_png(sample.inputs, offer.facts.signature.kind)
        assert png is not None, "only images are drawn or photographed"
        with st.container(key="pixels", width="content"):
            st.image(png, width=SHOWN_PX // 2, alt=_("The sample as the models see it"))
        shape = offer.facts.signature.shape
        st.caption(_("What the models see: {height} × {width} pixels.").format(height=shape[1], width=shape[2]))
    _tell_notes(sample)


def _tell_notes(sample: Sample) -> None:
    for note in sample.notes:
        st.caption(f":material/info: {markdown_text(told(note))}")


def truth_of(view: ExperimentView, offer: Offer, row: int) -> str:
    """The true class or values of a row of the test set in words; not of a tagging."""
    label = offer.label_of(row)
    if label is None:
        return "not known"
    if view.task == "regression":
        return ", ".join(f"{value:.4g}" if np.isfinite(value) else "not known" for value in np.ravel(label).tolist())
    return "not known" if int(label) == NO_LABEL else plain_name(view.class_names[int(label)])
