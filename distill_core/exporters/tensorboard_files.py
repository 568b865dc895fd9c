"""Writes TensorBoard event files into the experiment's folder; needs neither TensorFlow nor torch."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distill_core.entries import ExporterEntry, Params
from distill_core.exporters.exporter import command, not_installed
from distill_core.exporters.story import Curves, Record, Results, RunOver, ToldRun
from distill_core.folders import ExperimentFolder

_NAME = "tensorboard"
# How the hyperparameters' table calls the way a run ended.
_STATUS = {"finished": "STATUS_SUCCESS", "reused": "STATUS_SUCCESS", "stopped": "STATUS_FAILURE",
           "diverged": "STATUS_FAILURE", "refused": "STATUS_FAILURE"}  # fmt: skip


class TensorBoardParams(Params):
    """Nothing to choose: the files lie in the experiment's folder."""


class TensorBoardFiles:
    """One event file a run, at `experiment/variant/seed` below the folder.

    The position is the length of each file in bytes. What lies beyond it was written by a predecessor that could not
    say so any more: it is cut off and written again.
    """

    def __init__(self, folder: Path, position: Mapping[str, int]) -> None:
        self._folder = folder
        self._lengths = dict(position)
        self._waiting: dict[str, io.BytesIO] = {}
        for path in folder.rglob("*tfevents*"):
            length = self._lengths.get(path.relative_to(folder).as_posix(), 0)
            if length == 0:
                path.unlink()
            elif path.stat().st_size > length:
                with path.open("r+b") as file:
                    file.truncate(length)

    def write(self, record: Record) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        match record:
            case Curves() | Results():
                values = [Summary.Value(tag=tag, simple_value=value) for tag, value in record.values.items()]
                self._append(record, Event(wall_time=record.at, step=record.step, summary=Summary(value=values)))
            case RunOver():
                self._append(record, Event(wall_time=record.at, summary=_session_end(record)))
            case _:
                # TensorBoard keeps no models.
                pass

    def _append(self, record: Curves | Results | RunOver, event: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        # Readers find the files by this word, and sort them by the time behind it.
        name = "/".join([*record.run.place, f"events.out.tfevents.0.{record.run.run_id}"])
        writer = RecordWriter(self._waiting.setdefault(name, io.BytesIO()))
        if not self._waiting[name].tell() and not self._lengths.get(name):
            writer.write(Event(wall_time=record.at, file_version="brain.Event:2").SerializeToString())
            writer.write(Event(wall_time=record.at, summary=_session_start(record.run, record.at)).SerializeToString())
        writer.write(event.SerializeToString())

    def flush(self) -> Mapping[str, int]:
        """Files are opened only here: an experiment may have more runs than a process may have open files."""
        for name, waiting in self._waiting.items():
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(waiting.getvalue())
                self._lengths[name] = file.tell()
        self._waiting.clear()
        return dict(self._lengths)

    def close(self) -> None:
        self._waiting.clear()


def _session_start(run: ToldRun, at: float) -> Any:
    """A row of the hyperparameters' table."""
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb

    trial = f"{run.variant}, seed {run.seed}, {run.experiment_id}/{run.run_id}"
    return hparams_pb(dict(run.settings), trial_id=trial, start_time_secs=at)


def _session_end(record: RunOver) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    status = api_pb2.Status.Value(_STATUS.get(record.state, "STATUS_UNKNOWN"))
    ended = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=record.at)
    data = plugin_data_pb2.HParamsPluginData(session_end_info=ended, version=metadata.PLUGIN_DATA_VERSION)
    plugin = SummaryMetadata.PluginData(plugin_name=metadata.PLUGIN_NAME, content=data.SerializeToString())
    value = Summary.Value(
        tag=metadata.SESSION_END_INFO_TAG, tensor=metadata.NULL_TENSOR, metadata=SummaryMetadata(plugin_data=plugin)
    )
    return Summary(value=[value])


def build(params: TensorBoardParams, folder: ExperimentFolder, position: Mapping[str, int]) -> TensorBoardFiles:
    return TensorBoardFiles(folder.exported(_NAME), position)


ENTRY = ExporterEntry(
    name=_NAME,
    title="TensorBoard",
    summary="Event files in each experiment's folder: curves, terms, results, settings. Always on.",
    source="https://www.tensorflow.org/tensorboard",
    params=TensorBoardParams,
    build=build,
    why_off=lambda: not_installed("tensorboard"),
    look=lambda home: command("tensorboard", "--logdir", home / "experiments"),
)
