"""The answers to one sample: who says what, how sure, how fast; a slider softens the probabilities without asking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from distill_core.charts.names import lineage_name, markdown_text, plain_name
from distill_core.charts.variants import series_styles
from distill_core.evaluation.soft_labels import soft_labels, top_guesses
from distill_core.language import _, counted, marked, told
from distill_core.rows import ExperimentView, RunRow
from distill_core.signature import NO_LABEL, PADDING
from distill_core.trying import Answer, Offer, Refusal, Sample
from pages.trying import sentences
from pages.ui import words
from pages.ui.replies.cards import Bar, Card, show_cards
from pages.ui.results import theme
from pages.ui.rivals import told_apart

MOST_BARS = 5
MOST_STEPS = 200
TEMPERATURE_HELP = marked(
    "Probabilities are softmax(logits / T). At 1 they are the model's own; higher values show what it thinks of the "
    "other classes, which is what a student learns from."
)
LATENCY_HELP = marked(
    "Beside each answer: the time of this one call of ONNX Runtime, one sample on one thread of the server. It varies "
    "from call to call; the experiment's page has measured latencies with their conditions."
)


def names_of(runs: Sequence[RunRow]) -> dict[str, str]:
    """A name for each run by its id, with its seed only where a variant is there more than once."""
    several = len({(run.role, run.name) for run in runs}) < len(runs)
    return told_apart({run.run_id: lineage_name(run.label if several else run.name, 64) for run in runs})


def answered(replies: Sequence[Answer | Refusal]) -> list[Answer]:
    return [reply for reply in replies if isinstance(reply, Answer)]


def classes(
    view: ExperimentView, offer: Offer, runs: Sequence[RunRow], sample: Sample, replies: Sequence[Answer | Refusal]
) -> tuple[dict[str, str], str | None]:
    """What each model that answered says, by its name; and the class that the test set gives the sample."""
    names = names_of(runs)
    said = {
        names[one.run_id]: view.class_names[int(one.output.argmax())] for one in answered(replies)
        if np.isfinite(one.output).all()
    }
    truth = None if sample.test_index is None else offer.label_of(sample.test_index)
    return said, None if truth is None or int(truth) == NO_LABEL else view.class_names[int(truth)]


@st.fragment(key="replies")
def show_replies(
    view: ExperimentView, offer: Offer, runs: Sequence[RunRow], sample: Sample, replies: Sequence[Answer | Refusal]
) -> None:
    """Cards, a sentence and, of steps and several values, a table."""
    truth = None if sample.test_index is None else offer.label_of(sample.test_index)
    names = names_of(runs)
    given = answered(replies)
    temperature = 1.0
    if view.task != "regression":
        temperature = st.slider(
            _("Temperature T"), 1.0, 20.0, 1.0, 0.5, key="t", bind="query-params", help=_(TEMPERATURE_HELP),
        )
    sentence = _sentence(view, offer, sample, given, names, truth)
    if sentence:
        st.markdown(f"**{markdown_text(sentence)}**", help=_(LATENCY_HELP))
    looks = series_styles(view.runs, theme())
    shown = _Shown(view, truth, counted_steps(sample, offer, truth), temperature)
    show_cards([
        shown.card(run, reply, name=names[run.run_id], colour=looks[run.run_id]["color"])
        for run, reply in zip(runs, replies, strict=True)
    ], key="cards")
    if given and view.task == "tagging":
        _steps(view, offer, sample, given, names, truth, temperature)
    elif given and view.task == "regression" and len(view.class_names) > 1:
        _values(view, given, names, truth)


def counted_steps(
    sample: Sample, offer: Offer, truth: NDArray[np.generic] | None
) -> NDArray[np.bool_]:
    """Which steps of a tagging count: those with a label, or, without any, all but a text's padding."""
    if truth is not None:
        return np.asarray(truth != NO_LABEL)
    if offer.facts.signature.kind == "text":
        return np.asarray(sample.inputs != PADDING)
    return np.ones(offer.facts.signature.shape[0], dtype=bool)


def _sentence(
    view: ExperimentView, offer: Offer, sample: Sample, given: Sequence[Answer], names: dict[str, str],
    truth: NDArray[np.generic] | None,
) -> str:
    if not given:
        return ""
    if view.task == "regression":
        return sentences.value_sentence({names[one.run_id]: one.output for one in given}, view.class_names, truth=truth)
    chosen = {names[one.run_id]: one.output.argmax(axis=-1) for one in given}
    if view.task == "tagging":
        return sentences.step_sentence(chosen, counted_steps(sample, offer, truth))
    known = None if truth is None or int(truth) == NO_LABEL else int(truth)
    return sentences.class_sentence({name: int(k) for name, k in chosen.items()}, view.class_names, truth=known)


@dataclass(frozen=True, eq=False)
class _Shown:
    """What all cards of a sample share."""

    view: ExperimentView
    truth: NDArray[np.generic] | None
    counted: NDArray[np.bool_]
    temperature: float

    def card(self, run: RunRow, reply: Answer | Refusal, *, name: str, colour: str) -> Card:
        size = _("{network}, {parameters} parameters").format(
            network=run.architecture, parameters=words.count(run.parameters),
        )
        role = words.ROLES[run.role]
        empty = Card(name=name, colour=colour, sub=size if name == role else f"{_(role)} · {size}")
        if isinstance(reply, Refusal):
            return replace(empty, answer=_("no answer"), side=told(reply.sentence))
        timed = replace(empty, foot=_(
            "{latency} for this answer"
        ).format(latency=words.milliseconds(reply.milliseconds)))
        if not np.isfinite(reply.output).all():
            return replace(timed, answer=_("no answer"), side=_("Its answer is not a number."))
        if self.view.task == "regression":
            return self._of_values(timed, reply)
        return self._of_steps(timed, reply) if self.view.task == "tagging" else self._of_classes(timed, reply)

    def _of_classes(self, card: Card, reply: Answer) -> Card:
        guesses = top_guesses(reply.output, temperature=self.temperature, most=MOST_BARS)
        known = None if self.truth is None or int(self.truth) == NO_LABEL else int(self.truth)
        judged = "" if known is None else _(" · right") if guesses[0].place == known else _(" · wrong")
        names = self.view.class_names
        return replace(
            card, answer=plain_name(names[guesses[0].place]), side=f"{_percent(guesses[0].share)}{judged}",
            bars=tuple(
                Bar(plain_name(names[one.place]), 100 * one.share, _percent(one.share), one.place == known)
                for one in guesses
            ),
        )

    def _of_steps(self, card: Card, reply: Answer) -> Card:
        total = int(self.counted.sum())
        if self.truth is None:
            return replace(card, answer=counted("{number} step", "{number} steps", total), side=_("labelled below"))
        right = int(((reply.output.argmax(axis=-1) == self.truth) & self.counted).sum())
        return replace(card, answer=_("{right} of {total}").format(right=right, total=total), side=_("steps right"))

    def _of_values(self, card: Card, reply: Answer) -> Card:
        if len(reply.output) > 1:
            return replace(
                card, answer=counted("{number} value", "{number} values", len(reply.output)),
                side=_("in the table below"),
            )
        value, true = float(reply.output[0]), None if self.truth is None else float(np.asarray(self.truth).ravel()[0])
        side = ""
        if true is not None and np.isfinite(true):
            side = _("true {true:.4g}, off by {error:.3g}").format(true=true, error=abs(value - true))
        return replace(card, answer=f"{value:.4g}", side=side)


def _percent(share: float) -> str:
    """Never 100% of what is not quite certain, nor 0% of what is possible."""
    return ">99.9%" if 0.9995 <= share < 1 else "<0.1%" if 0 < share < 0.0005 else f"{100 * share:.1f}%"


def _steps(
    view: ExperimentView, offer: Offer, sample: Sample, given: Sequence[Answer], names: dict[str, str],
    truth: NDArray[np.generic] | None, temperature: float,
) -> None:
    """A row a step: its word or place, the true label, and each network's with its probability."""
    steps = np.flatnonzero(counted_steps(sample, offer, truth))
    columns: dict[str, list[str]] = {}
    if offer.facts.words:
        columns["word"] = [plain_name(offer.facts.words[int(sample.inputs[step])]) for step in steps[:MOST_STEPS]]
    if truth is not None:
        columns["true"] = [plain_name(view.class_names[int(truth[step])]) for step in steps[:MOST_STEPS]]
    for one in given:
        shares = soft_labels(one.output, temperature=temperature)
        columns[one.run_id] = [
            f"{plain_name(view.class_names[int(place)])} · {_percent(float(shares[step, place]))}"
            for step in steps[:MOST_STEPS] for place in [shares[step].argmax()]
        ]
    titles = {"word": _("Word"), "true": _("True label")} | {one.run_id: names[one.run_id] for one in given}
    frame = pd.DataFrame(columns, index=pd.Index(steps[:MOST_STEPS], name="step"))
    st.dataframe(
        frame, key="steps", width="stretch", alt=_("Label of each step by each model"),
        column_config={
            key: st.column_config.TextColumn(title, help=_(
                "The label and its probability."
            ) if key not in ("word", "true")
                                             else _("Of the test sample.")) for key, title in titles.items()
        },
    )
    if len(steps) > MOST_STEPS:
        st.caption(_("The first {most_steps} of {count} steps.").format(most_steps=MOST_STEPS, count=len(steps)))


def _values(
    view: ExperimentView, given: Sequence[Answer], names: dict[str, str], truth: NDArray[np.generic] | None
) -> None:
    """A row a value, a column a network."""
    columns = {one.run_id: one.output.astype(np.float64) for one in given}
    if truth is not None:
        columns = {"true": np.asarray(truth, dtype=np.float64), **columns}
    frame = pd.DataFrame(columns, index=pd.Index([plain_name(name) for name in view.class_names], name="value"))
    st.dataframe(
        frame, key="values", width="stretch", alt=_("Each value by each model"),
        column_config={
            key: st.column_config.NumberColumn(
                names.get(key, "True value"), format="%.4g", help=_("In the data's units."),
            )
            for key in columns
        },
    )
