"""The frame around every page: page settings, logo and navigation."""

from pathlib import Path

import streamlit as st

from pages.ui import account, places, spoken
from pages.ui.document_language import tell_browser
from pages.ui.guard import guarded
from pages.ui.presenting import is_presenting

ASSETS = Path(__file__).parent.parent / "assets"

spoken.settle()
st.set_page_config(page_title="Distill Lab", page_icon=ASSETS / "favicon.svg", layout="wide")
st.html(ASSETS / "style.css")
st.logo(str(ASSETS / "logo.svg"), size="medium")
chosen = st.navigation(places.sections(), position="hidden" if is_presenting() else "top")
with guarded():
    with st.container(key="corner", horizontal=True, horizontal_alignment="right", gap="xsmall"):
        tell_browser()
        if not is_presenting():
            spoken.choose()
            account.show()
    chosen.run()
