"""Sets up the doors of a server when it starts: checks, sign-in, the middleware."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from streamlit.auth_util import get_secrets_auth_section

from distill_core.audit import Action
from distill_core.errors import LabError
from pages.doors.entrance import Entrance
from pages.doors.gate import Gate, log
from pages.doors.settings import CHECKED_OPTIONS, Doors, check_address, check_options, is_loopback, read_doors
from pages.doors.signing_in import configure
from pages.ui.live.routes import base_path
from pages.ui.session import server_lab


@dataclass(frozen=True)
class Opened:
    """What the application takes: `secrets` are those of Streamlit's own login, None where there is none."""

    middleware: list[Middleware]
    secrets: dict[str, Any] | None


def opened() -> Opened:
    """Raises DoorsUnsafe: the server must not start."""
    doors = read_doors(secrets_file=bool(get_secrets_auth_section()))
    check_address(st.get_option("server.address"), doors)
    check_options({name: st.get_option(name) for name in CHECKED_OPTIONS})
    base, sign_in = base_path(), configure(doors)
    if doors.new_token:
        _tell_link(doors, base)
    entrance = Entrance(sign_in, record=_record, base=base)
    gate = Middleware(Gate, sign_in=sign_in, entrance=entrance, base=base)
    return Opened([gate], {"auth": dict(doors.oidc)} if doors.oidc else None)


def _tell_link(doors: Doors, base: str) -> None:
    address = st.get_option("server.address") or ""
    host = address if is_loopback(address or "0.0.0.0") else "127.0.0.1"
    scheme = "https" if st.get_option("server.sslCertFile") else "http"
    link = f"{scheme}://{host}:{st.get_option('server.port')}{base}/?token={doors.new_token}"
    print(f"Sign in as admin by this link: {link}", file=sys.stderr, flush=True)


def _record(actor: str, action: Action, subject: str = "", *, detail: str = "") -> None:
    try:
        server_lab().audit.record(actor, action, subject, detail=detail)
    except LabError as error:
        # A home that cannot be written must not keep an admin out who wants to see why.
        log.error("the audit log could not be written: %s", error.sentence)
