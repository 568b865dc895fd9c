"""The trash: deleted sweeps and experiments, how long they stay, and their ways back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from distill_core.charts.names import markdown_name
from distill_core.errors import LabError
from distill_core.language import _, counted
from distill_core.sweep_rows import SweepRow
from pages.ui import account, words
from pages.ui.asking import ask, asked, say
from pages.ui.guard import tell
from pages.ui.session import lab

MOST_SWEEPS = 1000


def show_trash() -> None:
    """Sweeps first: what was deleted with one comes back with it."""
    found = lab().upkeep.trash()
    sweeps = lab().sweeps.list(deleted=True, limit=MOST_SWEEPS)
    st.header(
        _("Trash"), anchor=False,
        help=_("Deleted experiments stay for 30 days, or as long as DISTILL_TRASH_DAYS says, then leave the disk when "
        "nothing runs."),
    )
    if not found and not sweeps:
        st.caption(
            _(":material/delete: The trash is empty. What you delete is kept here for a while and can come back.")
        )
        return
    for sweep in sweeps:
        _sweep(sweep)
    for item in found:
        row, mine = item.row, account.may_change(item.row.owner)
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"trash-{row.experiment_id}"):
            with st.container(gap="xxsmall", width="stretch"):
                st.markdown(f"**{markdown_name(row.name, 60)}**")
                left = _("kept for ever") if item.days_left is None else (
                    counted("{number} day left", "{number} days left", item.days_left) if item.days_left
                    else _("goes when nothing runs")
                )
                st.caption(_(
                    "Deleted {ago} · {left} · {size}"
                ).format(ago=words.ago(item.deleted_at), left=left, size=words.size(item.use.total)))
            if st.button(
                _("Restore"), key=f"restore-{row.experiment_id}", icon=":material/undo:",
                disabled=not mine,
                help=_("Puts it back on the list of experiments.") if mine else account.why_not(row.owner),
            ):
                put_back(lab().undelete, row.experiment_id, row.name)
            st.button(
                _("Purge now"), key=f"purge-{row.experiment_id}", icon=":material/delete_forever:", type="tertiary",
                disabled=not mine, on_click=ask, args=(f"purge-{row.experiment_id}",),
                help=_("Takes it from the disk for good.") if mine else account.why_not(row.owner),
            )
        asked(
            f"purge-{row.experiment_id}",
            _(
                "**{name}** leaves the disk with all its networks, curves and figures ({size})."
            ).format(name=markdown_name(row.name, 60), size=words.size(item.use.total)),
            sure=_("Purge"), icon=":material/delete_forever:", work=partial(purged, row.experiment_id, row.name),
        )


def _sweep(row: SweepRow) -> None:
    mine = account.may_change(row.owner)
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"trash-sweep-{row.sweep_id}"):
        with st.container(gap="xxsmall", width="stretch"):
            st.markdown(f"**{markdown_name(row.name, 60)}**")
            st.caption(_("Sweep · deleted {ago} · its experiments are listed by themselves").format(
                ago=words.ago(row.deleted_at or row.created_at)
            ))
        if st.button(
            _("Restore"), key=f"restore-sweep-{row.sweep_id}", icon=":material/undo:", disabled=not mine,
            help=_("Puts it back on the list of sweeps, with the experiments that were deleted with it.") if mine
            else account.why_not(row.owner),
        ):
            put_back(lab().sweeps.undelete, row.sweep_id, row.name)


def put_back(give_back: Callable[[str], None], identity: str, name: str) -> None:
    try:
        give_back(identity)
    except LabError as error:
        tell(error)
        return
    say(_("“{name}” is back on the list.").format(name=name))


def purged(experiment_id: str, name: str) -> str:
    lab().upkeep.purge(experiment_id)
    return _("“{name}” is gone for good.").format(name=name)
