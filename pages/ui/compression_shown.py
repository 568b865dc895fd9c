"""What compression did: the staircase of one line, its sentence, zeros by layer and how much each layer minds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from distill_core.charts.descent import Line, lines_of
from distill_core.charts.names import lineage_name, markdown_text, plain_name
from distill_core.charts.sensitivity import sensitivity, steps_tried
from distill_core.charts.staircase import staircase
from distill_core.charts.staircase_words import ZEROS, cautions, summary
from distill_core.charts.tradeoff import latency_conditions
from distill_core.evaluation.metrics import heading, primary_metric
from distill_core.language import ENGLISH, _, marked, speaking, told
from distill_core.results import baselines_of
from distill_core.rows import ExperimentView, RunRow
from pages.ui import address, words
from pages.ui.results import measured_with, picture, show_chart, theme
from pages.ui.rivals import told_apart
from pages.ui.session import lab

SENSITIVITY_HELP = marked(
    "Each strength was tried on the trained network of the first seed without any further training: all layers "
    "together, and each layer alone. Where a thin line stays high, its layer can be cut harder than the others."
)


def show_compression(view: ExperimentView, *, expected: bool) -> None:
    """Everything about the compressed runs; `expected` tells whether more will come."""
    lines = lines_of(view.runs)
    if not lines:
        st.info(
            _("The staircase appears here once the worker has told which runs it will make.") if expected
            else _("No compressed run was begun."), icon=":material/stairs:",
        )
        return
    names = told_apart({number: lineage_name(line.leaf.name, 90) for number, line in enumerate(lines)})
    conditions = latency_conditions(view.runs)
    with st.container(horizontal=True):
        number = st.selectbox(
            _("Staircase"), list(names), key="staircase", width=420, bind="query-params", index=_first_shown(lines),
            format_func=lambda one: names[one],
            help=_("Each line from a trained network to the last that was made of it."),
        )
        batch, threads = measured_with(conditions, key="stairs-measured")
        image = picture()
    line = lines[number]
    alone = _alone(view, line)
    _say(line, alone, batch=batch, threads=threads)
    show_chart(
        staircase(
            line, theme=theme(), teacher=_teacher(view, line), alone=alone, batch=batch,
            threads_used=threads,
        ),
        key="of-staircase", file_name="staircase", image=image,
        alt=_(
            "{heading}, file size, MACs and latency after each step of {name}"
        ).format(
            heading=told(heading(primary_metric(view.task), view.task)),
            name=plain_name(lineage_name(line.leaf.name, 90), 90),
        ),
    )
    _show_zeros(line)
    _show_sensitivity(view, line)


def _first_shown(lines: Sequence[Line]) -> int:
    """The first line that was made to its end."""
    return next((number for number, line in enumerate(lines) if line.leaf.score is not None), 0)


def _say(line: Line, alone: Sequence[RunRow], *, batch: int, threads: int) -> None:
    """The line in one sentence, then what a reader must know beside it."""
    st.markdown(
        f"**{markdown_text(summary(line, batch=batch, threads_used=threads))}**",
        help=_("Each figure is that of the exported ONNX file: its bytes, its answers to the whole test set, its "
        "median latency on this machine."),
    )
    for caution in cautions(line, batch=batch, threads_used=threads, alone=alone):
        st.caption(f":material/info: {markdown_text(caution)}")
    for tread in line.treads:
        for note in dict.fromkeys(note for run in tread.runs for note in run.compression_notes):
            st.caption(f":material/info: {markdown_text(f'{plain_name(tread.step, 60)}: {told(note)}')}")
    for tread in line.treads:
        refused = next((run for run in tread.runs if run.state == "refused"), None)
        if refused is not None:
            st.warning(
                markdown_text(f"{plain_name(lineage_name(tread.step, 60), 60)}: {told(refused.stop_rule)}"),
                icon=":material/block:",
            )
            break


def _teacher(view: ExperimentView, line: Line) -> Sequence[RunRow]:
    return () if line.root.first.role == "teacher" else view.teachers[:1]


def _alone(view: ExperimentView, line: Line) -> list[RunRow]:
    """The same student trained alone, on the line's seeds."""
    if line.root.first.role != "student":
        return []
    name = baselines_of(view, lab().catalogue()).get(line.root.name)
    seeds = {run.seed for run in line.root.runs}
    return [run for run in view.runs if run.role == "baseline" and run.name == name and run.seed in seeds]


def _show_zeros(line: Line) -> None:
    """Zeros of each layer after each step that changed them, and how well the files pack."""
    made = [
        (tread, run) for tread in line.treads
        if (run := next((run for run in tread.runs if run.layers), None)) is not None
        and any(layer.zeros for layer in run.layers)
    ]
    if not made:
        return
    st.markdown(_("**Zeros by layer**"), help=_(
        "{zeros}. Biases are left out. Shown is the first seed."
    ).format(zeros=_(ZEROS)))
    rows: dict[str, dict[str, object]] = {}
    for number, (_tread, run) in enumerate(made):
        for layer in run.layers:
            row = rows.setdefault(layer.layer, {"layer": plain_name(layer.layer, 60)})
            row[f"weights-{number}"] = layer.weights
            row[f"zeros-{number}"] = 100 * layer.zeros / layer.weights if layer.weights else None
    columns: dict[str, Any] = {
        "layer": st.column_config.TextColumn(_("Layer"), help=_("As the network names it.")),
    }
    order = ["layer"]
    for number, (tread, _run) in enumerate(made):
        step = plain_name(lineage_name(tread.step, 40))
        if number == 0 or _weights(made[number][1]) != _weights(made[number - 1][1]):
            columns[f"weights-{number}"] = st.column_config.NumberColumn(
                _("Weights, {step}").format(step=step), format="localized",
                help=_("Weights of the layer after this step, biases left out."),
            )
            order.append(f"weights-{number}")
        columns[f"zeros-{number}"] = st.column_config.NumberColumn(
            _("Zeros %, {step}").format(step=step), format="%.1f",
            help=_("Share of the layer's weights that are exactly 0 after this step."),
        )
        order.append(f"zeros-{number}")
    st.dataframe(
        pd.DataFrame(list(rows.values())), key="zeros", hide_index=True, width="stretch", column_config=columns,
        column_order=order, placeholder="–", alt=_("Share of zeros of each layer after each step"),
    )
    last, run = made[-1]
    if run.zipped_bytes and run.onnx_size_bytes:
        st.caption(markdown_text(
            _(
                "{zeros}; but zeros pack well: the {size} of “{step}” zip to {zipped}."
            ).format(
                zeros=_(ZEROS), size=words.size(run.onnx_size_bytes), step=plain_name(last.step, 60),
                zipped=words.size(run.zipped_bytes),
            )
        ))


def _weights(run: RunRow) -> list[int]:
    return [layer.weights for layer in run.layers]


def _show_sensitivity(view: ExperimentView, line: Line) -> None:
    """Curves of the network that the line begins with, where they were measured."""
    found = next(
        (tried for run in line.root.runs
         if (tried := lab().compressions.sensitivity(view.row.experiment_id, run.run_id)) is not None), None,
    )
    if found is None:
        return
    titles = steps_tried(found)
    if not titles:
        return
    st.markdown(
        _("**How much each layer minds: {name}**").format(name=markdown_text(plain_name(line.root.name))),
        help=_(SENSITIVITY_HELP),
    )
    step = next(iter(titles))
    if len(titles) > 1:
        with speaking(ENGLISH):
            steps = {title: name for name, title in steps_tried(found).items()}
        first = address.chosen("sensitivity", list(steps))
        chosen = str(st.segmented_control(
            _("Step"), list(steps), key="sensitivity", format_func=lambda one: told(titles[steps[one]]), required=True,
            label_visibility="collapsed", wrap=True, help=_("Which step's strength is varied."),
        ))
        address.write("sensitivity", [chosen], default=[first])
        step = steps[chosen]
    show_chart(
        sensitivity(found, step, theme=theme(), task=view.task), key=f"of-sensitivity-{step}",
        file_name=f"sensitivity-{step}", alt=_(
            "Score against the strength of {step}, layer by layer"
        ).format(step=told(titles[step])),
    )
