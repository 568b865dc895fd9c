"""The words of data sets: state, form, size and shape, said the same on every page."""

from __future__ import annotations

import time
from pathlib import PurePath

import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.language import _, counted, marked
from distill_core.progress import pace_of
from distill_core.shelf import DataSet, Form, Part, ReadingState
from pages.ui import words
from pages.ui.words import Colour

STATES: dict[ReadingState, tuple[str, str, Colour]] = {
    "reading": (marked("reading"), ":material/progress_activity:", "blue"),
    "ready": (marked("ready"), ":material/check_circle:", "green"),
    "failed": (marked("failed"), ":material/error:", "red"),
}
FORMS: dict[Form, tuple[str, str]] = {
    "images": (marked("images"), ":material/image:"), "text": (marked("texts"), ":material/article:"),
    "arrays": (marked("arrays"), ":material/grid_on:"),
}
TASKS = {
    "classification": marked("tell the class"), "tagging": marked("tell the class of every step"),
    "regression": marked("tell a number"),
}
PARTS: dict[Part, str] = {"train": marked("training"), "test": marked("test"), "unlabelled": marked("unlabelled")}
# What one step of reading is counted in.
PIECES: dict[Form, str] = {"images": marked("images"), "text": marked("rows"), "arrays": marked("samples")}


def badge(data_set: DataSet) -> None:
    word, icon, colour = STATES[data_set.state]
    st.badge(_(word), icon=icon, color=colour)


def shape_words(data_set: DataSet) -> str:
    """One sample in words, such as 32 × 32 pixels, 3 channels; empty until it is known."""
    sizes = data_set.shape
    if data_set.kind == "image" and len(sizes) == 3:
        channels = counted("{number} channel", "{number} channels", sizes[0])
        return _("{height} × {width} pixels, {channels}").format(height=sizes[1], width=sizes[2], channels=channels)
    if data_set.kind == "sequence" and len(sizes) == 2:
        return _("{steps} of {features}").format(
            steps=counted("{number} step", "{number} steps", sizes[0]),
            features=counted("{number} feature", "{number} features", sizes[1]),
        )
    if data_set.kind == "text" and len(sizes) == 1:
        return counted("at most {number} word", "at most {number} words", sizes[0])
    if data_set.kind == "table" and len(sizes) == 1:
        return counted("{number} feature", "{number} features", sizes[0])
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
    parts = [_(FORMS[data_set.form][0])]
    if data_set.state == "ready":
        parts += [f"{number:,} {_(PARTS[part])}" for part, number in sizes_of(data_set).items()]
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
    pieces = _(PIECES[data_set.form])
    if pace.share is None:
        st.progress(0.0, text=_("Looking through {file_name} …").format(file_name=markdown_text(data_set.file_name)))
        return
    facts = [_("{done:,} of {total:,} {pieces}").format(done=data_set.done, total=data_set.total, pieces=pieces)]
    if pace.per_second is not None:
        facts.append(_("{rate} a second").format(rate=words.rate(pace.per_second)))
    if pace.remaining_seconds is not None:
        facts.append(_("{duration} left").format(duration=words.duration(pace.remaining_seconds)))
    if data_set.bad:
        facts.append(_("{number:,} left out").format(number=data_set.bad))
    st.progress(pace.share, text=" · ".join(facts))
