"""A real Ray cluster on this machine for tests: a head that takes no work, and nodes that can be killed."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from distill_core.executors.ray_head import HeadRefuses, HeadUnavailable, Node, RayHead

ROOT = Path(__file__).resolve().parents[1]
NEEDED = "needs Ray: make .venv-ray and install requirements-ray.txt there, or set DISTILL_RAY_BIN to its command"


def ray_command() -> str | None:
    """The `ray` that tests may start, in an environment of its own."""
    chosen = os.environ.get("DISTILL_RAY_BIN") or str(ROOT / ".venv-ray" / "bin" / "ray")
    return shutil.which(chosen)


class RayCluster:
    """Token authentication is on. Every node is one `ray start --block`, whose processes are its descendants."""

    def __init__(self, command: str) -> None:
        self._command = command
        # Short: names of sockets lie below it, and those have at most 107 letters.
        self.folder = Path(tempfile.mkdtemp(prefix="dlray", dir="/tmp"))
        self.token = secrets.token_hex(24)
        token_file = self.folder / "token"
        token_file.write_text(self.token)
        token_file.chmod(0o600)
        self._environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")} | {
            "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token_file), "OMP_NUM_THREADS": "1",
        }
        self._ip = "127.0.0.1"
        self._port, self._dashboard = free_port(), free_port()
        self.address = f"http://127.0.0.1:{self._dashboard}"
        self.head = RayHead(self.address, token=self.token)
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def settings(self) -> Mapping[str, str]:
        """The environment of who uses the cluster."""
        return {"DISTILL_RAY_ADDRESS": self.address, "DISTILL_RAY_TOKEN": self.token}

    def start(self, *, nodes: int) -> None:
        self._run(
            "head", "--head", f"--port={self._port}", "--dashboard-host=127.0.0.1",
            f"--dashboard-port={self._dashboard}", "--num-cpus=0", "--num-gpus=0", f"--temp-dir={self.folder / 't'}",
            "--include-dashboard=true", f"--ray-client-server-port={free_port()}",
        )
        wait_for(self._answers, seconds=90)
        # One after the other: nodes of one machine that start together take each other's ports, and hang.
        for number in range(nodes):
            self.add(f"node{number}")

    def add(self, name: str) -> None:
        """A node with two CPUs and one GPU that is none."""
        before = len(self.living())
        self._run(name, f"--address={self._ip}:{self._port}", f"--node-name={name}", "--num-cpus=2", "--num-gpus=1")
        wait_for(lambda: len(self.living()) > before, seconds=90)

    def living(self) -> list[Node]:
        """The nodes that take work."""
        return [node for node in self.head.nodes() if node.cpus]

    def kill(self, name: str) -> None:
        """As if the machine lost its power: every process of the node at once, its jobs among them."""
        started = self._started.pop(name)
        if started.poll() is None:
            process = psutil.Process(started.pid)
            for one in [process, *process.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    one.send_signal(signal.SIGKILL)
        started.wait(10)

    def close(self) -> None:
        for name in list(self._started)[::-1]:
            self.kill(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, name: str, *options: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self._started[name] = subprocess.Popen(
                [
                    self._command, "start", "--block", "--disable-usage-stats", f"--node-ip-address={self._ip}",
                    "--object-store-memory=80000000", *options,
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment, cwd=self.folder,
            )

    def _answers(self) -> bool:
        process = self._started["head"]
        assert process.poll() is None, (self.folder / "head.log").read_text()
        try:
            return len(self.head.nodes()) == 1
        except (HeadUnavailable, HeadRefuses):
            # It is coming up; the client leaves a silent head alone for a while.
            self.head = RayHead(self.address, token=self.token)
            return False


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_for(what: Callable[[], bool], *, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.1)
