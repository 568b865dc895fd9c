"""A test sample as people see it in a grid: its picture, its pattern or its words."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.names import markdown_text, plain_name
from distill_core.ingestion.looks import sample_png, text_of
from distill_core.language import _
from distill_core.trying import Offer

CELL_PX, TEXT_CELL_PX = 84, 220


def cell_width(offer: Offer) -> int:
    """How wide a cell must be for this kind of input, in pixels."""
    return TEXT_CELL_PX if offer.facts.signature.kind in ("text", "table") else CELL_PX


def show_input(offer: Offer, row: int) -> None:
    """A row of the test set; of a table there is nothing to show. Raises NotFound where it is not kept."""
    inputs = offer.test_sample(row).inputs
    png = sample_png(inputs, offer.facts.signature.kind)
    if png is not None:
        st.image(png, width="stretch", alt=_("Test sample {row}").format(row=row))
    elif offer.facts.words:
        st.caption(markdown_text(plain_name(text_of(inputs, offer.facts.words), 120)))
