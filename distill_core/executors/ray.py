"""Runs workers as jobs of a Ray cluster, by Ray's REST API: nothing of Ray is installed here."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from distill_core.entries import ExecutorEntry
from distill_core.errors import Conflict, LabError
from distill_core.executors.executor import WORKER, Placement, Slot, read_placement
from distill_core.executors.ray_head import HeadRefuses, HeadUnavailable, Job, Node, RayHead
from distill_core.executors.ray_job import digits_of, gpu_slots, job_request, processor_slot, submission_id
from distill_core.executors.ray_settings import RayParams, RaySettings, settings_of
from distill_core.folders import ExperimentFolder, write_json
from distill_core.processes import is_held

_SECONDS_OF_SLOTS = 5.0
_SECONDS_OF_STATUS = 1.0
# Some beats of a worker; and the process that ends a lost worker's group looks every second.
_QUIET_SECONDS = 12.0
_SECONDS_BETWEEN_BEATS = 20.0
_LONGEST_MESSAGE = 4000


@dataclass(frozen=True)
class _Beat:
    """What a heartbeat file held; when it was first seen so, and last, by the monotonic clock."""

    beat: bytes
    grew: float
    looked: float


class RayExecutor:
    """One Ray job an attempt, named by experiment and fencing token, bound to the node of its slots.

    A dispatcher that died between submitting and noting so finds the job by that name. All that tells of the worker
    beyond Ray's own status lies in the experiment's folder, which is the same path on all nodes. Not thread-safe.
    """

    def __init__(
        self, *, settings: Callable[[], RaySettings], command: Sequence[str] = WORKER,
        head: Callable[[RaySettings], RayHead] = lambda found: RayHead(found.address, token=found.token),
        monotonic: Callable[[], float] = time.monotonic, quiet_seconds: float = _QUIET_SECONDS,
    ) -> None:
        """`settings` is asked at the first use of the cluster, and may raise LabError."""
        self._settings_of, self._make_head, self._command = settings, head, tuple(command)
        self._monotonic, self._quiet_seconds = monotonic, quiet_seconds
        self._settings: RaySettings | None = None
        self._head: RayHead | None = None
        self._nodes: tuple[float, list[Node]] | None = None
        self._jobs: dict[str, tuple[float, Job | None]] = {}
        # Jobs that were to be killed while they waited: Ray stops those only once they begin.
        self._given_up: set[str] = set()
        self._beats: dict[str, _Beat] = {}
        self._beaten: dict[str, float] = {}
        self._told: set[str] = set()

    def slots(self) -> list[Slot]:
        """A slot for each GPU, then one for the processor of each node. Raises LabError while there is none."""
        nodes = self._living()
        gpus = [slot for node in nodes for slot in gpu_slots(node)]
        processors = [processor_slot(node) for node in nodes if node.cpus > 0]
        if not gpus and not processors:
            raise HeadUnavailable(
                f"The Ray cluster at {self._reach().address} has no node that takes work. Start one there."
            )
        return gpus + processors

    def start(self, folder: ExperimentFolder) -> None:
        """Raises Conflict if the folder's worker is alive; LabError if the head cannot be asked or refuses."""
        placement = _placement(folder)
        name = submission_id(folder, placement)
        self._jobs.pop(name, None)
        if self.status(folder) == "alive":
            raise Conflict(f"A worker is still at work in {folder.path}.")
        head = self._reach()
        assert self._settings is not None, "the head was reached with them"
        node = self._node_of(placement) if placement.slots else None
        request = job_request(folder, placement, self._settings, command=self._command, node=node)
        if head.job(name) is not None:
            # Of the same attempt, and over: its name is free again once its record is gone.
            head.forget(name)
        folder.worker_stamp.unlink(missing_ok=True)
        head.submit(request)
        self._given_up.discard(name)
        self._jobs[name] = (self._monotonic(), Job("PENDING", "", saw_exit=False))

    def status(self, folder: ExperimentFolder) -> Literal["none", "alive", "gone"]:
        """Ray's word, reconciled with the worker's own signs where Ray lost sight of it or does not answer."""
        if not folder.placement.exists() and not folder.worker_stamp.exists():
            return "none"
        name = submission_id(folder, _placement(folder))
        try:
            job = self._job(name)
        except (HeadUnavailable, HeadRefuses):
            # Nobody knows: until the dispatcher's lease runs out, a worker that may be at work is not replaced.
            return "alive"
        if job is None:
            if not folder.worker_stamp.exists():
                return "none"
            return "alive" if self._shows_life(folder, name) else "gone"
        if job.status == "RUNNING":
            # Should Ray lose sight of it, this tells how long it has been silent by then.
            self._silence(folder, name)
            return "alive"
        if job.status == "PENDING":
            if name in self._given_up or self._waits_for_a_lost_node(folder):
                return "gone"
            self._beat_for(folder, name)
            return "alive"
        if not job.saw_exit and self._shows_life(folder, name):
            # Its node was lost to the head, perhaps by the network alone.
            return "alive"
        self._tell(folder, name, job)
        return "gone"

    def end(self, folder: ExperimentFolder, *, force: bool) -> None:
        """Gently by the file that the worker watches; by force through Ray, which ends it and all it started."""
        if not folder.placement.exists():
            return
        name = submission_id(folder, _placement(folder))
        try:
            job = self._job(name)
            if job is None or job.is_over:
                return
            if not force:
                folder.stop_request.touch()
                return
            self._reach().stop(name)
        except (HeadUnavailable, HeadRefuses):
            # The dispatcher asks again; the file reaches the worker without the head.
            folder.stop_request.touch()
            return
        self._jobs.pop(name, None)
        if job.status == "PENDING":
            self._given_up.add(name)

    def _reach(self) -> RayHead:
        """The head; its release is looked at once."""
        if self._settings is None:
            self._settings = self._settings_of()
        if self._head is None:
            head = self._make_head(self._settings)
            head.version()
            self._head = head
        return self._head

    def _living(self) -> list[Node]:
        now = self._monotonic()
        if self._nodes is None or now - self._nodes[0] >= _SECONDS_OF_SLOTS:
            self._nodes = (now, self._reach().nodes())
        return self._nodes[1]

    def _job(self, name: str) -> Job | None:
        """Asked at every tick of the dispatcher, so it is asked for at most once a second; what is over stays over."""
        known = self._jobs.get(name)
        if known is not None and known[1] is not None and known[1].is_over:
            return known[1]
        now = self._monotonic()
        if known is None or now - known[0] >= _SECONDS_OF_STATUS:
            known = self._jobs[name] = (now, self._reach().job(name))
        return known[1]

    def _node_of(self, placement: Placement) -> Node:
        digits = {digits_of(slot) for slot in placement.slots}
        if len(digits) > 1:
            raise LabError(
                f"The GPUs {', '.join(placement.slots)} are of different nodes; allowed: those of one node. Use fewer "
                "processes, or a node with more GPUs."
            )
        for node in self._living():
            if node.node_id.startswith(next(iter(digits))):
                return node
        raise HeadUnavailable(f"The node of {placement.slots[0]} has left the Ray cluster.")

    def _waits_for_a_lost_node(self, folder: ExperimentFolder) -> bool:
        """Whether a job waits for a node that has left for good: node ids are never given out again."""
        digits = {digits_of(slot) for slot in _placement(folder).slots}
        try:
            living = self._living()
        except (HeadUnavailable, HeadRefuses):
            return False
        return any(not any(node.node_id.startswith(one) for node in living) for one in digits)

    def _beat_for(self, folder: ExperimentFolder, name: str) -> None:
        """A job that Ray lets wait for resources has no worker yet whose heart could beat, and keeps its lease."""
        now = self._monotonic()
        if now - self._beaten.get(name, -math.inf) >= _SECONDS_BETWEEN_BEATS:
            self._beaten[name] = now
            write_json(folder.heartbeat, {"token": _placement(folder).token, "beat": f"waits, {now:.0f}"})

    def _shows_life(self, folder: ExperimentFolder, name: str) -> bool:
        """Whether the worker holds its lock, or its beat grew of late."""
        return is_held(folder.worker_lock) or self._silence(folder, name) < self._quiet_seconds

    def _silence(self, folder: ExperimentFolder, name: str) -> float:
        """Seconds since the beat was seen to grow: compared with itself, never with a clock. Without one, for ever."""
        now, known = self._monotonic(), self._beats.get(name)
        if known is None or now - known.looked >= _SECONDS_OF_STATUS:
            try:
                beat = folder.heartbeat.read_bytes()
            except OSError:
                return math.inf
            grew = now if known is None or known.beat != beat else known.grew
            known = self._beats[name] = _Beat(beat, grew=grew, looked=now)
        return now - known.grew

    def _tell(self, folder: ExperimentFolder, name: str, job: Job) -> None:
        """What Ray says of a job that failed, once, at the end of the worker's own log."""
        if job.status != "FAILED" or name in self._told:
            return
        self._told.add(name)
        with folder.worker_log.open("a", encoding="utf-8") as log:
            log.write(f"Ray: {job.message[-_LONGEST_MESSAGE:]}\n")


def _placement(folder: ExperimentFolder) -> Placement:
    """One without a lease, for a folder that has none: nothing was ever submitted under its name."""
    return read_placement(folder) or Placement(token="", attempt=0, slots=(), device="cpu")


def build(params: RayParams, command: Sequence[str], *, environment: Mapping[str, str] = os.environ) -> RayExecutor:
    return RayExecutor(settings=lambda: settings_of(params, environment), command=command)


def problem(environment: Mapping[str, str] = os.environ) -> str | None:
    """What is wrong with the settings, in a sentence; the head itself is not asked."""
    try:
        settings_of(RayParams(), environment)
    except LabError as error:
        return error.sentence
    return None


ENTRY = ExecutorEntry(
    name="ray",
    title="A Ray cluster",
    summary="One Ray job an experiment, on the nodes of a cluster that share the home folder: see docs/cluster.md.",
    source="https://docs.ray.io/en/latest/cluster/running-applications/job-submission/rest.html",
    params=RayParams,
    build=build,
    problem=problem,
)
