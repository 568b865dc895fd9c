"""What a worker is to a Ray cluster: names of its job and slots, the resources it asks for, the line that starts it."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shlex
import sys
from collections.abc import Sequence
from typing import Any

from distill_core.executors.executor import TOKEN_VARIABLE, Placement, Slot
from distill_core.executors.ray_head import Node
from distill_core.executors.ray_settings import RaySettings
from distill_core.folders import ExperimentFolder, read_json

# From SIGTERM to SIGKILL once a worker is ended by force, which is the only way that Ray stops one.
_SECONDS_OF_FORCE = "2"
_NODE_DIGITS = 8
_PASSED_ON = ("DISTILL_THREADS", "DISTILL_CHECKPOINT_SECONDS")


def submission_id(folder: ExperimentFolder, placement: Placement) -> str:
    """The same for the same attempt, whoever asks; other homes and other attempts have others."""
    name = re.sub(r"[^A-Za-z0-9-]", "-", folder.path.name)[:60]
    whole = f"{folder.path}\n{placement.token}"
    return f"distill-{name}-{hashlib.sha256(whole.encode()).hexdigest()[:16]}"


def job_request(
    folder: ExperimentFolder, placement: Placement, settings: RaySettings, *, command: Sequence[str],
    node: Node | None,
) -> dict[str, Any]:
    """The body of POST /api/jobs/. `node` is where the placement's slots are; None: wherever Ray likes."""
    # On the processor several processes share one slot.
    number = max(_processes(folder), len(placement.slots))
    request: dict[str, Any] = {
        "submission_id": submission_id(folder, placement),
        "entrypoint": _entrypoint(folder, placement, settings, command),
        "entrypoint_num_cpus": settings.cpus * number,
        "runtime_env": {"env_vars": _environment(folder) | {TOKEN_VARIABLE: placement.token}},
        "metadata": {"experiment": folder.path.name, "attempt": str(placement.attempt)},
    }
    if settings.memory_bytes:
        request["entrypoint_memory"] = settings.memory_bytes
    if node is not None:
        request["entrypoint_label_selector"] = {"ray.io/node-id": node.node_id}
        if placement.device != "cpu":
            request["entrypoint_num_gpus"] = _gpu_share(placement, node)
    return request


def gpu_slots(node: Node) -> list[Slot]:
    """Each is `cuda:0` to its worker, which sees only what Ray gave it."""
    kind = node.gpu_title or "GPU"
    return [
        Slot(
            _slot_name(node, f"gpu{index}"), "cuda:0", f"{kind} {index} of {node.name}", node.gpu_bytes,
            node=node.node_id,
        )
        for index in range(node.gpus)
    ]


def processor_slot(node: Node) -> Slot:
    return Slot(_slot_name(node, "cpu"), "cpu", f"Processor of {node.name}", node.memory_bytes, node=node.node_id)


def digits_of(slot: str) -> str:
    """The first digits of the id of the node that a slot is of."""
    return slot.rpartition("-")[0].rpartition("-")[2]


def _slot_name(node: Node, part: str) -> str:
    """Readable, and unique: nodes may share a name, and a node that comes again is another."""
    readable = re.sub(r"[^A-Za-z0-9.]", "-", node.name)[:40]
    return f"{readable}-{node.node_id[:_NODE_DIGITS]}-{part}"


def _entrypoint(
    folder: ExperimentFolder, placement: Placement, settings: RaySettings, command: Sequence[str]
) -> str:
    """A line for the node's shell, in which every word of ours is quoted.

    It leaves at once if another attempt holds the folder's lease: Ray may begin a given-up job late. The worker
    replaces the shell, so that it leads the session that Ray ends, and never sees the cluster's own token.
    """
    # The interpreter alone is another on the nodes; what it is to run is the same.
    words = [settings.python if word == sys.executable else word for word in command]
    worker = shlex.join(["env", "-u", "RAY_AUTH_TOKEN", "-u", "PYTHONBREAKPOINT", *words, str(folder.path)])
    lease = shlex.join(["grep", "-qsF", json.dumps(placement.token), str(folder.placement)])
    lost = shlex.quote(f"Not begun: {folder.placement} is not there, or is of another attempt.")
    root, log = shlex.quote(settings.root), shlex.quote(str(folder.worker_log))
    return f"cd {root} && {{ {lease} || {{ echo {lost}; exit 3; }}; }} && exec {worker} >> {log} 2>&1"


def _environment(folder: ExperimentFolder) -> dict[str, str]:
    """Nothing of this process's own environment but what is ours and no secret."""
    passed = {name: os.environ[name] for name in _PASSED_ON if os.environ.get(name)}
    return passed | {
        "DISTILL_HOME": str(folder.home.path), "OMP_WAIT_POLICY": "PASSIVE", "PYTHONUNBUFFERED": "1",
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID", "RAY_JOB_STOP_WAIT_TIME_S": _SECONDS_OF_FORCE,
    }


def _processes(folder: ExperimentFolder) -> int:
    """As the spec asks for; one that cannot be read is for the worker to tell of."""
    try:
        return max(1, int(read_json(folder.spec).get("processes", 1)))
    except (OSError, ValueError, TypeError, AttributeError):
        return 1


def _gpu_share(placement: Placement, node: Node) -> float:
    """GPUs of Ray: whole ones, or of a shared one the part that the declared memory is, rounded up to hundredths."""
    if placement.gpu_memory_bytes and node.gpu_bytes and len(placement.slots) == 1:
        return min(1.0, max(0.01, math.ceil(100 * placement.gpu_memory_bytes / node.gpu_bytes) / 100))
    return float(len(placement.slots))
