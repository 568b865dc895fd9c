"""Frees the server's memory of an upload that has been copied to the disk."""

from __future__ import annotations

from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.typing import UploadedFile


def let_go(uploaded: UploadedFile) -> None:
    """Streamlit keeps an upload in memory until its tab is closed; this frees it now, as its own chat input does."""
    context = get_script_run_ctx()
    if context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(context.session_id, uploaded.file_id)
    uploaded.close()
