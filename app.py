"""The server: Streamlit's application with the lab's own routes beside it; the frame is pages/frame.py."""

from pathlib import Path

import streamlit as st

from pages.ui.guard import tell_failure
from pages.ui.live.routes import lab_routes
from pages.ui.warming import warmed

app = st.App(
    Path(__file__).parent / "pages" / "frame.py", routes=lab_routes(), lifespan=warmed, on_script_error=tell_failure
)
