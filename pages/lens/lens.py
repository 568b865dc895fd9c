"""The dark-knowledge lens: what teacher and students think of one sample, at any temperature."""

from __future__ import annotations

import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.errors import LabError
from distill_core.language import _, told
from distill_core.lens import LensView
from pages.ui import places, starting
from pages.ui.around import show_around
from pages.ui.lens.component import show_lens
from pages.ui.one_experiment import chosen_experiment
from pages.ui.session import lab


def about() -> str:
    return _(
        "A trained network knows more than its top answer: how likely it finds all other classes. A student learns "
        "from that. Pick a sample, drag the temperature, and watch what comes to light."
    )


def offer_the_demo() -> None:
    st.info(
        _("There is no experiment with a trained network yet. The demo makes one in about a minute."),
        icon=":material/science:",
    )
    starting.demo_button(key="demo", primary=True)


def whole_number(name: str) -> int | None:
    """A parameter of the address; None where it is no whole number."""
    text = st.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def temperature() -> float:
    """Of the address, within the slider; 4 where it is no number."""
    try:
        return min(50.0, max(1.0, float(st.query_params.get("t", "4"))))
    except ValueError:
        return 4.0


def looked_through(experiment_id: str, seed: int | None) -> LensView | None:
    """What the lens will show, or in a sentence why it shows nothing; a seed that is not there gives way to another."""
    try:
        return lab().lens.of(experiment_id, seed=seed)
    except LabError as error:
        if seed is not None:
            return looked_through(experiment_id, None)
        st.info(markdown_text(told(error.sentence)), icon=":material/search_off:")
        places.link(places.LENS, _("Choose another experiment"), icon=":material/arrow_back:")
        return None


def show(experiment_id: str) -> None:
    show_around(lab().experiment(experiment_id), places.LENS)
    st.title(_("Dark-knowledge lens"), anchor=False)
    view = looked_through(experiment_id, whole_number("seed"))
    if view is None:
        return
    st.caption(about())
    if not any(one.epochs for one in view.networks):
        st.caption(
            ":material/info: " + _(
                "Only the kept networks can be shown: no answers by epoch were kept. Experiments keep them from now on."
            )
        )
    class_name = st.query_params.get("class")
    show_lens(
        experiment_id, key=f"lens-{experiment_id}", sample=whole_number("sample"), temperature=temperature(),
        class_name=class_name, seed=view.seed if whole_number("seed") is not None else None,
        epoch=whole_number("epoch"), in_address=True,
    )


if chosen_id := chosen_experiment(
    places.LENS, title=_("Dark-knowledge lens"), about=about(), help=_("Those with trained networks, newest first."),
    offer=offer_the_demo,
):
    show(chosen_id)
