"""The server: Streamlit's application with the lab's own routes, behind its doors; the frame is pages/frame.py."""

import sys
from pathlib import Path

import streamlit as st

from pages.doors.opening import opened
from pages.doors.settings import DoorsUnsafe
from pages.ui.guard import tell_failure
from pages.ui.live.routes import lab_routes
from pages.ui.warming import warmed

try:
    doors = opened()
except DoorsUnsafe as unsafe:
    print(unsafe.sentence, file=sys.stderr)
    raise SystemExit(2) from None
app = st.App(
    Path(__file__).parent / "pages" / "frame.py", routes=lab_routes(), lifespan=warmed, on_script_error=tell_failure,
    middleware=doors.middleware, secrets=doors.secrets,
)
