"""Who is signed in: shown in the frame, with what they may do and the way out; nothing where there is no sign-in."""

from __future__ import annotations

import time

import streamlit as st
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner import get_script_run_ctx

from distill_core.access import Actor, Role
from distill_core.charts.names import markdown_name
from distill_core.language import _, counted, marked
from distill_core.people import Use
from pages.doors.entrance import SIGN_OUT
from pages.doors.signing_in import sign_in
from pages.ui import places, words
from pages.ui.live.routes import base_path
from pages.ui.recent import Recent
from pages.ui.session import lab, who

MAY: dict[Role, str] = {
    "viewer": marked("You may look at everything and try models; launching and changing needs the role operator."),
    "operator": marked("You may launch experiments, bring data and change what is your own."),
    "admin": marked("You may do everything, also with what others own."),
}


# A walk over all of a person's files, where the disk is limited.
_used: Recent[Use] = Recent(fresh_seconds=30.0)


def is_signing_in() -> bool:
    """Whether people sign in here, so that owners and roles mean something."""
    return sign_in().mode != "none"


def may_launch() -> bool:
    return who().has("operator")


def may_change(owner: str) -> bool:
    """For the look of a page alone: the service refuses whatever a button does."""
    actor = who()
    return actor.role == "admin" or (actor.has("operator") and actor.name == owner)


def may_audit() -> bool:
    return who().has("admin")


def owner_note(owner: str) -> str:
    """What stands behind a thing's other facts, as Markdown; empty where nobody signs in."""
    return _(" · by {owner}").format(owner=markdown_name(owner, 60)) if owner and is_signing_in() else ""


def why_not(owner: str = "") -> str:
    """The help of a button that is off."""
    if not may_launch():
        return _("Your role is viewer, which may only look. Ask an admin for the role operator.")
    # An empty name would be shown as "(no name)".
    return _("Only {owner} or an admin may do this.").format(owner=markdown_name(owner, 60) or _("an admin"))


def show() -> None:
    """The corner of the frame."""
    if not is_signing_in():
        return
    actor = who()
    with st.popover(
        markdown_name(actor.name, 24), icon=":material/account_circle:", type="tertiary", key="account",
    ):
        _facts(actor)
        if actor.role == "admin":
            places.link(places.AUDIT, _("Audit log"), icon=":material/policy:")
        if st.button(_("Sign out"), key="sign-out", icon=":material/logout:", help=_("Experiments go on without you.")):
            _leave()


def _facts(actor: Actor) -> None:
    # By a start link nobody has a name: it stands for a role.
    by_link = "" if "@" in actor.name else _(", by a start link")
    st.markdown(f"**{markdown_name(actor.name, 254)}**{by_link or f' · {actor.role}'}")
    st.caption(_(MAY[actor.role]))
    asked = lab()
    used = _used.get(asked, asked.people.use, now=time.monotonic())
    for count, limit, text in (
        (used.queued, used.limits.queued, _("{count} of at most {limit} waiting or running.")),
        (used.running, used.limits.running, _("{count} of at most {limit} running.")),
    ):
        if limit is not None:
            st.caption(text.format(count=count, limit=counted("{number} experiment", "{number} experiments", limit)))
    if used.limits.disk_bytes is not None:
        st.caption(_(
            "{size} of at most {limit} on the disk."
        ).format(size=words.size(used.disk_bytes), limit=words.size(used.limits.disk_bytes)))


def _leave() -> None:
    """Sends the browser to the address that ends the sign-in, as Streamlit's own logout does."""
    context = get_script_run_ctx()
    if context is not None:
        message = ForwardMsg()
        message.auth_redirect.url = base_path() + SIGN_OUT
        context.enqueue(message)
    st.stop()
