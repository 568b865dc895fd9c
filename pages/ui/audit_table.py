"""The audit log as a table and as CSV, with every text of users made safe for both."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import pandas as pd

from distill_core.audit import Entry
from distill_core.charts.names import plain_name
from distill_core.language import marked, told
from distill_core.spreadsheet import harmless_cell

# For the catalogues: what the log calls what was done.
ACTIONS = (
    marked("launch"), marked("stop"), marked("resume"), marked("export"), marked("delete"), marked("undelete"),
    marked("purge"), marked("move"), marked("pause"), marked("unpause"), marked("share"), marked("unshare"),
    marked("upload"), marked("remove"), marked("sign-in"), marked("sign-in refused"), marked("backup"),
    marked("restore"), marked("settings"), marked("note"), marked("examine"), marked("report"),
)
COLUMNS = {"when": "When", "who": "Who", "what": "What", "subject": "Of what", "detail": "Detail"}


def rows(entries: Sequence[Entry]) -> pd.DataFrame:
    """One row an entry; names without control characters, times as UTC."""
    return pd.DataFrame(
        [
            {
                "when": pd.Timestamp(entry.at, unit="s", tz="UTC"), "who": plain_name(entry.actor, 254),
                "what": plain_name(entry.action), "subject": plain_name(entry.subject, 64) if entry.subject else "",
                "detail": plain_name(entry.detail, 300) if entry.detail else "",
            }
            for entry in entries
        ],
        columns=list(COLUMNS),
    )


def in_words(found: pd.DataFrame) -> pd.DataFrame:
    """The same rows with what was done in the reader's language."""
    return found.assign(**{column: found[column].map(told).astype(str) for column in ("what", "detail")})


def as_csv(found: pd.DataFrame) -> bytes:
    """With a byte order mark, for spreadsheets; what they would take for a formula begins with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS.values())
    for row in found.to_dict("records"):
        cells = [row["when"].isoformat(timespec="seconds"), *(str(row[name]) for name in list(COLUMNS)[1:])]
        writer.writerow([harmless_cell(cell) for cell in cells])
    return text.getvalue().encode("utf-8-sig")
