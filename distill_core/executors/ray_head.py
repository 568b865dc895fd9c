"""Speaks with a Ray cluster's head over HTTP: its nodes and its jobs, in the words of Ray's REST API."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from time import monotonic as time_monotonic
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from distill_core.errors import LabError
from distill_core.executors.executor import ExecutorUnavailable

OLDEST_RAY = (2, 60)
"""Jobs that are bound to a node by its label, and a token on every route: the release that this was tried with."""
JobStatus = Literal["PENDING", "RUNNING", "STOPPED", "SUCCEEDED", "FAILED"]
_STATUSES: frozenset[str] = frozenset({"PENDING", "RUNNING", "STOPPED", "SUCCEEDED", "FAILED"})
_SECONDS_TO_ANSWER = 5.0
# A head that hangs must not hold up the dispatcher once for every experiment.
_SECONDS_LEFT_ALONE = 5.0
_MOST_BYTES = 16 * 2**20
_LONGEST_ANSWER = 200
_TOKEN_REMEDY = "Set DISTILL_RAY_TOKEN to the one that the cluster was started with."


class HeadUnavailable(ExecutorUnavailable):
    """The head does not answer, or not as a Ray head does; it may soon."""


class HeadRefuses(LabError):
    """The head answers, but does not let us in or do what it was asked."""


@dataclass(frozen=True)
class Node:
    """A living node. `gpu_bytes` is the memory of one of its GPUs, 0 where Ray does not tell."""

    node_id: str
    name: str
    address: str
    cpus: float
    gpus: int
    memory_bytes: int
    gpu_title: str
    gpu_bytes: int


@dataclass(frozen=True)
class Job:
    """`saw_exit`: Ray itself saw the process end, or that there never was one; else it lost sight of it."""

    status: JobStatus
    message: str
    saw_exit: bool

    @property
    def is_over(self) -> bool:
        return self.status not in ("PENDING", "RUNNING")


class RayHead:
    """One head. Every call raises HeadUnavailable or HeadRefuses; nothing is followed to another address."""

    def __init__(
        self, address: str, *, token: str = "", seconds: float = _SECONDS_TO_ANSWER,
        monotonic: Callable[[], float] = time_monotonic,
    ) -> None:
        """`address`: http://HOST:PORT of the head's dashboard. `seconds`: until an unanswered question is given up."""
        self.address = address.rstrip("/")
        self._token, self._seconds, self._monotonic = token, seconds, monotonic
        self._silence: tuple[float, HeadUnavailable] | None = None

    def version(self) -> str:
        """The release of Ray; HeadRefuses for one that is too old."""
        version = str(_member(self._get("/api/version"), "ray_version", str, self.address))
        numbers = [int(part) for part in version.split(".")[:2] if part.isdecimal()]
        if tuple(numbers) < OLDEST_RAY:
            oldest = ".".join(str(number) for number in OLDEST_RAY)
            raise HeadRefuses(f"The cluster at {self.address} runs Ray {version}; {oldest} or later is needed.")
        return version

    def nodes(self) -> list[Node]:
        """The living nodes that take work, in the order of their names."""
        data = _member(self._get("/api/v0/nodes?detail=true&limit=10000"), "data", dict, self.address)
        rows = _member(_member(data, "result", dict, self.address), "result", list, self.address)
        try:
            living = [row for row in rows if row["state"] == "ALIVE"]
            graphics = self._graphics() if any(row["resources_total"].get("GPU") for row in living) else {}
            nodes = [_node(row, graphics) for row in living]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _not_ray(self.address) from error
        return sorted(nodes, key=lambda node: (node.name, node.node_id))

    def job(self, submission_id: str) -> Job | None:
        """None if the head knows no such job."""
        found = self._call("GET", _job_path(submission_id), missing_is_none=True)
        if found is None:
            return None
        status = _member(found, "status", str, self.address)
        if status not in _STATUSES:
            raise _not_ray(self.address)
        # FAILED without a code: the node or the process that watched it is gone, or it never came to be.
        never_ran = not found.get("driver_node_id")
        saw_exit = status in ("STOPPED", "SUCCEEDED") or found.get("driver_exit_code") is not None or never_ran
        return Job(status, str(found.get("message") or ""), saw_exit)

    def submit(self, request: Mapping[str, Any]) -> None:
        """Submit a job; a lost answer is no failure if the head then knows the job."""
        try:
            self._call("POST", "/api/jobs/", body=request)
        except (HeadUnavailable, HeadRefuses):
            self._silence = None
            if self.job(str(request["submission_id"])) is None:
                raise

    def stop(self, submission_id: str) -> None:
        """Have the job's processes ended; a job that is over or unknown is let be."""
        self._call("POST", f"{_job_path(submission_id)}/stop", missing_is_none=True)

    def forget(self, submission_id: str) -> None:
        """Delete the record of a job that is over."""
        self._call("DELETE", _job_path(submission_id), missing_is_none=True)

    def _graphics(self) -> dict[str, tuple[str, int]]:
        """By node id: title and memory in bytes of a GPU, as the node's own agent reads them."""
        found = {}
        data = _member(self._get("/nodes?view=summary"), "data", dict, self.address)
        for row in _member(data, "summary", list, self.address):
            gpus = [gpu for gpu in row.get("gpus") or [] if isinstance(gpu, dict)]
            node_id = (row.get("raylet") or {}).get("nodeId")
            if gpus and node_id:
                # The smallest, for who is placed there may get any; the agent counts in MiB.
                least = min(gpus, key=lambda gpu: int(gpu.get("memoryTotal") or 0))
                found[str(node_id)] = (str(least.get("name") or ""), int(least.get("memoryTotal") or 0) * 2**20)
        return found

    def _get(self, path: str) -> dict[str, Any]:
        found = self._call("GET", path)
        assert found is not None
        return found

    def _call(
        self, method: str, path: str, *, body: Mapping[str, Any] | None = None, missing_is_none: bool = False
    ) -> dict[str, Any] | None:
        if self._silence is not None and self._monotonic() < self._silence[0]:
            raise self._silence[1]
        try:
            status, content = self._answer(method, path, body)
            if status == 404 and missing_is_none:
                return None
            self._check(status, content)
            try:
                found = json.loads(content)
            except ValueError as error:
                raise _not_ray(self.address) from error
            if not isinstance(found, dict):
                raise _not_ray(self.address)
        except HeadUnavailable as error:
            self._silence = (self._monotonic() + _SECONDS_LEFT_ALONE, error)
            raise
        self._silence = None
        return found

    def _answer(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, bytes]:
        parts = urlsplit(self.address)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=self._seconds)
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            content = None if body is None else json.dumps(body).encode()
            connection.request(method, parts.path + path, body=content, headers=headers)
            response = connection.getresponse()
            return response.status, response.read(_MOST_BYTES)
        except (OSError, HTTPException) as error:
            why = "no answer in time" if isinstance(error, TimeoutError) else _in_words(error)
            raise HeadUnavailable(
                f"The Ray head at {self.address} does not answer ({why}). Start it, or correct DISTILL_RAY_ADDRESS."
            ) from error
        finally:
            connection.close()

    def _check(self, status: int, content: bytes) -> None:
        if status == 200:
            return
        if status == 401:
            raise HeadRefuses(f"The Ray head at {self.address} asks for a token. {_TOKEN_REMEDY}")
        if status == 403:
            raise HeadRefuses(f"The Ray head at {self.address} refuses this token. {_TOKEN_REMEDY}")
        if 300 <= status < 400:
            raise HeadRefuses(
                f"{self.address} sends its callers elsewhere, which is not followed. Set DISTILL_RAY_ADDRESS to where "
                "the Ray head itself answers."
            )
        said = " ".join(content.decode("utf-8", "replace").split())[-_LONGEST_ANSWER:]
        if status >= 500:
            raise HeadUnavailable(f"The Ray head at {self.address} is in trouble (status {status}: {said}).")
        if status == 404:
            raise _not_ray(self.address)
        raise HeadRefuses(f"The Ray head at {self.address} refuses (status {status}: {said}).")


def _node(row: Mapping[str, Any], graphics: Mapping[str, tuple[str, int]]) -> Node:
    resources, node_id = row["resources_total"], str(row["node_id"])
    title, gpu_bytes = graphics.get(node_id, ("", 0))
    return Node(
        node_id=node_id, name=str(row.get("node_name") or row["node_ip"]), address=str(row["node_ip"]),
        cpus=float(resources.get("CPU", 0)), gpus=int(resources.get("GPU", 0)),
        memory_bytes=int(resources.get("memory", 0)), gpu_title=title, gpu_bytes=gpu_bytes,
    )


def _job_path(submission_id: str) -> str:
    return f"/api/jobs/{quote(submission_id, safe='')}"


def _member(found: Mapping[str, Any], name: str, kind: type, address: str) -> Any:
    value = found.get(name)
    if not isinstance(value, kind):
        raise _not_ray(address)
    return value


def _not_ray(address: str) -> HeadUnavailable:
    return HeadUnavailable(
        f"What answers at {address} does not answer as a Ray head does. Set DISTILL_RAY_ADDRESS to its dashboard, such "
        "as http://head:8265."
    )


def _in_words(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
