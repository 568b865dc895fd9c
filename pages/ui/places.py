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
SELF_CHECK = "self-check"
EVIDENCE = "evidence"
REPORT = "report"
LEARN = "learn"
LENS = "lens"


def page(place: str) -> st.Page:
    """The page object of a place; Streamlit knows pages by their address, so equal ones are the same page."""
    if place == EXPERIMENTS:
        # The list lies at the root; its name as an address must lead there too.
        return st.Page(
            FOLDER / "experiments" / "overview.py", title=_("Experiments"), icon=":material/science:",
            url_path=EXPERIMENTS, visibility="hidden", help=_("All experiments, newest first."),
        )
    if place == HOME:
        return st.Page(
            FOLDER / "experiments" / "overview.py", title=_("Experiments"), icon=":material/science:", url_path=HOME,
            default=True, help=_("All experiments, newest first."),
        )
    if place == NEW:
        return st.Page(
            FOLDER / "experiments" / "design.py", title=_("New experiment"), icon=":material/add_circle:", url_path=NEW,
            help=_("Choose data, teacher, students and budget, see what they cost, start."),
        )
    if place == QUEUE:
        return st.Page(
            FOLDER / "experiments" / "queue.py", title=_("Queue"), icon=":material/low_priority:", url_path=QUEUE,
            help=_("What runs on each device and what waits, in which order."),
        )
    if place == DATA:
        return st.Page(
            FOLDER / "data" / "library.py", title=_("Data"), icon=":material/dataset:", url_path=DATA,
            help=_("Bring your own images, texts or arrays, and see what else there is to learn from."),
        )
    if place == DATA_SET:
        return st.Page(
            FOLDER / "data" / "data_set.py", title=_("Data set"), icon=":material/dataset:", url_path=DATA_SET,
            visibility="hidden", help=_("One data set of yours: samples, classes, problems."),
        )
    if place == COMPRESS:
        return st.Page(
            FOLDER / "experiments" / "compress.py", title=_("Compress"), icon=":material/compress:", url_path=COMPRESS,
            visibility="hidden", help=_("Make what an experiment trained smaller and faster."),
        )
    if place == REPORT:
        return st.Page(
            FOLDER / "report" / "report.py", title=_("Report"), icon=":material/description:", url_path=REPORT,
            visibility="hidden", help=_("One file for whoever decides: answer, charts, limits, how to repeat it."),
        )
    if place == COMPARE:
        return st.Page(
            FOLDER / "compare" / "runs.py", title=_("Compare"), icon=":material/compare_arrows:", url_path=COMPARE,
            help=_("Runs of several experiments side by side."),
        )
    if place == TRY:
        return st.Page(
            FOLDER / "trying" / "ask.py", title=_("Try it"), icon=":material/draw:", url_path=TRY,
            help=_("Draw, upload or pick a sample; all models of an experiment answer side by side."),
        )
    if place == LENS:
        return st.Page(
            FOLDER / "lens" / "lens.py", title=_("Lens"), icon=":material/lens_blur:", url_path=LENS,
            help=_("What a teacher knows beyond the label: soft labels at any temperature, epoch by epoch."),
        )
    if place == LATENCY:
        return st.Page(
            FOLDER / "latency" / "lab.py", title=_("Latency lab"), icon=":material/timer:", url_path=LATENCY,
            help=_("How fast exported models are, here and on other machines."),
        )
    if place == MACHINE:
        return st.Page(
            FOLDER / "machine" / "doctor.py", title=_("Machine"), icon=":material/memory:", url_path=MACHINE,
            help=_("Devices, threads, versions and free disk."),
        )
    if place == EVIDENCE:
        return st.Page(
            FOLDER / "evidence" / "evidence.py", title=_("Evidence"), icon=":material/fact_check:", url_path=EVIDENCE,
            visibility="hidden", help=_("What stands behind an experiment's verdict."),
        )
    if place == LEARN:
        return st.Page(
            FOLDER / "learn" / "lessons.py", title=_("Lessons"), icon=":material/school:", url_path=LEARN,
            help=_("Short lessons on real experiments, to read or to show a class."),
        )
    if place == STORAGE:
        return st.Page(
            FOLDER / "machine" / "storage.py", title=_("Storage"), icon=":material/hard_drive:", url_path=STORAGE,
            help=_("What takes how much of the disk, the trash, and backups."),
        )
    if place == AUDIT:
        return st.Page(
            FOLDER / "machine" / "audit.py", title=_("Audit log"), icon=":material/policy:", url_path=AUDIT,
            visibility="hidden", help=_("Who did what, and when."),
        )
    if place == SELF_CHECK:
        return st.Page(
            FOLDER / "machine" / "self_check.py", title=_("Self-check"), icon=":material/fact_check:",
            url_path=SELF_CHECK, help=_("Our losses against published reference values."),
        )
    return st.Page(
        FOLDER / "experiments" / "detail.py", title=_("Experiment"), icon=":material/monitoring:", url_path=EXPERIMENT,
        visibility="hidden", help=_("One experiment: live curves, verdict, runs."),
    )


def sections() -> dict[str, list[st.Page]]:
    """Every page of the application in the groups of the navigation; those without a group's name stand first."""
    groups = {
        "": (HOME, NEW, QUEUE, DATA, AUDIT, EXPERIMENT, EVIDENCE, REPORT, COMPRESS, DATA_SET, EXPERIMENTS),
        _("Results"): (COMPARE, LENS, TRY, LATENCY),
        _("Learn"): (LEARN, SELF_CHECK),
        _("Machine"): (MACHINE, STORAGE),
    }
    return {name: [page(place) for place in places] for name, places in groups.items()}


def go(place: str, **parameters: str) -> NoReturn:
    """Leave for another page; `parameters` become its address."""
    st.switch_page(page(place), query_params=spoken.of_address() | parameters)


def link(place: str, label: str, *, icon: str | None = None, help: str | None = None, **parameters: str) -> None:
    """A real link, so that it opens in a new tab as well."""
    address = spoken.of_address() | parameters
    st.page_link(page(place), label=label, icon=icon, help=help, query_params=address or None)
