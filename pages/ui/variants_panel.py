"""Shows what a generator makes of samples, with the teacher's soft labels, as a table; asked for with a button."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from distill_core.charts.names import markdown_text, plain_name
from distill_core.errors import LabError
from distill_core.language import _, marked
from distill_core.planned import digest
from distill_core.spec import Choice, ExperimentSpec
from pages.ui.guard import tell
from pages.ui.session import lab

Json = dict[str, Any]
_ROW_PX = 76
_WIDEST_TEXT = 400
_UNTAUGHT = marked(
    "The teacher's soft labels show once an experiment has trained this teacher; until then you see the samples alone."
)


def variants_panel(spec: ExperimentSpec | None, generator: Choice, *, key: str, temperature: float = 4.0) -> None:
    """The button and, for the present choice, the table; nothing is asked before it is pressed."""
    asked = st.button(
        _("Show examples"), key=key, icon=":material/auto_awesome_motion:", disabled=spec is None,
        help=_("A few samples, what is made of them, and how this teacher answers, if it is trained already."),
    )
    if spec is None:
        return
    slot, name = f"{key}-answer", digest([spec.to_json(), generator.model_dump(mode="json"), temperature])
    if asked:
        with st.spinner(_("Making variants …"), show_time=True):
            try:
                st.session_state[slot] = (name, lab().previews.variants(spec, generator, temperature=temperature))
            except LabError as error:
                st.session_state.pop(slot, None)
                tell(error)
                return
    held = st.session_state.get(slot)
    if held is None:
        return
    if held[0] == name:
        draw_variants(held[1])
    else:
        st.caption(_(":material/history: The settings have changed since these examples were made."))


def draw_variants(answer: Json) -> None:
    """One row a sample and one for each of its variants."""
    pictures = answer["samples"] and answer["samples"][0]["original"]["png"] is not None
    shown = st.column_config.ImageColumn(_("Looks like"), width="small") if pictures else None
    columns: dict[str, Any] = {
        "shown": shown or st.column_config.TextColumn(_("Reads"), width="large"),
        "answers": st.column_config.TextColumn(_heading(answer), width="large"),
    }
    st.dataframe(
        table_of(answer), hide_index=True, width="stretch", row_height=_ROW_PX if pictures else None,
        column_config=columns, alt=_("Samples, their variants, their labels and the teacher's answers"),
    )
    if not answer["taught"]:
        st.caption(markdown_text(_(_UNTAUGHT)))


def table_of(answer: Json) -> pd.DataFrame:
    """Columns sample, shown and label, and the teacher's answers if there is one that is trained."""
    rows = []
    for number, sample in enumerate(answer["samples"], start=1):
        rows.append(_row(answer, sample["original"], f"{number}"))
        rows += [
            _row(answer, variant, _("{number}, variant {place}").format(number=number, place=place)) for place,
            variant in enumerate(sample["variants"], 1)
        ]
    return pd.DataFrame(rows)


def _row(answer: Json, shown: Json, name: str) -> dict[str, str]:
    picture = f"data:image/png;base64,{shown['png']}" if shown["png"] is not None else None
    row = {
        "sample": name, "shown": picture or plain_name(shown["text"], _WIDEST_TEXT),
        "label": _labels(shown["labels"]) or _("none"),
    }
    if answer["taught"]:
        row["answers"] = " · ".join(_answer(answer["task"], *pair) for pair in shown["answers"])
    return row


def _heading(answer: Json) -> str:
    if answer["task"] == "regression":
        return _("Teacher's values")
    return _("Teacher's soft labels at temperature {temperature:g}").format(temperature=answer["temperature"])


def _labels(pairs: list[list[Any]]) -> str:
    """Names alone where there is one label, else with their shares."""
    if len(pairs) == 1 and pairs[0][1] == 1:
        return plain_name(pairs[0][0], _WIDEST_TEXT)
    return " + ".join(f"{share:.0%} {plain_name(name, 60)}" for name, share in pairs)


def _answer(task: str, name: str, number: float) -> str:
    shown = f"{number:.4g}" if task == "regression" else f"{number:.0%}"
    return f"{plain_name(name, 40)} {shown}"
