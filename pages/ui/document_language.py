"""Tells the browser in which language the document is, so that it is read aloud, hyphenated and spelt in that one."""

from __future__ import annotations

from streamlit.components.v2 import component

from distill_core.language import document_tag

_SCRIPT = """
export default function ({ data }) {
  if (document.documentElement.lang !== data.tag) document.documentElement.lang = data.tag;
}
"""
# Registered once a process: registering again would mount it anew.
_mount = component("distill_lab_language", js=_SCRIPT)


def tell_browser() -> None:
    """Sets the document's `lang`; nothing of it can be seen. Where it stands it must take no room."""
    _mount(key="document-language", data={"tag": document_tag()})
