"""What a reader of a lesson can move; every position shows figures of networks that were really trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from distill_core.charts.descent import change
from distill_core.charts.gains import gains
from distill_core.charts.mixtures import mixtures
from distill_core.charts.names import lineage_name, markdown_text, plain_name
from distill_core.charts.retold import retold
from distill_core.charts.units import milliseconds, size
from distill_core.evaluation.verdict import paired_verdict
from distill_core.language import _, counted, told
from distill_core.lessons.lesson import Control
from distill_core.lessons.outcome import Outcome, by_temperature, by_weight, points, share
from distill_core.lessons.staircase import line_shown
from pages.learn.taught import Taught
from pages.ui import address, results, verdicts
from pages.ui.lens.component import ALL_CONTROLS, show_lens
from pages.ui.lens.component import Control as LensControl
from pages.ui.presenting import enlarged, is_presenting
from pages.ui.session import lab

ALL = "all"
HOTTEST = 50.0
BEFORE_A_CLASS: tuple[LensControl, ...] = ("samples", "temperature", "epochs", "figures")


def show(found: Taught, outcome: Outcome) -> None:
    """The control that the lesson asks for."""
    drawn: Mapping[Control, Callable[[Taught, Outcome], None]] = {
        "lens": _lens, "weights": _weights, "samples": _samples, "seeds": _seeds, "staircase": _staircase,
    }
    drawn[found.lesson.control](found, outcome)


def seed(outcome: Outcome, scores: Sequence[Mapping[int, float]]) -> int | None:
    """One seed to look at, or None for all; in the address, which alone says it before a class."""
    seeds = sorted({one for found in scores for one in found})
    if len(seeds) < 2:
        return None
    if is_presenting():
        asked = _number("seed")
        return asked if asked in seeds else None
    chosen = _choice(
        "seed", _("Seed"), [ALL, *map(str, seeds)], lambda one: _("all seeds") if one == ALL else one,
        help=_("Each seed is the same experiment once more, with other initial weights and another draw of images."),
    )
    return None if chosen == ALL else int(chosen)


def show_figure(figure: go.Figure, *, key: str, alt: str) -> None:
    """To read with its caption and table, or large and bare before a class."""
    if is_presenting():
        st.plotly_chart(
            enlarged(retold(figure)), theme=None, key=key, alt=alt,
            config={"displayModeBar": False, "responsive": True},
        )
    else:
        results.show_chart(figure, key=key, file_name=key, alt=alt)


def _choice(key: str, label: str, options: list[str], say: Callable[[str], str], *, help: str) -> str:
    """Buttons side by side; what was chosen is in the address, the first is left out."""
    address.read(key, default=options[:1], allowed=options, single=True)
    if st.session_state.get(key) not in options:
        # Another experiment has other options.
        st.session_state[key] = options[0]
    chosen = str(st.segmented_control(label, options, key=key, format_func=say, required=True, wrap=True, help=help))
    address.write(key, [chosen], default=options[:1])
    return chosen


def _slid(key: str, label: str, options: list[str], say: Callable[[str], str], *, first: str, help: str) -> str:
    address.read(key, default=[first], allowed=options, single=True)
    if st.session_state.get(key) not in options:
        st.session_state[key] = first
    chosen = str(st.select_slider(label, options, key=key, format_func=say, help=help))
    address.write(key, [chosen], default=[first])
    return chosen


def _lens(found: Taught, outcome: Outcome) -> None:
    """It keeps sample, temperature, epoch and seed in the address by itself."""
    show_lens(
        outcome.view.row.experiment_id, key=f"lens-{found.lesson.name}", sample=_number("sample"),
        temperature=_temperature(found.lesson.temperature), class_name=found.lesson.shown_class,
        controls=BEFORE_A_CLASS if is_presenting() else ALL_CONTROLS, seed=_number("seed"), epoch=_number("epoch"),
        in_address=True, large=is_presenting(), networks=_few(outcome) if is_presenting() else (),
    )


def _few(outcome: Outcome) -> list[str]:
    """As many networks as the last row can read: the teacher, the leading student, and the same one alone."""
    leads = lab().leading(outcome.view)
    beside = [leads[0].baseline, leads[0].student] if leads else []
    return [*(run.name for run in outcome.view.teachers[:1]), *beside]


def _number(name: str) -> int | None:
    asked = st.query_params.get(name, "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else None


def _temperature(default: float) -> float:
    """Of the address if it is one that the lens knows."""
    try:
        asked = float(st.query_params.get("t", ""))
    except ValueError:
        return default
    return asked if 1.0 <= asked <= HOTTEST else default


def _figures(outcome: Outcome, name: str, *, beside: str, only: int | None) -> None:
    """Accuracy, NLL and agreement of a variant, and how far that is from another."""
    runs = [run for run in outcome.runs_of(name) if only in (None, run.seed)]
    others = [run for run in outcome.runs_of(beside) if only in (None, run.seed)]
    if not runs:
        st.info(_("No run has been tested yet."), icon=":material/hourglass:")
        return

    def mean(of: Sequence[Any], field: str) -> float | None:
        known = [value for run in of if (value := getattr(run, field)) is not None]
        return fmean(known) if known else None

    with st.container(horizontal=True, gap="large"):
        accuracy, before = mean(runs, "accuracy"), mean(others, "accuracy")
        gain = points(accuracy - before) if accuracy is not None and before is not None and name != beside else None
        st.metric(
            _("Test accuracy"), share(accuracy), delta=_("{points} points").format(points=gain) if gain else None,
            help=_("Mean over the seeds; the difference is to “{name}”.").format(name=plain_name(beside)),
            width="content",
        )
        for field, title, words in (
            ("nll", _("NLL"), _("How surprised it is by the true labels, in nats; smaller is better.")),
            ("ece", _("ECE"), _("How far its certainty is from how often it is right; smaller is better.")),
        ):
            value = mean(runs, field)
            st.metric(
                title, "–" if value is None else share(value) if field == "ece" else f"{value:.3f}", help=words,
                width="content",
            )
        agreement = mean(runs, "agreement")
        if agreement is not None:
            st.metric(
                _("Agrees with the teacher"), share(agreement), width="content",
                help=_("Share of the test samples on which both name the same class."),
            )


def _weights(found: Taught, outcome: Outcome) -> None:
    names = by_weight(outcome.spec)
    by_key = {f"{100 * one:g}": (one, name) for one, name in names.items()}
    middle = min(by_key, key=lambda key: abs(by_key[key][0] - 0.5))
    only = seed(outcome, [outcome.scores(name) for name in names.values()])
    key = _slid(
        "weight", _("Weight of the teacher"), list(by_key), lambda one: f"{one}%", first=middle,
        help=_("The rest is the weight of the labels. Each position is a student of its own."),
    )
    weight, name = by_key[key]
    st.latex(rf"\mathcal{{L}} = {1 - weight:g} \cdot \mathrm{{CE}} + {weight:g} \cdot T^2 \, \mathrm{{KL}}")
    _figures(outcome, name, beside=outcome.baseline(), only=only)
    figure = mixtures(
        {f"{key}%": outcome.scores(name) for key, (_weight, name) in by_key.items()},
        title=_("Weight of the teacher"), theme=results.theme(), seed=only, chosen=f"{key}%",
        alone=outcome.scores(outcome.baseline()),
    )
    show_figure(
        figure, key="lesson-weights",
        alt=_("Test accuracy against the weight of the teacher, with the student alone"),
    )


def _samples(found: Taught, outcome: Outcome) -> None:
    students = [student.name for student in outcome.spec.students if outcome.runs_of(student.name)]
    only = seed(outcome, [outcome.scores(name) for name in students])
    chosen = int(_choice(
        "of", _("What the student learns from"), [str(place) for place in range(len(students))],
        lambda place: plain_name(students[int(place)], 48), help=_("Three students, equal but for this."),
    ))
    seen = next((run.samples_seen for run in outcome.runs_of(students[chosen]) if run.samples_seen), "")
    if seen:
        st.markdown(_("It learns from {samples}.").format(samples=markdown_text(told(seen))))
    _figures(outcome, students[chosen], beside=students[max(chosen - 1, 0)], only=only)


def _seeds(found: Taught, outcome: Outcome) -> None:
    """The verdict as it would have been after fewer seeds."""
    shared = sorted(outcome.scores(outcome.baseline()))
    if len(shared) < 2:
        st.info(_("This experiment has one seed only, so there is nothing to count."), icon=":material/info:")
        return
    counts = [str(number) for number in range(1, len(shared) + 1)]
    number = int(_slid(
        "counted", _("Seeds that count"), counts, lambda one: counted("{number} seed", "{number} seeds", int(one)),
        first=counts[-1], help=_("Only the first so many seeds are counted, as if the others had never been run."),
    ))
    some = set(shared[:number])
    judged = [
        paired_verdict(
            {one: score for one, score in outcome.scores(name).items() if one in some},
            {one: score for one, score in outcome.scores(outcome.baseline()).items() if one in some},
            student_name=name, baseline_name=outcome.baseline(),
        )
        for name in by_temperature(outcome.spec).values()
    ]
    for verdict in judged:
        verdicts.show_verdict(verdict)
    show_figure(
        gains(judged, outcome.view.runs, theme=results.theme()), key="lesson-seeds",
        alt=_("Difference from the student alone for the seeds that count, with intervals"),
    )


def _staircase(found: Taught, outcome: Outcome) -> None:
    line = line_shown(outcome.view.runs)
    if line is None:
        st.info(_("No staircase of this experiment was made to its end."), icon=":material/stairs:")
        return
    names = [plain_name(lineage_name(tread.step, 36), 36) for tread in line.treads]
    place = int(_slid(
        "tread", _("Step of the staircase"), [str(number) for number in range(len(names))],
        lambda one: names[int(one)], first="0", help=_("From the trained network to the last that was made of it."),
    ))
    tread, before = line.treads[place], line.treads[max(place - 1, 0)]
    latency, earlier = (one.latency(batch=1, threads=1) for one in (tread, before))
    lost = change(before, tread) if place else None
    smaller = (tread.file_bytes or 0) - (before.file_bytes or 0) if place else 0
    with st.container(horizontal=True, gap="large"):
        st.metric(_("File"), size(tread.file_bytes), width="content", delta_color="inverse",
                  delta=f"{'+' if smaller > 0 else '−'}{size(abs(smaller))}" if smaller else None,
                  help=_("Bytes of the ONNX file, and the change from the step before."))
        st.metric(_("Test accuracy"), share(tread.score), width="content",
                  delta=_("{points} points").format(points=points(lost.mean)) if lost else None,
                  help=_("Of the exported file on the whole test set."))
        if latency is not None:
            slower = latency.p50 - earlier.p50 if earlier is not None and place else 0.0
            st.metric(_("Latency p50"), milliseconds(latency.p50), width="content", delta_color="inverse",
                      delta=f"{slower:+.3g} ms" if slower else None,
                      help=_("Median of one sample on one thread: {machine}.").format(
                          machine=markdown_text(latency.machine)
                      ))
