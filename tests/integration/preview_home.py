"""Clients of real preview processes, for the tests of the process and of its answers."""

from __future__ import annotations

from distill_core.folders import Home
from distill_core.jobs.preview_client import PreviewClient, connect


def make_client(home: Home, version: str = "v1", idle_seconds: float = 60.0) -> PreviewClient:
    return PreviewClient(home, idle_seconds=idle_seconds, version=lambda: version)


def end(home: Home) -> None:
    """End the process of this home, if one listens, without starting one."""
    connection = connect(home)
    if connection is not None:
        with connection:
            connection.sendall(b'{"kind": "leave"}\n')
            connection.recv(100)
