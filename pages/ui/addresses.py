"""Below which path this server answers."""

from __future__ import annotations

import streamlit as st


def base_path() -> str:
    """Empty, or the path below which a proxy serves us, with a slash before it."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}" if base else ""
