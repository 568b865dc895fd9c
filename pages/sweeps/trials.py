"""The best trial, and the one that its reader opened: figures by seed, what it costs, where it leads."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.charts.sweep_axes import values_in_words
from distill_core.charts.sweep_figures import STATE_WORDS, interval_words, metric_of, told_apart, trial_title
from distill_core.charts.sweep_front import best_in_words
from distill_core.language import _, counted, told
from distill_core.sweep_rows import SweepResults, TrialResult, TrialState
from pages.sweeps.figure import TRIAL
from pages.ui import address, places, words

_BADGES: dict[TrialState, tuple[str, words.Colour]] = {
    "waiting": (":material/schedule:", "gray"), "training": (":material/play_circle:", "blue"),
    "finished": (":material/check_circle:", "green"), "pruned": (":material/content_cut:", "gray"),
    "refused": (":material/do_not_disturb_on:", "gray"), "failed": (":material/error:", "red"),
    "stopped": (":material/pause_circle:", "orange"),
}


def chosen_trial(results: SweepResults) -> int | None:
    """The trial that the address names; asked before anything is drawn that shows it."""
    numbers = {trial.number for trial in results.trials}
    if TRIAL not in st.session_state:
        asked = st.query_params.get(TRIAL, "")
        st.session_state[TRIAL] = int(asked) - 1 if asked.isdecimal() and int(asked) - 1 in numbers else None
    elif st.session_state[TRIAL] not in numbers:
        st.session_state[TRIAL] = None
    return st.session_state[TRIAL]


def choose_trial(results: SweepResults) -> int | None:
    """A chooser beside the figure, for whoever cannot press a cell."""
    by_number = {trial.number: trial for trial in results.trials}
    number = st.selectbox(
        _("Trial"), list(by_number), key=TRIAL, index=None, placeholder=_("Press a cell, or choose one here"),
        format_func=lambda one: _("{number}: {values}").format(
            number=one + 1, values=values_in_words(by_number[one].values)
        ),
        help=_("Opens a trial below, with its seeds and the way to its experiment."),
    )
    address.write(TRIAL, [] if number is None else [str(number + 1)])
    return number


def show_best(results: SweepResults) -> None:
    """The best by validation, its test figure beside it, and how sure one may be."""
    with st.container(border=True, key="card-best-trial"):
        st.header(_("Best so far") if results.row.going else _("Best trial"), anchor=False, help=_(
            "The trial with the best mean validation figure that keeps to the limits. Test data chose nothing."
        ))
        best = next((trial for trial in results.trials if trial.number == results.best), None)
        if best is None:
            st.caption(
                _("No trial has finished a run yet.") if results.row.going
                else _("No trial came to a figure within the limits.")
            )
            return
        st.markdown(f"**{markdown_text(trial_title(best))}**: {markdown_text(values_in_words(best.values))}")
        _figures(best, results)
        st.caption(markdown_text(_sureness(results)))
        _ways(best, results, key="best", fresh=not results.row.going)


def _sureness(results: SweepResults) -> str:
    """What the map shows, and what it does not."""
    trials = sum(trial.validation.mean is not None for trial in results.trials)
    parts = []
    if (found := told_apart(results)) is not None and found[1]:
        parts.append(_(
            "Compared seed by seed, {same} of {others} other trials cannot be told from it: what looks better "
            "there may be the noise of seeds."
        ).format(same=found[1], others=sum(found)))
    elif found is not None:
        parts.append(counted(
            "Compared seed by seed, it is better than the {number} other trial.",
            "Compared seed by seed, it is better than each of the {number} other trials.", found[0],
        ))
    elif trials > 1:
        parts.append(_("With one seed each, no trial can be told from another."))
    if trials > 1:
        parts.append(counted(
            "As the best of {number} it is partly lucky; fresh seeds tell what it is worth.",
            "As the best of {number} it is partly lucky; fresh seeds tell what it is worth.", trials,
        ))
    return " ".join(parts)


def show_trial(results: SweepResults, number: int) -> None:
    """Everything of one trial."""
    trial = next((one for one in results.trials if one.number == number), None)
    if trial is None:
        return
    icon, colour = _BADGES[trial.state]
    with st.container(border=True, key="card-one-trial"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.header(markdown_text(trial_title(trial)), anchor=False, width="content")
            st.badge(_(STATE_WORDS[trial.state]), icon=icon, color=colour)
        st.markdown(markdown_text(values_in_words(trial.values)))
        if trial.twins:
            st.caption(markdown_text(counted(
                "{number} other combination comes to the same student and is not trained again.",
                "{number} other combinations come to the same student and are not trained again.", len(trial.twins),
            )))
        for sentence in filter(None, (trial.reason, *trial.limits_broken)):
            st.caption(f":material/info: {markdown_text(told(sentence))}")
        if trial.validation.mean is not None:
            _figures(trial, results)
            st.table(_by_seed(trial, results), border="horizontal", alt=_("Figures of this trial by seed"))
        _ways(trial, results, key="trial", fresh=False)


def _figures(trial: TrialResult, results: SweepResults) -> None:
    metric = metric_of(results)
    alone = next((one for one in results.alone if trial.number in one.trials), None)
    rows = {
        _("Validation"): interval_words(trial.validation, metric), _("Test"): interval_words(trial.test, metric),
        _("Gain"): interval_words(trial.gain, metric, signed=True),
    }
    if alone is not None and alone.test.mean is not None:
        rows[_("Alone, test")] = interval_words(alone.test, metric)
    st.markdown("  \n".join(f"{name}: **{markdown_text(text)}**" for name, text in rows.items() if text != "–"), help=_(
        "Means over seeds with 95% intervals. Gain: test figure over the same student trained alone, seed by seed."
    ))
    if costs := best_in_words(results, trial):
        st.caption(markdown_text(costs))


def _by_seed(trial: TrialResult, results: SweepResults) -> pd.DataFrame:
    metric = metric_of(results)

    def value(figure: float | None) -> str:
        return "–" if figure is None else metric.value(figure)

    return pd.DataFrame({
        # As text, or the table would take its first column for a mere count of rows.
        _("Seed"): [f"{one.seed}" for one in trial.seeds],
        _("Validation"): [value(one.validation) for one in trial.seeds],
        _("Test"): [value(one.test) for one in trial.seeds],
        _("Gain"): ["–" if one.gain is None else metric.signed(one.gain) for one in trial.seeds],
    }).set_index(_("Seed"))


def _ways(trial: TrialResult, results: SweepResults, *, key: str, fresh: bool) -> None:
    """To its experiment, and to a new one."""
    told_as = {"sweep": results.row.sweep_id, "trial": str(trial.number + 1)}
    with st.container(horizontal=True, gap="small"):
        if trial.experiment_id and st.button(
            _("Open its experiment"), key=f"{key}-open", icon=":material/science:",
            help=_("Curves, verdicts and files of the runs that this trial consists of."),
        ):
            places.go(places.EXPERIMENT, id=trial.experiment_id)
        if trial.state != "refused" and st.button(
            _("As an experiment"), key=f"{key}-new", icon=":material/add_circle:",
            help=_("Opens these settings in the form. Every run of it that is trained is reused, not trained again."),
        ):
            places.go(places.NEW, **told_as)
        if fresh and len(results.trials) > 1 and st.button(
            _("Confirm with fresh seeds"), key=f"{key}-fresh", icon=":material/verified:",
            help=_("The same settings with seeds that chose nothing: what they say is not flattered by the choice."),
        ):
            places.go(places.NEW, fresh="1", **told_as)
