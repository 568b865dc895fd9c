"""The test samples on which two runs disagree most; one of them is opened beside the list."""

from __future__ import annotations

import numpy as np
import streamlit as st

from distill_core.charts.names import markdown_text, plain_name
from distill_core.errors import LabError
from distill_core.language import _, marked
from distill_core.rows import ExperimentView, RunRow
from distill_core.signature import Task
from distill_core.trying import Gallery, Offer, Sample, Which
from pages.trying.giving import truth_of
from pages.trying.replying import names_of
from pages.ui import address
from pages.ui.guard import tell
from pages.ui.sample_cell import cell_width, show_input
from pages.ui.session import lab

ON_ONE_PAGE = 12
PAGE = "apart-page"
ON_BUTTONS: dict[Task, str] = {
    "classification": marked(
        "The greatest disagreement first. On each button: what the first and the second model say."
    ),
    "tagging": marked("The greatest disagreement first. On each button: how many steps they label differently."),
    "regression": marked(
        "The greatest disagreement first. On each button: how far their standardised values lie apart."
    ),
}
WHICH_HELP = marked("All samples, or those on which only one of the two gives the true class.")
PAIR_HELP = marked(
    "From the answers to the whole test set that both gave after training: how much probability they place on "
    "different classes; of a regression, how far their values lie apart."
)


def pick(view: ExperimentView, offer: Offer) -> Sample | None:
    """The sample opened from the gallery, at first the one with the greatest disagreement; None where there is none."""
    tested = [run for run in view.runs if run.score is not None]
    if len(tested) < 2:
        st.info(_("Two tested runs are needed. Wait until a second one is trained."), icon=":material/hourglass:")
        return None
    first, second = _pair(tested)
    which = _which(view)
    try:
        found = lab().trying.gallery(view, offer, first.run_id, second.run_id, which=which)
    except LabError as error:
        tell(error)
        return None
    if not len(found.rows):
        st.info(_("There is no such sample. Choose another pair, or all samples."), icon=":material/search_off:")
        return None
    address.read("open", default=[str(found.rows[0])], allowed=[str(row) for row in found.rows], single=True)
    opened = st.session_state.get("open")
    if opened is None or int(opened) not in found.rows:
        opened = str(found.rows[0])
    st.session_state["open"] = opened
    _grid(view, offer, found, opened=int(opened))
    address.write("open", [opened], default=[str(found.rows[0])])
    return offer.test_sample(int(opened))


def _pair(tested: list[RunRow]) -> tuple[RunRow, RunRow]:
    """Two runs of choice: at first the teacher and a distilled student, else whoever comes first."""
    runs = {run.run_id: run for run in tested}
    names = names_of(tested)
    teacher = next((run.run_id for run in tested if run.role == "teacher"), tested[0].run_id)
    student = next(
        (run.run_id for role in ("student", "baseline") for run in tested if run.role == role),
        next(run.run_id for run in tested if run.run_id != teacher),
    )
    address.read("first", default=[teacher], allowed=list(runs), single=True)
    address.read("second", default=[student], allowed=list(runs), single=True)
    one = st.selectbox(
        _("First model"), list(runs), key="first", format_func=lambda run_id: names[run_id], help=_(PAIR_HELP),
        on_change=_anew,
    )
    other = st.selectbox(
        _("Second model"), list(runs), key="second", format_func=lambda run_id: names[run_id], help=_(PAIR_HELP),
        on_change=_anew,
    )
    address.write("first", [one], default=[teacher])
    address.write("second", [other], default=[student])
    return runs[one], runs[other]


def _which(view: ExperimentView) -> Which:
    if view.task == "regression":
        return "all"
    options: dict[Which, str] = {
        "all": _("all"), "first": _("only the first is right"), "second": _("only the second is right"),
    }
    address.read("which", default=["all"], allowed=list(options), single=True)
    found: Which = st.segmented_control(
        _("Samples"), list(options), key="which", required=True, wrap=True, on_change=_anew, help=_(WHICH_HELP),
        format_func=lambda one: options[one],
    ) or "all"
    address.write("which", [found], default=["all"])
    return found


def _anew() -> None:
    """Another pair has other samples and pages."""
    st.session_state.pop("open", None)
    st.session_state.pop("address-of-open", None)
    st.query_params.pop("open", None)
    if PAGE in st.session_state:
        st.session_state[PAGE] = 1


def _grid(view: ExperimentView, offer: Offer, found: Gallery, *, opened: int) -> None:
    st.caption(_(ON_BUTTONS[view.task]))
    pages = -(-len(found.rows) // ON_ONE_PAGE)
    slot = st.container()
    page = st.pagination(pages, key=PAGE, bind="query-params") if pages > 1 else 1
    with slot:
        grid = st.grid("auto", min_column_width=cell_width(offer), key="pixels-apart")
    start = (page - 1) * ON_ONE_PAGE
    for place in range(start, min(start + ON_ONE_PAGE, len(found.rows))):
        row = int(found.rows[place])
        with grid.cell(), st.container(gap="xxsmall"):
            show_input(offer, row)
            st.button(
                _difference(view, found, row, float(found.distance[place])), key=f"open-{row}", width="stretch",
                type="primary" if row == opened else "secondary", on_click=_open, args=(row,),
                help=markdown_text(_told(view, offer, row, float(found.distance[place]))),
            )


def _open(row: int) -> None:
    st.session_state["open"] = str(row)


def _difference(view: ExperimentView, found: Gallery, row: int, distance: float) -> str:
    """What the two say, as short as a button."""
    one, other = np.asarray(found.first[row]), np.asarray(found.second[row])
    if view.task == "regression":
        return _("No. {row} · {distance:.2f} apart").format(row=row, distance=distance)
    if view.task == "tagging":
        differ = one.argmax(axis=-1) != other.argmax(axis=-1)
        return _("{number} steps").format(number=int(differ.sum()))
    left, right = (plain_name(view.class_names[int(answer.argmax())], 14) for answer in (one, other))
    return markdown_text(f"{left} | {right}")


def _told(view: ExperimentView, offer: Offer, row: int, distance: float) -> str:
    if view.task == "regression":
        true = truth_of(view, offer, row)
        text = _("Test sample {row}. True: {true}. Their standardised values lie {distance:.2f} apart.")
        return text.format(row=row, true=true, distance=distance)
    shared = _("Test sample {row}. They place {percent:.0f}% of their probability on different classes.").format(
        row=row, percent=100 * distance,
    )
    if view.task == "tagging":
        return shared
    return _("{sentence} True class: {true}.").format(sentence=shared, true=truth_of(view, offer, row))
