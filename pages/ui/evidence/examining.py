"""What panels show that need networks run once more: what was found, how it goes, or the offer to begin."""

from __future__ import annotations

from typing import TypeVar

import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.errors import LabError
from distill_core.examined import Examined, Network, is_stale
from distill_core.language import _, told
from distill_core.progress import step_share
from distill_core.rows import ExperimentView
from pages.ui import account, address, words
from pages.ui.session import lab, watched

E = TypeVar("E", bound=Examined)
STEP = "examination"


def found_or_offer(view: ExperimentView, kind: type[E], *, leads: bool = False) -> E | None:
    """What was found out about one question, with its limits told; otherwise how it can be, and None.

    The panel that `leads` its group has the choice of a seed and says in full what an examination is.
    """
    part, identity = kind.part, view.row.experiment_id
    seeds = lab().examinations.can_be_examined(view)
    if not seeds:
        st.info(_("There is no trained student to examine yet."), icon=":material/hourglass:")
        return None
    seed = _seed(seeds, identity, leads=leads)
    underway = lab().examinations.is_underway(identity)
    found = lab().examinations.of(identity, kind, seed=seed)
    if underway and (found is None or is_stale(found, view.runs)):
        _progress(identity, part)
        return None
    if found is None:
        _offer(view, part, seed, leads=leads)
        return None
    if is_stale(found, view.runs):
        st.warning(
            _("These networks were trained further since they were examined; what is shown is of before."),
            icon=":material/history:",
        )
        _button(view, part, seed)
    if found.absent:
        st.info(markdown_text(told(found.absent)), icon=":material/do_not_disturb_on:")
        return None
    return found


def show_limits(found: Examined) -> None:
    """Under a chart: whose seed it is, and what could not be looked at."""
    parts = [_("Seed {seed}; examined in {seconds}.").format(
        seed=found.seed, seconds=words.duration(max(1.0, found.seconds))
    )]
    parts += [told(note) for note in found.notes]
    st.caption(markdown_text(" ".join(parts)))


def made_here(found: Examined) -> Network | None:
    """The int8 file that nobody ships, if the examination had to make one."""
    return next((one for one in found.networks if one.made_here), None)


def _seed(seeds: tuple[int, ...], identity: str, *, leads: bool) -> int:
    """The seed in the address; those examined come first to mind."""
    there = lab().examinations.seeds(identity)
    default = next((str(seed) for seed in there if seed in seeds), str(seeds[0]))
    choices = [str(seed) for seed in seeds]
    if len(choices) == 1:
        return seeds[0]
    told_seed = st.query_params.get("seed", default)
    if not leads:
        return int(told_seed if told_seed in choices else default)
    address.read("seed", default=[default], allowed=choices, single=True)
    chosen: str = st.selectbox(
        _("Seed"), choices, key="seed", width=160, help=_("Whose networks are shown; one seed is examined at a time."),
    ) or default
    address.write("seed", [chosen], default=[default])
    return int(chosen)


def _offer(view: ExperimentView, part: str, seed: int, *, leads: bool) -> None:
    """The empty state: what it takes, and the button."""
    if view.row.state in words.ACTIVE:
        st.info(
            _("The networks can be examined once the experiment has ended."), icon=":material/hourglass:",
        )
        return
    if trouble := _trouble(view):
        st.warning(markdown_text(told(trouble)), icon=":material/warning:")
    if leads:
        seconds = words.duration(_rounded(lab().examinations.estimate_seconds(view)))
        st.markdown(markdown_text(_(
            "This cannot be read off saved answers: the networks are run once more. The teacher, the student alone, "
            "the best distilled ones and an int8 file are examined side by side, in the background, in about {time}; "
            "nothing is trained and no result changes."
        ).format(time=seconds)))
    _button(view, part, seed)


def _button(view: ExperimentView, part: str, seed: int) -> None:
    mine = account.may_change(view.row.owner)
    st.button(
        _("Examine the networks"), key=f"examine-{part}", icon=":material/biotech:", on_click=_request,
        args=(view.row.experiment_id, seed), disabled=not mine or view.row.state in words.ACTIVE,
        help=_("All panels on robustness and on the inside of networks are filled at once.") if mine
        else account.why_not(view.row.owner),
    )


def _request(experiment_id: str, seed: int) -> None:
    """A press that came too late is told in a sentence."""
    try:
        lab().examinations.request(experiment_id, seed=seed)
    except LabError as error:
        st.toast(markdown_text(told(error.sentence)), icon=":material/info:")


def _rounded(seconds: float) -> float:
    """An estimate must not look exact."""
    step = 5 if seconds < 60 else 30
    return max(step, step * round(seconds / step))


def _trouble(view: ExperimentView) -> str:
    """Why the last examination came to nothing, if it was the last thing that was told."""
    last = next((note for note in reversed(view.notes) if note.level != "info"), None)
    return last.text if last is not None and last.text.startswith("The examination ") else ""


def _progress(experiment_id: str, part: str) -> None:
    """Follows by itself, and draws the page anew at the end."""

    @st.fragment(run_every="2s", key=f"examining-{part}")
    def follow() -> None:
        if not lab().examinations.is_underway(experiment_id):
            st.rerun()
        view = watched(experiment_id)
        step = next((one for one in view.steps if one.step == STEP), None)
        if view.row.state == "queued" or step is None or not step.total or step.state != "running":
            st.progress(0.0, text=_("The examination waits for its device, or is starting …"))
        else:
            st.progress(
                step_share(step),
                text=_("Examining the networks: {done} of {total} looks").format(done=step.done, total=step.total),
            )

    follow()
