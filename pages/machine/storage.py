"""Storage: what takes how much of the disk, the trash, and backups."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from distill_core.charts.names import markdown_name, plain_name
from distill_core.disk_use import KINDS, Kind
from distill_core.errors import LabError
from distill_core.language import _, counted, marked
from distill_core.store.transitions import ENDED
from distill_core.upkeep import HomeUse
from pages.machine.trash import show_trash
from pages.ui import account, places, words
from pages.ui.asking import ask, asked, show_told
from pages.ui.guard import tell
from pages.ui.session import lab

TITLES: dict[Kind, tuple[str, str]] = {
    "models": (marked("Models"), marked("Trained networks, the best of each run.")),
    "checkpoints": (
        marked("Checkpoints"),
        marked("The last two states of every training that has not finished, to resume from."),
    ),
    "onnx": ("ONNX", marked("Exported files.")),
    "logs": (marked("Logs"), marked("Logs, curves and what other tools get.")),
    "data": (marked("Rest"), marked("Answers to the test set, samples, settings.")),
}
MOST_ROWS = 500


def totals(use: HomeUse, report_free: int) -> None:
    parts = use.of_experiments
    with st.container(horizontal=True, gap="medium"):
        st.metric(_("In all"), words.size(use.total), width="content", help=_("Everything in the home folder."))
        for kind in KINDS:
            title, help_text = TITLES[kind]
            st.metric(
                _(title), words.size(getattr(parts, kind)), width="content",
                help=_("{what} Of all experiments.").format(what=_(help_text)),
            )
        st.metric(
            _("Beside experiments"), words.size(sum(use.others.values())), width="content",
            help=_("Data sets, weights, downloads, caches, backups: {sizes}.").format(
                sizes=", ".join(f"{name} {words.size(size)}" for name, size in use.others.items() if size)
                or _("nothing"),
            ),
        )
        st.metric(_("Free disk"), words.size(report_free), width="content", help=_("Where the home folder lies."))


def experiments(use: HomeUse) -> None:
    """The table; rows can be chosen to keep only their best networks."""
    st.header(_("Experiments"), anchor=False, help=_("The largest first; those in the trash too."))
    shown = use.experiments[:MOST_ROWS]
    if not shown:
        st.info(_("There is no experiment yet, so nothing takes room."), icon=":material/hard_drive:")
        places.link(places.NEW, _("Design one"), icon=":material/add:")
        return
    frame = pd.DataFrame([
        {
            "name": plain_name(row.name, 60), "state": _("deleted") if row.deleted else words.state(row.state)[0],
            "total": part.total, **{kind: getattr(part, kind) for kind in KINDS},
            "id": row.experiment_id,
        }
        for row, part in shown
    ])
    sizes: dict[str, ColumnConfig] = {
        kind: st.column_config.NumberColumn(_(title), format="bytes", help=_(help_text))
        for kind, (title, help_text) in TITLES.items()
    }
    chosen = st.dataframe(
        frame, key="sizes", hide_index=True, width="stretch", on_select="rerun", selection_mode="multi-row",
        alt=_("Disk use of every experiment by kind"),
        column_config={
            "name": st.column_config.TextColumn(
                _("Experiment"), help=_("Choose rows to free their checkpoints alone."),
            ),
            "state": st.column_config.TextColumn(_("State"), help=_("Only ended experiments can give room.")),
            "total": st.column_config.NumberColumn(_("In all"), format="bytes", help=_("All files of the experiment.")),
            "id": st.column_config.TextColumn(_("Id"), help=_("As in addresses and on the disk.")), **sizes,
        },
    )
    if len(use.experiments) > MOST_ROWS:
        st.caption(_("The {most_rows} largest of {count}.").format(most_rows=MOST_ROWS, count=len(use.experiments)))
    rows = [shown[index][0] for index in chosen["selection"]["rows"]]
    keep_best([row.experiment_id for row in rows if row.state in ENDED], some=bool(rows))


def keep_best(chosen: list[str], *, some: bool) -> None:
    """Offers to remove checkpoints, and says what that frees and takes."""
    freed = {} if some and not chosen else lab().upkeep.freed_by_keeping_best(chosen)
    whose = counted("{number} chosen experiment", "{number} chosen experiments", len(chosen)) if some else (
        _("all ended experiments") if account.may_audit() else _("your ended experiments")
    )
    if not freed:
        st.caption(_(
            ":material/check: Of {whose}, no checkpoint can go: only best networks are kept."
        ).format(whose=whose))
        return
    size = words.size(sum(freed.values()))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            _("Keep only best checkpoints"), key="keep-best", icon=":material/compress:", on_click=ask,
            args=("keep-best",), disabled=not account.may_launch(),
            help=_("Removes what only resuming needs. Every run's best network stays.") if account.may_launch()
            else account.why_not(),
        )
        st.caption(_("Frees {size} of {whose}.").format(size=size, whose=whose), width="content")

    def work() -> str:
        size = words.size(lab().upkeep.keep_only_best(list(freed)))
        return _("{size} freed; every best network is kept.").format(size=size)

    asked(
        "keep-best",
        _(
            "This frees **{size}** of {count}. Every run's best network, figure and curve stays. A stopped or failed "
            "experiment that you resume afterwards trains unfinished runs **from their start**."
        ).format(size=size, count=counted("{number} experiment", "{number} experiments", len(freed))),
        sure=_("Free {size}").format(size=size), icon=":material/compress:", work=work,
    )


def teacher_answers() -> None:
    """What is kept so that a teacher need not be asked again; nothing where nothing is."""
    kept = lab().upkeep.teacher_answers()
    if not kept:
        return
    size = words.size(kept)
    may = lab().actor.has("admin")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            _("Remove teachers' answers"), key="forget-answers", icon=":material/delete_sweep:", on_click=ask,
            args=("forget-answers",), disabled=not may,
            help=_(
                "A teacher's answers to a training are kept, so that the next with another temperature or weight need "
                "not ask again. DISTILL_TEACHER_ANSWERS_GB says how much they may take; those unused for longest go "
                "first."
            ) if may else account.why_not(),
        )
        st.caption(_("Frees {size}.").format(size=size), width="content")

    def work() -> str:
        return _("{size} freed.").format(size=words.size(lab().upkeep.forget_teacher_answers()))

    asked(
        "forget-answers",
        _("This frees **{size}**. No result changes; a training that wants them asks its teacher again.").format(
            size=size
        ),
        sure=_("Free {size}").format(size=size), icon=":material/delete_sweep:", work=work,
    )


def backups() -> None:
    st.header(
        _("Backups"), anchor=False,
        help=_("One file with everything of the home folder, made while experiments run. Copy it to another disk: one "
        "that lies beside what it saves is lost with it."),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        models = st.toggle(
            _("With models"), value=True, key="backup-models",
            help=_(
                "Without: figures, curves and settings only; much smaller. What then needs a network trains it again."
            ),
        )
        wanted = st.button(_("Back up now"), key="backup", icon=":material/archive:", help=_("Experiments may go on."))
    if wanted:
        bar = st.progress(0.0, text=_("Writing …"))

        def tell_progress(done: int, of: int) -> None:
            bar.progress(done / of, text=_("Experiment {done} of {of}").format(done=done, of=of))

        try:
            path, facts = lab().upkeep.backup(models=models, tell=tell_progress)
        except LabError as error:
            bar.empty()
            tell(error)
        else:
            bar.empty()
            st.success(
                _(
                    "{count} in {name}, {size}."
                ).format(
                    count=counted("{number} experiment", "{number} experiments", facts.experiments), name=path.name,
                    size=words.size(path.stat().st_size),
                ),
                icon=":material/check_circle:",
            )
    found = {path.name: path for path in lab().upkeep.backups()}
    if not found:
        st.caption(_("There is no backup here yet. From a terminal: `python -m distill_core backup FILE`."))
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            _("Backup"), list(found), key="backup-chosen", width=420,
            format_func=lambda name: f"{name} · {words.size(found[name].stat().st_size)}",
            help=_("Those in the home folder; others are restored from a terminal."),
        )
        st.button(
            _("Restore …"), key="restore-backup", icon=":material/settings_backup_restore:", on_click=ask,
            args=("restore-backup",), help=_("Brings back what is missing here; what is here stays."),
        )
    asked(
        "restore-backup",
        _(
            "**{name}**: its checksums are compared first. Experiments that are missing here come back; those that "
            "are here stay as they are. Nothing may wait or run meanwhile."
        ).format(name=markdown_name(str(name), 80)),
        sure=_("Restore"), icon=":material/settings_backup_restore:", work=partial(restored, found[str(name)]),
    )
    st.code(str(found[str(name)]), language=None)


def restored(path: Path) -> str:
    done = lab().upkeep.restore(path)
    number = len(done.experiments)
    if not done.kept:
        return counted("{number} experiment restored.", "{number} experiments restored.", number)
    restored = counted("{number} experiment restored", "{number} experiments restored", number)
    return _("{restored}; {kept} were here already and stayed.").format(restored=restored, kept=len(done.kept))


def show() -> None:
    places.link(places.MACHINE, _("Machine"), icon=":material/arrow_back:")
    st.title(_("Storage"), anchor=False)
    show_told()
    use = lab().upkeep.home_use()
    totals(use, lab().doctor()["disk"]["free_bytes"])
    experiments(use)
    teacher_answers()
    show_trash()
    if lab().actor.has("admin"):
        backups()


show()
