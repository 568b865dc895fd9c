"""Where everything lies in the home folder: with what it imports from, the one place that spells file names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from distill_core.chosen_home import default_home as default_home
from distill_core.errors import HomeUnusable as HomeUnusable
from distill_core.home_locks import HomeLocks
from distill_core.run_folder import RunFolder as RunFolder
from distill_core.sweep_folder import SweepFolder as SweepFolder
from distill_core.whole_files import read_json as read_json
from distill_core.whole_files import write_bytes as write_bytes
from distill_core.whole_files import write_json as write_json


@dataclass(frozen=True)
class ExperimentFolder:
    """The files of one experiment: the wire between the web process and the worker, and the truth."""

    path: Path

    @property
    def spec(self) -> Path:
        return self.path / "spec.json"

    @property
    def identity(self) -> Path:
        """Id, time of creation and idempotency key: what the index knows and the spec does not."""
        return self.path / "experiment.json"

    @property
    def deleted(self) -> Path:
        """Its presence hides the experiment; nothing is removed, so that deleting can be undone."""
        return self.path / "deleted.json"

    @property
    def journal(self) -> Path:
        """State changes, and notes on them, appended by the launcher and the dispatcher."""
        return self.path / "journal.jsonl"

    @property
    def events(self) -> Path:
        """What happens in the worker, appended by the worker alone."""
        return self.path / "events.jsonl"

    @property
    def reuse(self) -> Path:
        """Finished runs that need no training again: {digest: run folder}."""
        return self.path / "reuse.json"

    @property
    def request(self) -> Path:
        """What more an ended experiment is to do, and how it had ended, and ends again: see store.requests."""
        return self.path / "request.json"

    @property
    def worker_stamp(self) -> Path:
        """Process id and start time of the worker, written before it loads torch."""
        return self.path / "worker.json"

    @property
    def placement(self) -> Path:
        """Fencing token and devices of the present attempt: see executors.executor.Placement.

        It is the worker's lease: one whose token is no longer there has lost it and writes nothing more.
        """
        return self.path / "placement.json"

    @property
    def heartbeat(self) -> Path:
        """{"token", "beat"}: a count that grows while the worker is well; compared with itself, never with a clock."""
        return self.path / "heartbeat.json"

    @property
    def worker_lock(self) -> Path:
        """Held by the worker for life, so that two can never work in one folder."""
        return self.path / "worker.lock"

    @property
    def worker_log(self) -> Path:
        return self.path / "worker.log"

    @property
    def stop_request(self) -> Path:
        """Its presence asks the worker to checkpoint, evaluate and leave."""
        return self.path / "stop.request"

    @property
    def calibration(self) -> Path:
        """The thread count chosen for this experiment; a resumed worker must use the same."""
        return self.path / "calibration.json"

    @property
    def origin(self) -> Path:
        """Device, versions, data and code that named this experiment's runs when it began."""
        return self.path / "origin.json"

    @property
    def test_labels(self) -> Path:
        return self.path / "test_labels.npy"

    def export(self, exporter: str, kind: Literal["json", "lock", "log"]) -> Path:
        """Of an exporter: how far it has written, what the process that writes holds, and its log."""
        return self.path / "exports" / f"{exporter}.{kind}"

    def exported(self, exporter: str) -> Path:
        """The folder for an exporter's own files."""
        return self.path / exporter

    @property
    def corrections(self) -> Path:
        """Wrong answers that a person corrected: <sample>.json, .npz and of an image .png each."""
        return self.path / "corrections"

    @property
    def feedback(self) -> Path:
        """What the corrections that this experiment learnt from did; written by its worker."""
        return self.path / "feedback.json"

    def written(self, what: str) -> Path:
        """What people wrote of the experiment: the draft of its "report", and a "note-" for it or a run."""
        return self.path / "written" / f"{what}.json"

    def examination(self, seed: int, part: str) -> Path:
        """What running the networks of a seed once more found out about one question: see examined.Examined."""
        return self.path / "examination" / f"seed-{seed}" / f"{part}.json"

    @property
    def teacher_fitness(self) -> Path:
        """How fit the teacher is to teach these students, written as soon as it is there: see training.fitness."""
        return self.path / "teacher_fitness.json"

    @property
    def home(self) -> Home:
        return Home(self.path.parents[1])

    def run(self, run_id: str) -> RunFolder:
        return RunFolder(self.path / "runs" / run_id)


@dataclass(frozen=True)
class Home(HomeLocks):
    """The home folder of one installation."""

    @contextmanager
    def usable(self) -> Iterator[None]:
        """Makes the folder; an OSError there or in the block, which opens files of it, becomes HomeUnusable."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            yield
        except OSError as error:
            reason = "it is a file" if self.path.is_file() else error.strerror or type(error).__name__
            raise HomeUnusable(self.path, reason) from error

    @property
    def database(self) -> Path:
        return self.path / "lab.sqlite"

    @property
    def experiments(self) -> Path:
        return self.path / "experiments"

    @property
    def sweeps(self) -> Path:
        return self.path / "sweeps"

    def sweep(self, sweep_id: str) -> SweepFolder:
        return SweepFolder(self.sweeps / sweep_id)

    @property
    def cache(self) -> Path:
        return self.path / "cache"

    @property
    def teacher_answers(self) -> Path:
        """What teachers answered in trainings, a folder for each teacher and stream: see training.answer_store."""
        return self.cache / "teacher-answers"

    @property
    def data(self) -> Path:
        """Uploaded data sets, a folder each, named by id."""
        return self.path / "data"

    @property
    def downloads(self) -> Path:
        """Files of public data sets, where a person without a network can put them by hand."""
        return self.path / "downloads"

    def test_inputs(self, name: str) -> Path:
        """The inputs of a test set, kept once for all experiments that use it: see deployment.test_inputs."""
        return self.path / "test_inputs" / f"{name}.npz"

    def weights(self, weights_id: str) -> Path:
        """An uploaded weights file, always safetensors, named by the digest of its content."""
        return self.path / "weights" / f"{weights_id}.safetensors"

    def weights_facts(self, weights_id: str) -> Path:
        """Name, size and origin of an uploaded weights file."""
        return self.weights(weights_id).with_suffix(".json")

    def corrections(self, digest: str) -> Path:
        """The inputs of a frozen set of corrections; labels, origin and use are in the .json file beside it."""
        return self.path / "corrections" / f"{digest}.npz"

    @property
    def measurements(self) -> Path:
        """Results of the latency lab, some small files each, named by id."""
        return self.path / "latency"

    @property
    def shares(self) -> Path:
        """Frozen pages behind share links, a folder each, named by the hash of the link's token."""
        return self.path / "shares"

    def share(self, share_id: str) -> Path:
        return self.shares / share_id

    @property
    def uploads(self) -> Path:
        """Files on their way from a browser: see uploads.py."""
        return self.path / "uploads"

    @property
    def doomed(self) -> Path:
        """Folders on their way to nothing: whoever purges moves them here first, so that none is ever half removed."""
        return self.path / "doomed"

    @property
    def backups(self) -> Path:
        """Backups made from the page."""
        return self.path / "backups"

    def restoring(self, name: str) -> Path:
        """Where a backup is unpacked and checked before anything of it is put in its place."""
        return self.path / f"restoring-{name}"

    @property
    def audit(self) -> Path:
        """Who did what, a JSON line each, appended only."""
        return self.path / "audit.jsonl"

    @property
    def access(self) -> Path:
        """Roles and quotas of the people who sign in."""
        return self.path / "access.json"

    @property
    def queue_paused(self) -> Path:
        """{"by", "at"}; its presence keeps the dispatcher from beginning anything."""
        return self.path / "queue-paused.json"

    @property
    def queue_board(self) -> Path:
        """Devices, and what each waiting experiment waits for, as the dispatcher last saw it: see queue.Queue."""
        return self.path / "queue-board.json"

    @property
    def dispatcher_log(self) -> Path:
        return self.path / "dispatcher.log"

    def catalogue(self, version: str) -> Path:
        """The catalogue as JSON, as the code of this version describes itself."""
        return self.cache / f"catalogue-{version}.json"

    @property
    def preview_socket(self) -> Path:
        return self.path / "preview.sock"

    @property
    def preview_log(self) -> Path:
        return self.path / "preview.log"

    def experiment(self, experiment_id: str) -> ExperimentFolder:
        return ExperimentFolder(self.experiments / experiment_id)
