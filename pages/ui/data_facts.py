"""The words of data sets: state, form, size and shape, said the same on every page."""

from __future__ import annotations

import time
from pathlib import PurePath

import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.progress import pace_of
from distill_core.shelf import DataSet, Form, Part, ReadingState
from pages.ui import words
from pages.ui.words import Colour

STATES: dict[ReadingState, tuple[str, str, Colour]] = {
    "reading": ("reading", ":material/progress_activity:", "blue"),
    "ready": ("ready", ":material/check_circle:", "green"),
    "failed": ("failed", ":material/error:", "red"),
}
FORMS: dict[Form, tuple[str, str]] = {
    "images": ("images", ":material/image:"), "text": ("texts", ":material/article:"),
    "arrays": ("arrays", ":material/grid_on:"),
}
TASKS = {
    "classification": "tell the class", "tagging": "tell the class of every step", "regression": "tell a number",
}
PARTS: dict[Part, str] = {"train": "training", "test": "test", "unlabelled": "unlabelled"}
# What one step of reading is counted in.
PIECES: dict[Form, str] = {"images": "images", "text": "rows", "arrays": "samples"}


def badge(data_set: DataSet) -> None:
    word, icon, colour = STATES[data_set.state]
    st.badge(word, icon=icon, color=colour)


def shape_words(data_set: DataSet) -> str:
    """One sample in words, such as 32 × 32 pixels, 3 channels; empty until it is known."""
    sizes = data_set.shape
    if data_set.kind == "image" and len(sizes) == 3:
        return f"{sizes[1]} × {sizes[2]} pixels, {words.plural(sizes[0], 'channel')}"
    if data_set.kind == "sequence" and len(sizes) == 2:
        return f"{words.plural(sizes[0], 'step')} of {words.plural(sizes[1], 'feature')}"
    if data_set.kind == "text" and len(sizes) == 1:
        return f"at most {words.plural(sizes[0], 'word')}"
    if data_set.kind == "table" and len(sizes) == 1:
        return words.plural(sizes[0], "feature")
    return ""


def classes_of(data_set: DataSet) -> list[str]:
    """Every class of any split, in the data's own order."""
    return list(dict.fromkeys(name for by_class in data_set.class_counts.values() for name in by_class))


def sizes_of(data_set: DataSet) -> dict[Part, int]:
    """Samples of the splits that there are."""
    counts: dict[Part, int] = {
        "train": data_set.train, "test": data_set.test, "unlabelled": data_set.unlabelled,
    }
    return {part: number for part, number in counts.items() if number}


def summary(data_set: DataSet) -> str:
    """One line: what it is, how much, since when; plain text."""
    parts = [FORMS[data_set.form][0]]
    if data_set.state == "ready":
        parts += [f"{number:,} {PARTS[part]}" for part, number in sizes_of(data_set).items()]
        if classes := classes_of(data_set):
            parts.append(words.classes(len(classes)))
    parts += [words.size(data_set.size_bytes), words.ago(data_set.created_at)]
    return " · ".join(parts)


def reason(data_set: DataSet) -> str:
    """Why it failed, with the file's name as its owner knows it instead of the one on the lab's disk; plain text."""
    return data_set.reason.replace(PurePath(str(data_set.choice.params["path"])).name, data_set.file_name)


def show_reading(data_set: DataSet) -> None:
    """How far reading is, from stored counts, so that a reloaded page tells the same."""
    pace = pace_of(data_set.done, data_set.total, started_at=data_set.started_at, now=time.time())
    pieces = PIECES[data_set.form]
    if pace.share is None:
        st.progress(0.0, text=f"Looking through {markdown_text(data_set.file_name)} …")
        return
    told = [f"{data_set.done:,} of {data_set.total:,} {pieces}"]
    if pace.per_second is not None:
        told.append(f"{words.rate(pace.per_second)} a second")
    if pace.remaining_seconds is not None:
        told.append(f"{words.duration(pace.remaining_seconds)} left")
    if data_set.bad:
        told.append(f"{data_set.bad:,} left out")
    st.progress(pace.share, text=" · ".join(told))
