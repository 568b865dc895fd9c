"""Where every page lives: its file, its address and its name in the navigation."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import streamlit as st

from distill_core.language import _
from pages.ui import spoken

FOLDER = Path(__file__).parent.parent
HOME, EXPERIMENTS, EXPERIMENT, NEW, COMPARE, MACHINE = "home", "experiments", "experiment", "new", "compare", "machine"
DATA, DATA_SET, COMPRESS = "data", "data-set", "compress"
TRY, LATENCY = "try", "latency"
AUDIT = "audit"
STORAGE = "storage"
QUEUE = "queue"
LENS = "lens"


def page(place: str) -> st.Page:
    """The page object of a place; Streamlit knows pages by their address, so equal ones are the same page."""
    if place == EXPERIMENTS:
        # The list lies at the root; its name as an address must lead there too.
        return st.Page(
            FOLDER / "experiments" / "overview.py", title="Experiments", icon=":material/science:",
            url_path=EXPERIMENTS, visibility="hidden", help="All experiments, newest first.",
        )
    if place == HOME:
        return st.Page(
            FOLDER / "experiments" / "overview.py", title="Experiments", icon=":material/science:", url_path=HOME,
            default=True, help="All experiments, newest first.",
        )
    if place == NEW:
        return st.Page(
            FOLDER / "experiments" / "design.py", title="New experiment", icon=":material/add_circle:", url_path=NEW,
            help="Choose data, teacher, students and budget, see what they cost, start.",
        )
    if place == QUEUE:
        return st.Page(
            FOLDER / "experiments" / "queue.py", title="Queue", icon=":material/low_priority:", url_path=QUEUE,
            help="What runs on each device and what waits, in which order.",
        )
    if place == DATA:
        return st.Page(
            FOLDER / "data" / "library.py", title="Data", icon=":material/dataset:", url_path=DATA,
            help="Bring your own images, texts or arrays, and see what else there is to learn from.",
        )
    if place == DATA_SET:
        return st.Page(
            FOLDER / "data" / "data_set.py", title="Data set", icon=":material/dataset:", url_path=DATA_SET,
            visibility="hidden", help="One data set of yours: samples, classes, problems.",
        )
    if place == COMPRESS:
        return st.Page(
            FOLDER / "experiments" / "compress.py", title="Compress", icon=":material/compress:", url_path=COMPRESS,
            visibility="hidden", help="Make what an experiment trained smaller and faster.",
        )
    if place == COMPARE:
        return st.Page(
            FOLDER / "compare" / "runs.py", title="Compare", icon=":material/compare_arrows:", url_path=COMPARE,
            help="Runs of several experiments side by side.",
        )
    if place == TRY:
        return st.Page(
            FOLDER / "trying" / "ask.py", title="Try it", icon=":material/draw:", url_path=TRY,
            help="Draw, upload or pick a sample; all models of an experiment answer side by side.",
        )
    if place == LENS:
        return st.Page(
            FOLDER / "lens" / "lens.py", title=_("Lens"), icon=":material/lens_blur:", url_path=LENS,
            help=_("What a teacher knows beyond the label: soft labels at any temperature, epoch by epoch."),
        )
    if place == LATENCY:
        return st.Page(
            FOLDER / "latency" / "lab.py", title="Latency lab", icon=":material/timer:", url_path=LATENCY,
            help="How fast exported models are, here and on other machines.",
        )
    if place == MACHINE:
        return st.Page(
            FOLDER / "machine" / "doctor.py", title="Machine", icon=":material/memory:", url_path=MACHINE,
            help="Devices, threads, versions and free disk.",
        )
    if place == STORAGE:
        return st.Page(
            FOLDER / "machine" / "storage.py", title="Storage", icon=":material/hard_drive:", url_path=STORAGE,
            visibility="hidden", help="What takes how much of the disk, the trash, and backups.",
        )
    if place == AUDIT:
        return st.Page(
            FOLDER / "machine" / "audit.py", title="Audit log", icon=":material/policy:", url_path=AUDIT,
            visibility="hidden", help="Who did what, and when.",
        )
    return st.Page(
        FOLDER / "experiments" / "detail.py", title="Experiment", icon=":material/monitoring:", url_path=EXPERIMENT,
        visibility="hidden", help="One experiment: live curves, verdict, runs.",
    )


def sections() -> list[st.Page]:
    """Every page of the application, in the order of the navigation."""
    places = (
        HOME, NEW, QUEUE, DATA, COMPARE, TRY, LENS, LATENCY, MACHINE, AUDIT, STORAGE, EXPERIMENT, COMPRESS, DATA_SET,
        EXPERIMENTS,
    )
    return [page(place) for place in places]


def go(place: str, **parameters: str) -> NoReturn:
    """Leave for another page; `parameters` become its address."""
    st.switch_page(page(place), query_params=spoken.of_address() | parameters)


def link(place: str, label: str, *, icon: str | None = None, help: str | None = None, **parameters: str) -> None:
    """A real link, so that it opens in a new tab as well."""
    address = spoken.of_address() | parameters
    st.page_link(page(place), label=label, icon=icon, help=help, query_params=address or None)
