"""The machine: devices, threads, versions and free disk, and what to do where something is missing."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.language import _, counted, told
from pages.ui import account, places, words
from pages.ui.session import lab

SCARCE_BYTES = 2_000_000_000


def devices(report: dict[str, Any]) -> None:
    st.header(_("Devices"), anchor=False)
    for device in report["devices"]:
        memory = f" · {words.size(device['memory_bytes'])}" if device.get("memory_bytes") else ""
        icon = ":material/memory:" if device["name"] == "cpu" else ":material/developer_board:"
        st.markdown(f"{icon} **{markdown_text(device['name'])}** · {markdown_text(told(device['title']))}{memory}")
    for reason in report["unused_gpus"]:
        st.warning(markdown_text(told(reason)), icon=":material/warning:")
    if len(report["devices"]) == 1:
        st.caption(
            _("There is no CUDA device; everything runs on the CPU. The digits experiments need about a minute.")
        )


def other_tools(report: dict[str, Any]) -> None:
    st.header(_("Other tools"), anchor=False,
        help=_("Curves and results of every experiment also go to those that are on, written beside the training by "
        "processes of the lowest priority."))
    for tool in report["tools"]:
        icon = ":material/check_circle:" if tool["on"] else ":material/radio_button_unchecked:"
        st.markdown(
            f"{icon} **{markdown_text(tool['title'])}** · {markdown_text(told(tool['why_off'] or tool['summary']))}"
        )
        if tool["on"]:
            st.code(tool["look"], language=None, wrap_lines=True)


def warnings(report: dict[str, Any]) -> None:
    if not report["home_writable"]:
        st.error(
            _("The home folder cannot be written. Change its permissions or set DISTILL_HOME to another folder."),
            icon=":material/error:",
        )
    if report["disk"]["free_bytes"] < SCARCE_BYTES:
        st.warning(
            _(
                "Only {size} of disk are free. Free some before a large experiment."
            ).format(size=words.size(report["disk"]["free_bytes"])),
            icon=":material/warning:",
        )


def show() -> None:
    report = lab().doctor()
    st.title(_("Machine"), anchor=False)
    st.caption(markdown_text(report["machine"]))
    places.link(
        places.STORAGE, _("Storage"), icon=":material/hard_drive:",
        help=_("What takes how much of the disk, the trash, and backups."),
    )
    places.link(
        places.SELF_CHECK, _("Self-check"), icon=":material/fact_check:",
        help=_("Our losses against published reference values."),
    )
    if account.may_audit():
        places.link(places.AUDIT, _("Audit log"), icon=":material/policy:", help=_("Who did what, and when."))
    warnings(report)
    with st.container(horizontal=True, gap="medium"):
        st.metric(_("Usable cores"), report["threads"]["usable_cores"], width="content",
            help=_("Cores this process may use, container limits included."))
        st.metric(_("Threads a worker"), _(
            "at most {most}"
        ).format(most=report["threads"]["most_per_worker"]), width="content",
                  help=_("On the processor an experiment times its first steps and uses as many threads as are "
                  "fastest, up to this."))
        st.metric(_("Free memory"), words.size(report["memory"]["available_bytes"]), width="content",
                  help=_("Of {size}.").format(size=words.size(report["memory"]["total_bytes"])))
        st.metric(_("Free disk"), words.size(report["disk"]["free_bytes"]), width="content",
                  help=_(
                      "Where the home folder lies; {size} in all."
                  ).format(size=words.size(report["disk"]["total_bytes"])))
        st.metric(_("Dispatcher"), _("at work") if report["dispatcher_alive"] else _("asleep"), width="content",
                  help=_("The background process that starts workers. It starts when needed and leaves when idle."))
    devices(report)
    other_tools(report)
    st.header(_("Versions"), anchor=False)
    versions = [{"package": name, "version": found or _("not installed")} for name, found in report["versions"].items()]
    st.dataframe(
        pd.DataFrame(versions), key="versions", hide_index=True, width="content", alt=_("Installed versions"),
        column_config={
            "package": st.column_config.TextColumn(_("Package"), help=_("What is installed.")),
            "version": st.column_config.TextColumn(_("Version"), help=_("Its version in this environment.")),
        },
    )
    st.header(_("Home folder"), anchor=False,
        help=_("Everything the lab keeps lies here; the database is only an index of it."))
    st.code(report["home"], language=None)
    st.caption(_("Index: {database}").format(database=markdown_text(report["database"])))
    if st.button(
        _("Rebuild the index from the folders"), key="reindex", icon=":material/refresh:",
        help=_("Harmless; takes a moment for many experiments.") if account.may_audit() else _("An admin may do this."),
        disabled=not account.may_audit(),
    ):
        with st.spinner(_("Reading every experiment's folder …"), show_time=True):
            number, problems = lab().upkeep.reindex()
        st.success(
            counted("{number} experiment indexed.", "{number} experiments indexed.", number),
            icon=":material/check_circle:",
        )
        for problem in problems:
            st.warning(markdown_text(told(problem)), icon=":material/warning:")


show()
