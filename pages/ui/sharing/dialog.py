"""The dialog behind Share: makes a link to a frozen page, shows it once, lists and revokes the others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

import streamlit as st

from distill_core.charts.names import markdown_name, markdown_text
from distill_core.errors import LabError
from distill_core.language import _, counted, marked, told
from distill_core.rows import ExperimentView
from distill_core.sharing import Share
from pages.ui import words
from pages.ui.addresses import base_path
from pages.ui.guard import guarded, tell
from pages.ui.session import lab

MADE = "share-made"
DAYS = {1: marked("1 day"), 7: marked("7 days"), 30: marked("30 days"), 365: marked("a year")}
HELP = marked(
    "Makes a link to a frozen copy of the verdict, the table and the charts. Whoever has it can read that page without "
    "signing in, and nothing else."
)


def share_button(view: ExperimentView, *, on_click: Callable[[], None]) -> None:
    """Opens the dialog, after `on_click`; a link made before is not shown again."""
    if st.button(_("Share"), icon=":material/share:", key="share", type="tertiary", on_click=on_click, help=_(HELP)):
        st.session_state.pop(MADE, None)
        _show(view.row.experiment_id)


def _show(experiment_id: str) -> None:
    # Decorated here and not above: the title is in the language of who presses.
    @st.dialog(_("Share this experiment"), icon=":material/share:")
    def shown() -> None:
        with guarded():
            show_links(experiment_id)

    shown()


def show_links(experiment_id: str) -> None:
    """What is in the dialog: the making of a link, the one just made, and those that work."""
    _make(experiment_id)
    _made()
    _existing(lab().shares.of(experiment_id))


def _make(experiment_id: str) -> None:
    st.markdown(
        _(
            "The link opens a page with the experiment **as it is now**. Whoever has the link can read that page, "
            "without signing in; it needs no script and can be saved or printed."
        )
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        days = st.selectbox(
            _("The link works for"), list(DAYS), index=1, key="share-days", format_func=lambda one: _(DAYS[one]),
            width=180,
            help=_("After that the page is deleted; the experiment stays."),
        )
        if st.button(_("Make a link"), key="share-make", type="primary", icon=":material/add_link:", help=_(HELP)):
            try:
                made = lab().shares.make(experiment_id, days=days)
            except LabError as error:
                tell(error)
                return
            st.session_state[MADE] = experiment_id, address(made.token)


def address(token: str) -> str:
    """The whole link, as the browser reaches this server."""
    found = urlsplit(st.context.url or "")
    return f"{found.scheme}://{found.netloc}{base_path()}/lab/share/{token}"


def _made() -> None:
    made = st.session_state.get(MADE)
    if made is None:
        return
    st.code(made[1], language=None, wrap_lines=True)
    st.caption(_("Copy it now: only a hash of it is kept, so it cannot be shown again."))


def _existing(found: list[Share]) -> None:
    st.divider()
    if not found:
        st.caption(_("No link to this experiment works at the moment."))
        return
    st.markdown(counted("**{number} link to this experiment**", "**{number} links to this experiment**", len(found)))
    for share in found:
        with st.container(horizontal=True, vertical_alignment="center", key=f"share-{share.share_id[:12]}"):
            made, ends = (datetime.fromtimestamp(at).astimezone() for at in (share.created_at, share.expires_at))
            st.markdown(
                _(
                    "until {ends}  \n:gray[made {made} by {by}]"
                ).format(ends=words.day(ends, with_year=True), made=words.day(made), by=markdown_name(share.by, 60)),
                width="stretch",
            )
            st.button(
                _("Revoke"), key=f"revoke-{share.share_id[:12]}", icon=":material/link_off:", on_click=_revoke,
                args=(share.share_id,), help=_("The link stops to work at once and its page is deleted."),
            )


def _revoke(share_id: str) -> None:
    st.session_state.pop(MADE, None)
    try:
        lab().shares.revoke(share_id)
    except LabError as error:
        st.toast(markdown_text(told(error.sentence)), icon=":material/info:")
