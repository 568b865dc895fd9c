"""All trials of a sweep as a table, and as a file."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from distill_core.charts.names import markdown_text
from distill_core.charts.sweep_axes import axis_title, value_word
from distill_core.charts.sweep_figures import STATE_WORDS, metric_of
from distill_core.charts.sweep_front import latency_words
from distill_core.language import _, told
from distill_core.spreadsheet import harmless_cell
from distill_core.sweep_rows import SweepResults

Column = st.column_config
_ALL_SHOWN = 30


def trial_frame(results: SweepResults) -> pd.DataFrame:
    """A row a trial, in the units shown; empty cells are not measured. Columns by English names."""
    factor, rows = metric_of(results).factor, []
    for trial in results.trials:
        row: dict[str, Any] = {"trial": trial.number + 1}
        row |= {
            axis.field: value if isinstance(value := trial.values.get(axis.field), (int, float))
            else value_word(axis.field, value) if value is not None else ""
            for axis in results.row.spec.axes
        }
        row |= {"state": trial.state, "seeds": trial.validation.seeds}
        for name, spread in (("validation", trial.validation), ("test", trial.test), ("gain", trial.gain)):
            row |= {
                f"{name}{part}": None if value is None else factor * value
                for part, value in (("", spread.mean), ("_low", spread.low), ("_high", spread.high))
            }
        row |= {
            "latency_p50_ms": trial.latency_p50_ms, "size_kb": trial.size_bytes and trial.size_bytes / 1000,
            "parameters": trial.parameters, "on_front": trial.on_front,
            "reason": " ".join((trial.reason, *trial.limits_broken)).strip(), "experiment": trial.experiment_id,
            "variant": trial.variant,
        }
        rows.append(row)
    return pd.DataFrame(rows)


def csv_of(results: SweepResults) -> bytes:
    """The table as CSV; text that a spreadsheet would take for a formula is quoted."""
    frame = trial_frame(results)
    for name in frame.columns:
        frame[name] = [harmless_cell(one) if isinstance(one, str) else one for one in frame[name]]
    return frame.to_csv(index=False).encode()


def show_trials(results: SweepResults) -> None:
    """The table with every column explained, and the file."""
    st.header(_("All trials"), anchor=False)
    if not results.trials:
        st.info(_("The trials appear here once they are planned."), icon=":material/hourglass:")
        return
    frame = trial_frame(results).drop(columns=["experiment", "variant"])
    frame["state"] = [_(STATE_WORDS[one]) for one in frame["state"]]
    frame["reason"] = [told(one) for one in frame["reason"]]
    frame = frame.dropna(axis="columns", how="all")
    if not frame["on_front"].any() or len(results.objectives) < 2:
        frame = frame.drop(columns=["on_front"])
    if not frame["reason"].any():
        frame = frame.drop(columns=["reason"])
    columns = {name: one for name, one in _columns(results).items() if name in frame.columns}
    st.dataframe(
        frame, key="trials", hide_index=True, width="stretch", column_config=columns, placeholder="–",
        height="content" if len(frame) <= _ALL_SHOWN else "auto", alt=_("Table of trials with their figures"),
    )
    st.download_button(
        _("Download as CSV"), data=lambda: csv_of(results), file_name=f"sweep-{results.row.sweep_id}.csv",
        mime="text/csv", key="trials-csv", icon=":material/download:", on_click="ignore",
        help=_("All columns of all trials, unrounded."),
    )


def _columns(results: SweepResults) -> dict[str, Any]:
    metric = metric_of(results)
    shape, unit = ("%.1f", " %") if metric.is_share else ("%.3f", "")
    signed = "%+.1f" if metric.is_share else "%+.3f"
    low, high = _("{figure} from"), _("{figure} to")
    found: dict[str, Any] = {
        "trial": Column.NumberColumn(_("Trial"), format="%d", help=_("In the order in which they were planned."))
    }
    for axis in results.row.spec.axes:
        found[axis.field] = Column.Column(axis_title(axis.field), help=_("A setting that this sweep varies."))
    found |= {
        "state": Column.TextColumn(_("State"), help=_(
            "Pruned: given up between seeds, because others were better. Refused: not trained, for the reason told."
        )),
        "seeds": Column.NumberColumn(_("Seeds"), format="%d", help=_("Finished runs of this trial.")),
    }
    for name, title, form, explained in (
        ("validation", _("Validation{unit}").format(unit=unit), shape, _("Mean over seeds; this is what chooses.")),
        ("test", _("Test{unit}").format(unit=unit), shape, _("Mean over seeds on test data, which choose nothing.")),
        ("gain", _("Gain"), signed, _("Test figure over the same student trained alone, seed by seed.")),
    ):
        ends = _("End of the 95% interval.")
        found |= {
            name: Column.NumberColumn(title, format=form, help=explained),
            f"{name}_low": Column.NumberColumn(low.format(figure=title), format=form, help=ends),
            f"{name}_high": Column.NumberColumn(high.format(figure=title), format=form, help=ends),
        }
    return found | {
        "latency_p50_ms": Column.NumberColumn(_("p50 ms"), format="%.3f", help=_(
            "Median ONNX latency, measured once for each network: {where}."
        ).format(where=markdown_text(latency_words(results)) or "–")),
        "size_kb": Column.NumberColumn(_("File kB"), format="%.1f", help=_("Size of the ONNX file.")),
        "parameters": Column.NumberColumn(_("Parameters"), format="localized", help=_("Trainable weights.")),
        "on_front": Column.CheckboxColumn(
            _("On the front"), help=_("No other trial is better in every objective of the sweep."),
        ),
        "reason": Column.TextColumn(_("Why"), help=_("Why it was not trained to its end, or which limit it breaks.")),
    }
