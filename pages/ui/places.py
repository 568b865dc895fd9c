"""Where every page lives: its file, its address and its name in the navigation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import streamlit as st

from distill_core.language import _, marked
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
SWEEPS, SWEEP, NEW_SWEEP = "sweeps", "sweep", "new-sweep"


@dataclass(frozen=True)
class _Place:
    """One page: its file below pages/, what the navigation says of it, and whether it stands there."""

    file: str
    title: str
    icon: str
    help: str
    hidden: bool = False


_PLACES = {
    # The list lies at the root; its name as an address must lead there too.
    EXPERIMENTS: _Place(
        "experiments/overview.py", marked("Experiments"), ":material/science:",
        marked("All experiments, newest first."), hidden=True,
    ),
    HOME: _Place(
        "experiments/overview.py", marked("Experiments"), ":material/science:",
        marked("All experiments, newest first."),
    ),
    NEW: _Place(
        "experiments/design.py", marked("New experiment"), ":material/add_circle:",
        marked("Choose data, teacher, students and budget, see what they cost, start."),
    ),
    SWEEPS: _Place(
        "sweeps/sweeps.py", marked("Sweeps"), ":material/grid_on:",
        marked("Whole maps of settings: temperature by weight, and whatever else may matter."),
    ),
    NEW_SWEEP: _Place(
        "sweeps/new_sweep.py", marked("New sweep"), ":material/grid_on:",
        marked("Choose what varies, see what it costs, start."), hidden=True,
    ),
    SWEEP: _Place(
        "sweeps/sweep.py", marked("Sweep"), ":material/grid_on:",
        marked("One sweep: its map, the best so far, every trial."), hidden=True,
    ),
    QUEUE: _Place(
        "experiments/queue.py", marked("Queue"), ":material/low_priority:",
        marked("What runs on each device and what waits, in which order."),
    ),
    DATA: _Place(
        "data/library.py", marked("Data"), ":material/dataset:",
        marked("Bring your own images, texts or arrays, and see what else there is to learn from."),
    ),
    DATA_SET: _Place(
        "data/data_set.py", marked("Data set"), ":material/dataset:",
        marked("One data set of yours: samples, classes, problems."), hidden=True,
    ),
    COMPRESS: _Place(
        "experiments/compress.py", marked("Compress"), ":material/compress:",
        marked("Make what an experiment trained smaller and faster."), hidden=True,
    ),
    REPORT: _Place(
        "report/report.py", marked("Report"), ":material/description:",
        marked("One file for whoever decides: answer, charts, limits, how to repeat it."), hidden=True,
    ),
    COMPARE: _Place(
        "compare/runs.py", marked("Compare"), ":material/compare_arrows:",
        marked("Runs of several experiments side by side."),
    ),
    TRY: _Place(
        "trying/ask.py", marked("Try it"), ":material/draw:",
        marked("Draw, upload or pick a sample; all models of an experiment answer side by side."),
    ),
    LENS: _Place(
        "lens/lens.py", marked("Lens"), ":material/lens_blur:",
        marked("What a teacher knows beyond the label: soft labels at any temperature, epoch by epoch."),
    ),
    LATENCY: _Place(
        "latency/lab.py", marked("Latency lab"), ":material/timer:",
        marked("How fast exported models are, here and on other machines."),
    ),
    MACHINE: _Place(
        "machine/doctor.py", marked("Machine"), ":material/memory:",
        marked("Devices, threads, versions and free disk."),
    ),
    EVIDENCE: _Place(
        "evidence/evidence.py", marked("Evidence"), ":material/fact_check:",
        marked("What stands behind an experiment's verdict."), hidden=True,
    ),
    LEARN: _Place(
        "learn/lessons.py", marked("Lessons"), ":material/school:",
        marked("Short lessons on real experiments, to read or to show a class."),
    ),
    STORAGE: _Place(
        "machine/storage.py", marked("Storage"), ":material/hard_drive:",
        marked("What takes how much of the disk, the trash, and backups."),
    ),
    AUDIT: _Place(
        "machine/audit.py", marked("Audit log"), ":material/policy:",
        marked("Who did what, and when."), hidden=True,
    ),
    SELF_CHECK: _Place(
        "machine/self_check.py", marked("Self-check"), ":material/fact_check:",
        marked("Our losses against published reference values."),
    ),
    EXPERIMENT: _Place(
        "experiments/detail.py", marked("Experiment"), ":material/monitoring:",
        marked("One experiment: live curves, verdict, runs."), hidden=True,
    ),
}


def page(place: str) -> st.Page:
    """The page object of a place; Streamlit knows pages by their address, so equal ones are the same page."""
    one = _PLACES[place]
    return st.Page(
        FOLDER / one.file, title=_(one.title), icon=one.icon, url_path=place, default=place == HOME,
        visibility="hidden" if one.hidden else "visible", help=_(one.help),
    )


def sections() -> dict[str, list[st.Page]]:
    """Every page of the application in the groups of the navigation; those without a group's name stand first."""
    groups = {
        "": (
            HOME, NEW, SWEEPS, QUEUE, DATA, AUDIT, EXPERIMENT, EVIDENCE, REPORT, COMPRESS, DATA_SET, EXPERIMENTS, SWEEP,
            NEW_SWEEP,
        ),
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
