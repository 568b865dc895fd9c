"""The machine: devices, threads, versions and free disk, and what to do where something is missing."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.language import _
from pages.ui import account, places, words
from pages.ui.session import lab

SCARCE_BYTES = 2_000_000_000


def devices(report: dict[str, Any]) -> None:
    st.subheader("Devices", anchor=False)
    for device in report["devices"]:
        memory = f" · {words.size(device['memory_bytes'])}" if device.get("memory_bytes") else ""
        icon = ":material/memory:" if device["name"] == "cpu" else ":material/developer_board:"
        st.markdown(f"{icon} **{markdown_text(device['name'])}** · {markdown_text(device['title'])}{memory}")
    if len(report["devices"]) == 1:
        st.caption("There is no CUDA device; everything runs on the CPU. The digits experiments need about a minute.")


def other_tools(report: dict[str, Any]) -> None:
    st.subheader("Other tools", anchor=False,
        help="Curves and results of every experiment also go to those that are on, written beside the training by "
        "processes of the lowest priority.")
    for tool in report["tools"]:
        icon = ":material/check_circle:" if tool["on"] else ":material/radio_button_unchecked:"
        st.markdown(f"{icon} **{markdown_text(tool['title'])}** · {markdown_text(tool['why_off'] or tool['summary'])}")
        if tool["on"]:
            st.code(tool["look"], language=None, wrap_lines=True)


def warnings(report: dict[str, Any]) -> None:
    if not report["home_writable"]:
        st.error(
            "The home folder cannot be written. Change its permissions or set DISTILL_HOME to another folder.",
            icon=":material/error:",
        )
    if report["disk"]["free_bytes"] < SCARCE_BYTES:
        st.warning(
            f"Only {words.size(report['disk']['free_bytes'])} of disk are free. Free some before a large experiment.",
            icon=":material/warning:",
        )


def show() -> None:
    report = lab().doctor()
    st.title("Machine", anchor=False)
    st.caption(markdown_text(report["machine"]))
    places.link(
        places.STORAGE, "Storage", icon=":material/hard_drive:",
        help="What takes how much of the disk, the trash, and backups.",
    )
    places.link(
        places.SELF_CHECK, _("Self-check"), icon=":material/fact_check:",
        help=_("Our losses against published reference values."),
    )
    if account.may_audit():
        places.link(places.AUDIT, "Audit log", icon=":material/policy:", help="Who did what, and when.")
    warnings(report)
    with st.container(horizontal=True, gap="medium"):
        st.metric("Usable cores", report["threads"]["usable_cores"], width="content",
            help="Cores this process may use, container limits included.")
        st.metric("Threads a worker", f"at most {report['threads']['most_per_worker']}", width="content",
                  help="An experiment times its first steps and uses as many threads as are fastest, up to this.")
        st.metric("Free memory", words.size(report["memory"]["available_bytes"]), width="content",
                  help=f"Of {words.size(report['memory']['total_bytes'])}.")
        st.metric("Free disk", words.size(report["disk"]["free_bytes"]), width="content",
                  help=f"Where the home folder lies; {words.size(report['disk']['total_bytes'])} in all.")
        st.metric("Dispatcher", "at work" if report["dispatcher_alive"] else "asleep", width="content",
                  help="The background process that starts workers. It starts when needed and leaves when idle.")
    devices(report)
    other_tools(report)
    st.subheader("Versions", anchor=False)
    versions = [{"package": name, "version": found or "not installed"} for name, found in report["versions"].items()]
    st.dataframe(
        pd.DataFrame(versions), key="versions", hide_index=True, width="content", alt="Installed versions",
        column_config={
            "package": st.column_config.TextColumn("Package", help="What is installed."),
            "version": st.column_config.TextColumn("Version", help="Its version in this environment."),
        },
    )
    st.subheader("Home folder", anchor=False,
        help="Everything the lab keeps lies here; the database is only an index of it.")
    st.code(report["home"], language=None)
    st.caption(f"Index: {markdown_text(report['database'])}")
    if st.button(
        "Rebuild the index from the folders", key="reindex", icon=":material/refresh:",
        help="Harmless; takes a moment for many experiments." if account.may_audit() else "An admin may do this.",
        disabled=not account.may_audit(),
    ):
        with st.spinner("Reading every experiment's folder …", show_time=True):
            number, problems = lab().reindex()
        st.success(f"{words.plural(number, 'experiment')} indexed.", icon=":material/check_circle:")
        for problem in problems:
            st.warning(markdown_text(problem), icon=":material/warning:")


show()
