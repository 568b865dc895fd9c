"""One experiment: what it shows, its live curves and, once there, its verdict and figures."""

from __future__ import annotations

import streamlit as st

from distill_core.access import NotAllowed
from distill_core.charts.gains import gains
from distill_core.charts.names import markdown_name, markdown_text, plain_name
from distill_core.errors import Conflict
from distill_core.evaluation.metrics import heading, primary_metric
from distill_core.language import _, marked, told
from distill_core.rows import ExperimentView
from distill_core.signature import Task
from pages.ui import (
    account,
    address,
    answers,
    budget,
    compression_shown,
    corrections_panel,
    exporting,
    family,
    feedback_panel,
    latency_tables,
    notes_panel,
    places,
    plain_code_panel,
    progress,
    queue_line,
    results,
    tables,
    teacher_card,
    undo,
    verdicts,
    words,
)
from pages.ui.lens.opening import lens_button
from pages.ui.live.chosen import curves
from pages.ui.session import lab, watched
from pages.ui.sharing.dialog import share_button

OF_TASK: dict[Task, tuple[str, ...]] = {
    "classification": (marked("Per class"), marked("Confusion")), "tagging": ("Per class", "Confusion"),
    "regression": (marked("Predictions"),),
}

def tab_names(view: ExperimentView) -> tuple[str, ...]:
    compressed = view.spec.compression.chains or any(run.role == "compressed" for run in view.runs)
    first = (marked("Runs"), marked("Compression")) if compressed else ("Runs",)
    return (*first, marked("Trade-off"), *OF_TASK[view.task], marked("ONNX and latency"), marked("Log and settings"))


def act(action: str, experiment_id: str) -> None:
    """Stop or resume; a press that came too late is told in a sentence."""
    try:
        lab().stop(experiment_id) if action == "stop" else lab().resume(experiment_id)
    except (Conflict, NotAllowed) as error:
        st.toast(markdown_text(told(error.sentence)), icon=":material/info:")


def header(view: ExperimentView) -> None:
    """Name, state and what can be done in it."""
    row = view.row
    word, icon, colour = words.state(row.state)
    mine = account.may_change(row.owner)
    places.link(places.HOME, _("All experiments"), icon=":material/arrow_back:")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.title(markdown_name(row.name, 80), anchor=False, width="content")
        st.badge(word, icon=icon, color=colour, help=_("The state of the experiment's background job."))
    with st.container(horizontal=True, gap="small"):
        if row.state in ("queued", "starting", "running", "lost"):
            st.button(_("Stop"), icon=":material/stop_circle:", key="stop", on_click=act, args=(
                "stop", row.experiment_id,
            ),
                      disabled=not mine, help=_(
                          "Saves a checkpoint, tests what is trained and keeps it usable. Resume continues exactly "
                          "there."
                      ) if mine else account.why_not(row.owner))
        if row.state == "stopping":
            st.button(_("Stopping …"), icon=":material/stop_circle:", key="stopping", disabled=True,
                      help=_("The worker saves a checkpoint and tests what it has."))
        if row.state in ("cancelled", "failed"):
            st.button(_("Resume"), icon=":material/play_circle:", key="resume", type="primary", on_click=act,
                      args=("resume", row.experiment_id), disabled=not mine,
                      help=_("Continues from the last checkpoint.") if mine else account.why_not(row.owner))
        if st.button(_("Same as … but"), icon=":material/content_copy:", key="same",
                     help=_(
                         "Opens this experiment's settings to change some. What stays the same is not trained again."
                     )):
            places.go(places.NEW, **{"from": row.experiment_id})
        if row.state not in words.ACTIVE and any(run.score is not None for run in view.runs) and st.button(
            _("Compress"), icon=":material/compress:", key="compress",
            help=_(
                "Prunes, fine-tunes and quantizes what is trained here, in a new experiment; nothing is trained again."
            )
        ):
            places.go(places.COMPRESS, **{"from": row.experiment_id})
        if st.button(
            _("Compare"), icon=":material/compare_arrows:", key="compare",
            help=_("Side by side with other experiments."),
        ):
            places.go(places.COMPARE, ids=row.experiment_id)
        if any(run.onnx_path for run in view.runs) and st.button(
            _("Try it"), icon=":material/draw:", key="try",
            help=_("Give a sample; all exported models answer side by side."),
        ):
            places.go(places.TRY, id=row.experiment_id)
        if any(run.score is not None for run in view.runs) and st.button(
            _("Evidence"), icon=":material/fact_check:", key="evidence",
            help=_("How sure the verdict is, what is gained and lost, and where."),
        ):
            places.go(places.EVIDENCE, id=row.experiment_id)
        lens_button(view)
        share_button(view)
        notes_panel.report_and_note(view)
        if row.state not in words.ACTIVE and st.button(
            _("Delete"), icon=":material/delete:", key="delete", type="tertiary", disabled=not mine,
            help=_("Takes it off the list; it can be undone.") if mine else account.why_not(row.owner),
        ):
            undo.EXPERIMENTS.remove(row.experiment_id, row.name)
            places.go(places.HOME)
    if row.reason and row.state in ("failed", "lost", "cancelled"):
        say = st.error if row.state == "failed" else st.warning
        say(markdown_text(told(row.reason)), icon=icon)
    queue_line.show_place(row)
    queue_line.offer_half_the_batch(row)


def about(view: ExperimentView) -> None:
    """What the experiment shows, what people noted, and who learned from which samples."""
    notes_panel.show_notes(view)
    feedback_panel.show_origin(view)
    if view.spec.shows:
        st.markdown(markdown_text(told(view.spec.shows)))
    if lines := who_sees_what(view):
        st.caption(_("Who learns from what: {groups}.").format(groups="; ".join(lines)))
    reused = [run for run in view.runs if run.reused_from]
    if reused:
        sources = sorted({run.reused_from for run in reused})
        new = [run for run in view.runs if not run.reused_from]
        trained = list(dict.fromkeys(run.name for run in new if run.role != "compressed"))
        names = ", ".join(f"“{plain_name(name)}”" for name in trained)
        compressed = len(new) > sum(run.name in trained for run in new)
        text = {
            (True, False): _("{reused} of {runs} runs are reused from {sources}; only {names} had to be trained."),
            (True, True): _(
                "{reused} of {runs} runs are reused from {sources}; only {names} had to be trained, the rest is made "
                "by compression."
            ),
            (False, False): _("{reused} of {runs} runs are reused from {sources}; nothing had to be trained."),
            (False, True): _(
                "{reused} of {runs} runs are reused from {sources}; nothing had to be trained, the rest is made by "
                "compression."
            ),
        }[bool(trained), compressed]
        st.info(
            markdown_text(text.format(
                reused=len(reused), runs=len(view.runs), sources=", ".join(sources), names=names,
            )),
            icon=":material/recycling:",
        )
        with st.container(horizontal=True):
            for source in sources[:4]:
                places.link(
                    places.EXPERIMENT, _("Open {source}").format(source=source), icon=":material/open_in_new:",
                    id=source,
                )


def who_sees_what(view: ExperimentView) -> list[str]:
    """One part of a sentence for each set of samples; those of a kind are named only where they differ."""
    groups: dict[bool, set[str]] = {
        is_teacher: {
            run.name for run in view.runs if run.role != "compressed" and (run.role == "teacher") == is_teacher
        }
        for is_teacher in (True, False)
    }
    everybody = {True: _("the teacher") if len(groups[True]) == 1 else _("all teachers"), False: _("all students")}
    seen: dict[str, dict[tuple[bool, str], None]] = {}
    for run in view.runs:
        if run.samples_seen:
            seen.setdefault(run.samples_seen, {})[run.role == "teacher", run.name] = None
    lines = []
    for what, learners in seen.items():
        parts = []
        for is_teacher, group in groups.items():
            some = [name for of_teacher, name in learners if of_teacher == is_teacher]
            if some:
                parts += [everybody[is_teacher]] if set(some) == group else [f"“{plain_name(name)}”" for name in some]
        text = _("{learners} from {samples}")
        lines.append(markdown_text(text.format(learners=_(" and ").join(parts), samples=plain_name(told(what), 160))))
    return lines


def judged(view: ExperimentView) -> None:
    """The verdict first; the paired differences behind it."""
    found = lab().verdicts(view.row.experiment_id)
    if not found:
        return
    verdicts.show_verdicts(found, view.runs)
    st.caption(_("How this is judged"), help=_(verdicts.HELP))
    results.show_chart(
        gains(found, view.runs, theme=results.theme()), key="gains", file_name="gains",
        alt=_(
            "{heading}: difference from the student alone, by seed, with intervals"
        ).format(heading=told(heading(primary_metric(view.task), view.task))),
    )


def stage(view: ExperimentView) -> tuple[object, ...]:
    """What the parts of the page that are drawn once depend on; when it changes they are drawn again."""
    row = view.row
    return row.state, is_judged(view), tuple(run.state for run in view.runs), queue_line.place(row)


def is_judged(view: ExperimentView) -> bool:
    """Half of the seeds make no verdict: it is told at the end, or once every run is trained."""
    trained = [run for run in view.runs if run.role != "compressed"]
    return view.row.state not in words.ACTIVE or (bool(trained) and all(run.state in words.DONE for run in trained))


@st.fragment(run_every="2s", key="beside-live")
def beside_live(experiment_id: str, drawn: tuple[object, ...]) -> None:
    """Steps and numbers while the experiment is active; once it has moved on, the whole page follows."""
    view = watched(experiment_id)
    if stage(view) != drawn:
        st.rerun()
    beside(view)


def beside(view: ExperimentView) -> None:
    progress.show_numbers(view)
    with st.container(gap="xsmall"):
        progress.show_steps(view)
    teacher_card.show_card(view)
    for note in view.notes[-3:]:
        icon = ":material/warning:" if note.level != "info" else ":material/info:"
        st.caption(f"{icon} {markdown_text(told(note.text))}")


@st.fragment(run_every="2s", key="log-live")
def log_live(experiment_id: str) -> None:
    show_log(experiment_id)


def show_log(experiment_id: str) -> None:
    text = lab().log_tail(experiment_id)
    st.code(text or _("The log is empty."), language=None, height=280, wrap_lines=True)


def figures(view: ExperimentView) -> None:
    """Everything behind the verdict, one tab each; the open tab is in the address."""
    active, runs = view.row.state in words.ACTIVE, view.runs
    names = tab_names(view)
    tabs = address.tabs(names)
    if tabs["Runs"].open:
        with tabs["Runs"]:
            tables.show_runs(runs, key="runs", expected=active)
            if not active:
                exporting.show_export(view)
            plain_code_panel.show_code(view)
    if "Compression" in tabs and tabs["Compression"].open:
        with tabs["Compression"]:
            compression_shown.show_compression(view, expected=active)
    if tabs["Trade-off"].open:
        with tabs["Trade-off"]:
            family.show_tradeoff(runs, key="of")
    shown = {"Per class": results.show_per_class, "Confusion": results.show_confusion,
             "Predictions": answers.show_answers}
    for name in OF_TASK[view.task]:
        if tabs[name].open:
            with tabs[name]:
                shown[name](runs, view.class_names, key="of")
    if tabs["ONNX and latency"].open:
        with tabs["ONNX and latency"]:
            latency_tables.show_latency(runs, key="of")
    if tabs["Log and settings"].open:
        with tabs["Log and settings"]:
            log_live(view.row.experiment_id) if active else show_log(view.row.experiment_id)
            exporting.show_files(view.row.experiment_id)
            with st.expander(_("Settings as JSON"), icon=":material/data_object:"):
                st.json(view.spec.to_json(), expanded=1)


def show(experiment_id: str) -> None:
    view = lab().experiment(experiment_id)
    # Always the same containers: were the curves to change their place, they would be mounted anew and lose their zoom.
    top, origin, verdict = st.container(), st.container(), st.container()
    with top:
        header(view)
    active = view.row.state in words.ACTIVE
    with origin:
        about(view)
        budget.banner_live(experiment_id) if active else budget.show_banner(view)
    if is_judged(view):
        with verdict:
            judged(view)
    if not active:
        feedback_panel.show_feedback(view)
    left, right = st.columns([2, 1], gap="medium")
    with left:
        st.header(_("Curves"), anchor=False)
        curves(view)
    with right:
        st.header(_("Progress") if active else _("What was done"), anchor=False, help=_(progress.HELP))
        if active:
            beside_live(experiment_id, stage(view))
        else:
            beside(view)
    figures(view)
    corrections_panel.show_corrections(view)


chosen_id = st.query_params.get("id", "")
if chosen_id:
    show(chosen_id)
else:
    st.title(_("Experiment"), anchor=False)
    st.info(_("The address names no experiment. Choose one from the list."), icon=":material/search:")
    places.link(places.HOME, _("All experiments"), icon=":material/arrow_back:")
