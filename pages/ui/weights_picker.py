"""Choosing own weights for a network: those on the shelf, and a place to upload more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from distill_core.charts.names import markdown_text, plain_name
from distill_core.errors import LabError, NotFound
from distill_core.language import _, counted, marked, told
from distill_core.spec import LONGEST_NAME
from distill_core.weights import LARGEST_BYTES, WeightsFile
from pages.ui import words
from pages.ui.bringing.drop_zone import drop_zone, let_it_go
from pages.ui.session import lab

NONE = marked("none")
HELP = marked(
    "Starts from weights that you uploaded instead of random ones. They must come from the same architecture with the "
    "same settings."
)


def weights_picker(fields_key: str, value: str, *, label: str = "Own weights") -> str:
    """The id of the chosen weights, empty for none; starts from `value` for each new `fields_key`."""
    selected = f"{fields_key}-weights"
    if selected not in st.session_state:
        st.session_state[selected] = value
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        # Above in the page, but drawn after the upload, which may choose.
        box = st.container()
        with st.popover(_("Upload"), icon=":material/upload_file:", help=_("Adds weights from a file of yours.")):
            _show_upload(fields_key, selected)
    titles = _titles(lab().weights.all(), chosen=st.session_state[selected])
    picked = box.selectbox(
        label, list(titles), key=selected, help=_(HELP), format_func=lambda weights_id: titles.get(weights_id, _(NONE))
    )
    _show_facts(picked or "")
    return picked or ""


def _show_upload(fields_key: str, selected: str) -> None:
    """A name, a file and what came of it; what was taken in is chosen at once."""
    turn, outcome = f"{fields_key}-turn", f"{fields_key}-told"
    number = st.session_state.setdefault(turn, 0)
    name = st.text_input(
        _("Name"), key=f"{fields_key}-name-{number}", max_chars=LONGEST_NAME, placeholder=_("the file's name"),
        help=_("How these weights are listed. Type it before you choose the file."),
    )
    brought = drop_zone(
        f"{fields_key}-file-{number}", kind="weights", offered=(".safetensors", ".pt", ".pth"),
        label=_(
            "A .safetensors file or a .pt or .pth state dict, up to {size}"
        ).format(size=words.size(LARGEST_BYTES)),
        hint=_("The content decides, not the ending. Whole models, TorchScript, .pt2 and ONNX files are refused, for "
        "reading them could run code or gives no weights by name."),
    )
    if brought is None:
        if outcome in st.session_state:
            _show_outcome(*st.session_state[outcome])
        return
    bar = st.progress(0.0, text=_("Copying"))
    try:
        with brought.path.open("rb") as file:
            weights = lab().weights.add(
                name or "", file, file_name=brought.file_name,
                on_progress=lambda what, share: bar.progress(share, text=told(what)),
            )
    except LabError as error:
        st.session_state[outcome] = False, told(error.sentence)
    else:
        st.session_state[outcome] = True, _("{name} is on the shelf and chosen.").format(name=plain_name(weights.name))
        st.session_state[selected] = weights.id
    let_it_go(brought)
    # Another name field: the old one belongs to the file that has come.
    st.session_state[turn] = number + 1
    st.rerun()


def _show_outcome(taken: bool, sentence: str) -> None:
    if taken:
        st.success(markdown_text(sentence), icon=":material/check:")
    else:
        st.error(markdown_text(sentence), icon=":material/error:")


def _titles(offered: Sequence[WeightsFile], *, chosen: str) -> dict[str, str]:
    """What each choice is called; equal titles get the id's beginning, for the browser tells titles, not ids."""
    plain = {
        weights.id: _("{name} · {parameters} parameters").format(
            name=plain_name(weights.name), parameters=words.count(weights.parameters),
        )
        for weights in offered
    }
    times = Counter(plain.values())
    titles = {found: f"{title} · {found[:6]}" if times[title] > 1 else title for found, title in plain.items()}
    if chosen and chosen not in titles:
        # Of an older experiment or another machine: kept, so that nothing changes unnoticed.
        titles[chosen] = _("{chosen} (not on the shelf)").format(chosen=chosen)
    return {"": _(NONE), **titles}


def _show_facts(weights_id: str) -> None:
    """Where the chosen weights come from, and what was changed while reading them."""
    if not weights_id:
        return
    try:
        weights = lab().weights.get(weights_id)
    except NotFound as error:
        st.warning(markdown_text(told(error.sentence)), icon=":material/search_off:")
        return
    facts = [
        markdown_text(weights.file_name), counted("{number} tensor", "{number} tensors", weights.tensors),
        words.size(weights.size_bytes),
        words.ago(weights.created_at),
    ]
    st.caption(" · ".join(facts))
    for note in weights.notes:
        st.caption(markdown_text(note))
