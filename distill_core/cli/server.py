"""Starts the dashboard and tells where it is."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType

from distill_core.errors import Conflict

FIRST_PORT, PORTS_TO_TRY, LOOPBACK = 8501, 50, "127.0.0.1"
_LONGEST_START_SECONDS = 60.0
_APP = Path(__file__).resolve().parents[2] / "app.py"


def choose_port(wanted: int | None) -> int:
    """The wanted port, else the first free one from FIRST_PORT on. Raises Conflict."""
    if wanted is not None:
        if not _is_free(wanted):
            raise Conflict(f"Port {wanted} is taken or not allowed; choose another with --port, or leave it out.")
        return wanted
    for port in range(FIRST_PORT, FIRST_PORT + PORTS_TO_TRY):
        if _is_free(port):
            return port
    raise Conflict(f"All ports from {FIRST_PORT} to {FIRST_PORT + PORTS_TO_TRY - 1} are taken; choose one with --port.")


def has_screen() -> bool:
    """Whether a browser window could be seen; in a terminal session webbrowser would take over the terminal."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def door_settings(sign_in: str | None, allowed_hosts: Sequence[str]) -> dict[str, str]:
    """This process's environment with what was chosen here instead: the server reads its doors from there."""
    environment = dict(os.environ)
    if sign_in is not None:
        environment["DISTILL_SIGN_IN"] = sign_in
    if allowed_hosts:
        environment["DISTILL_ALLOWED_HOSTS"] = ",".join(allowed_hosts)
    return environment


def serve(
    port: int, path: str, *, open_browser: bool, on_ready: Callable[[str], None], address: str = LOOPBACK,
    environment: Mapping[str, str] | None = None, open_with: str = "",
) -> int:
    """Run the server until it ends or Ctrl-C; `on_ready` gets the address once it answers. Returns its exit code.

    The server refuses by itself to listen where strangers reach it without sign-in. `open_with`: a query that the
    browser is opened with.
    """
    # From its own folder, where Streamlit finds .streamlit/config.toml.
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", _APP.name, "--server.port", str(port), "--server.address", address,
         "--server.headless", "true"],
        cwd=_APP.parent, stdout=subprocess.DEVNULL, env=environment,
    )
    # Everywhere is here, too.
    host = LOOPBACK if address in ("0.0.0.0", "::", "") else f"[{address}]" if ":" in address else address
    url = f"http://{host}:{port}"

    def announce() -> None:
        if _answers(f"{url}/_stcore/health", server):
            on_ready(url + path)
            if open_browser:
                webbrowser.open(url + path + open_with)

    def leave(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # Whoever ends this process with a signal means the server too.
    signal.signal(signal.SIGTERM, leave)
    threading.Thread(target=announce, name="announce", daemon=True).start()
    try:
        return server.wait()
    except KeyboardInterrupt:
        # The terminal has told the server as well. Experiments go on: they are processes of their own.
        server.terminate()
        server.wait()
        return 0


def _answers(url: str, server: subprocess.Popen[bytes]) -> bool:
    until = time.monotonic() + _LONGEST_START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    return False


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    return True
